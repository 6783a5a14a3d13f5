"""A pair of texts as the cross-encoder reads it: [CLS] first [SEP] second [SEP], with the place of every token in its text.

The first text is a claim (after the sentence that it leans on) or a question, the second the evidence or a passage.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer

from ingest.minilm.engine import packaged_model_folder

MAX_TOKENS = 256
MAX_FIRST_TOKENS = 88
MAX_TITLE_CHARS = 80
CLS, SEP = 101, 102  # of the vocabulary of BERT, which the packaged MiniLM has

Span = tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """Token ids of a pair; `first` and `second` say for each token between the marks which characters of its text it is."""

    ids: tuple[int, ...]
    first: tuple[Span, ...]
    second: tuple[Span, ...]

    @property
    def second_at(self) -> int:
        """Position of the first token of the second text."""
        return len(self.first) + 2

    def types(self) -> list[int]:
        """Segment of each token: 0 up to the first [SEP], then 1."""
        return [0] * self.second_at + [1] * (len(self.second) + 1)

    def second_tokens(self, start: int, end: int) -> Span:
        """Half-open range of positions whose tokens cover characters `start:end` of the second text; empty if cut off."""
        low = bisect_left(self.second, start + 1, key=lambda span: span[1])
        high = bisect_left(self.second, end, key=lambda span: span[0])
        return self.second_at + low, self.second_at + high


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """The tokenizer of the packaged model, without truncation or padding."""
    found = Tokenizer.from_file(str(packaged_model_folder() / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def pair(first: str, second: str, max_tokens: int = MAX_TOKENS) -> Pair:
    """Read two texts as one input.

    What is too long is cut: the first text at its start (a claim stands last in it), the second at its end.
    """
    found = tokenizer().encode_batch([first, second], add_special_tokens=False)
    a_ids, a_spans = found[0].ids[-MAX_FIRST_TOKENS:], found[0].offsets[-MAX_FIRST_TOKENS:]
    room = max_tokens - 3 - len(a_ids)
    b_ids, b_spans = found[1].ids[:room], found[1].offsets[:room]
    return Pair((CLS, *a_ids, SEP, *b_ids, SEP), tuple(a_spans), tuple(b_spans))


def passage_pair(question: str, context: str, text: str) -> tuple[Pair, int]:
    """The input for a question and a passage under its innermost heading, and where the passage starts in the second text."""
    title = context.rsplit(" > ", 1)[-1][:MAX_TITLE_CHARS]
    lead = f"{title}: " if title else ""
    return pair(question, lead + text), len(lead)


def count_tokens(text: str) -> int:
    """Tokens of a text, without marks."""
    return len(tokenizer().encode(text, add_special_tokens=False).ids)
