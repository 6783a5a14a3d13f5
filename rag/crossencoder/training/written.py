r"""Rows from `data/checking/training`: passages, claims and questions that were written for this project.

Each item of a file is a block of lines, divided by blank lines; `crossed` behind the domain says that the passage is English:

    # en companies               language and domain
    P: the passage, where \n stands for a line break
    S: a claim that it supports
    C: a claim that it contradicts, the {{wrong words}} in braces
    N: a claim that it does not state, the {{words it lacks}} in braces
    Q: a question => the answer in the passage's own words
    U: a question that it does not answer

True claims are said in other words than the passage, false ones often in its own, which no other set here teaches. So that the
wording alone says nothing, sentences of the passage are true claims too, and what is left of a false one without the words that
were added to it. Claims are read as the checker reads them, now and then between other passages of the file.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.sentences import sentence_spans
from rag.checker.check import Checker
from rag.checker.support import LogisticSupport
from rag.crossencoder.inputs import Span, passage_pair
from rag.crossencoder.training.claim_input import claim_input
from rag.crossencoder.training.rows import SEED, Row, tags_of

_LINE = re.compile(r"^([PSCNQU]): (.+)$")
_WORD = re.compile(r"\w+")
_MARKED = re.compile(r"\{\{(.+?)\}\}")
_CLASSES = {"S": 0, "C": 1, "N": 2}
_BESIDE = 0.35  # share of the claims whose passage stands among others
_UNRELATED = 0.2  # share of the claims that are also read beside other passages alone
_ELSEWHERE = 0.4  # share of the questions that are also asked of another passage
_COPIES = 5  # sentences of each passage that are claims as they stand
_COPY_WORDS = range(4, 36)
_MIN_COPIED = 0.85  # share of the words that stand in the passage, where an addition was taken out
_HELD_OUT = 16  # one item in so many is not trained on


@dataclass
class Item:
    """One passage; claims as (kind, text without braces, marked ranges), questions as (question, answer or None)."""

    language: str
    domain: str
    passage: str = ""
    claims: list[tuple[str, str, list[Span]]] = field(default_factory=list)
    questions: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def is_held_out(self) -> bool:
        """True for the part that is left out of the training to measure with."""
        return hashlib.sha256(self.passage.encode()).digest()[0] % _HELD_OUT == 0


def written_rows(folder: Path, *, held_out: bool = False) -> Iterator[Row]:
    """Rows of all files of a folder, in the order of their names; those trained on, or those that are not."""
    for path in sorted(folder.glob("*.txt")):
        items = read_items(path)
        chosen = [item for item in items if item.is_held_out == held_out]
        yield from _rows(chosen, items, random.Random(f"{SEED} {path.name}"))


def read_items(path: Path) -> list[Item]:
    """The items of a file.

    Raises: ValueError for a line that is none of the format, naming file and line.
    """
    items: list[Item] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("# "):
            language, _, domain = line[2:].partition(" ")
            items.append(Item(language, domain))
            continue
        found = _LINE.match(line)
        if found is None or not items:
            raise ValueError(
                f"{path.name}, line {number}: not an item: `{line[:60]}`. Write `# LANGUAGE DOMAIN`, then `P: ...`."
            )
        _take(items[-1], found[1], found[2].strip().replace("\\n", "\n"))
    return items


def _take(item: Item, kind: str, text: str) -> None:
    if kind == "P":
        item.passage = text
    elif kind in _CLASSES:
        item.claims.append((kind, *_unmarked(text)))
    elif kind == "Q":
        question, _, answer = text.rpartition(" => ")
        item.questions.append((question.strip(), answer.strip()))
    else:
        item.questions.append((text, None))


def _unmarked(text: str) -> tuple[str, list[Span]]:
    """A claim without braces, and the ranges that they held."""
    plain, spans, position = "", [], 0
    for found in _MARKED.finditer(text):
        plain += text[position : found.start()]
        spans.append((len(plain), len(plain) + len(found[1])))
        plain += found[1]
        position = found.end()
    return plain + text[position:], spans


def held_out_pairs(folder: Path) -> Iterator[dict[str, Any]]:
    """Claims of what was left out in the format of benchmark pairs, some of them once more beside an unrelated passage."""
    for path in sorted(folder.glob("*.txt")):
        items = read_items(path)
        rng = random.Random(f"{SEED} {path.name}")
        for item in (item for item in items if item.is_held_out):
            others = [other.passage for other in items if other.language == item.language and other is not item]
            for kind, claim, wrong in item.claims:
                texts = [item.passage, *rng.sample(others, 2 if rng.random() < _BESIDE else 0)]
                yield _pair(claim, rng.sample(texts, len(texts)), [] if kind == "S" else wrong)
                if rng.random() < _UNRELATED:
                    yield _pair(claim, [rng.choice(others)], [(0, len(claim))])


def _pair(claim: str, texts: Sequence[str], wrong: Sequence[Span]) -> dict[str, Any]:
    return {
        "answer": claim,
        "sources": [{"id": f"s{number}", "text": text} for number, text in enumerate(texts, 1)],
        "label": "unsupported" if wrong else "supported",
        "spans": [{"start": start, "end": end} for start, end in wrong],
    }


def _rows(items: Sequence[Item], pool: Sequence[Item], rng: random.Random) -> Iterator[Row]:
    checker = Checker(model=LogisticSupport())
    for item in items:
        others = [other for other in pool if other.language == item.language and other is not item]
        for kind, claim, wrong in [*item.claims, *_true_copies(item, rng)]:
            texts = [item.passage]
            if rng.random() < _BESIDE:
                texts += [other.passage for other in rng.sample(others, min(2, len(others)))]
                rng.shuffle(texts)
            found, at = claim_input(checker, claim, texts, "")
            yield Row(
                found.ids,
                len(found.first),
                f"written {item.language}",
                _CLASSES[kind],
                tags_of(found, at, wrong, is_known=True),
            )
            if others and rng.random() < _UNRELATED:
                found, _ = claim_input(checker, claim, [rng.choice(others).passage], "")
                yield Row(found.ids, len(found.first), "written unrelated", 2)
        for question, answer in item.questions:
            yield from _question_rows(item, question, answer)
            if others and rng.random() < _ELSEWHERE:
                found, _ = passage_pair(question, "", rng.choice(others).passage)
                yield Row(found.ids, len(found.first), f"written questions {item.language}", answers=0, span=(0, 0))


def _true_copies(item: Item, rng: random.Random) -> Iterator[tuple[str, str, list[Span]]]:
    """Claims in the passage's own words that it supports: some of its sentences, and claims without what was added to them."""
    passage = item.passage
    sentences = [passage[a:b] for a, b in sentence_spans(passage) if len(passage[a:b].split()) in _COPY_WORDS]
    for sentence in rng.sample(sentences, min(_COPIES, len(sentences))):
        yield "S", sentence, []
    known = set(_WORD.findall(passage.casefold()))
    for kind, claim, wrong in item.claims:
        if kind == "N" and len(wrong) == 1 and wrong[0][0] > 0:
            left = re.sub(r"\s+([,.;])", r"\1", claim[: wrong[0][0]].rstrip(" ,;") + claim[wrong[0][1] :])
            words = _WORD.findall(left.casefold())
            if len(words) in _COPY_WORDS and sum(word in known for word in words) >= _MIN_COPIED * len(words):
                yield "S", left, []


def _question_rows(item: Item, question: str, answer: str | None) -> Iterator[Row]:
    found, at = passage_pair(question, "", item.passage)
    span = (0, 0)
    if answer is not None:
        start = item.passage.find(answer)
        low, high = found.second_tokens(at + start, at + start + len(answer))
        if start < 0 or high <= low:  # cut off
            return
        span = (low, high - 1)
    yield Row(found.ids, len(found.first), f"written questions {item.language}", answers=int(answer is not None), span=span)
