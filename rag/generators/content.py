"""The final answer in what a chat model wrote: leaked reasoning and control tokens are taken out, also while it is written.

It knows the habits of servers that fail to parse the channels of gpt-oss, and `<think>`; other forms of reasoning it cannot
tell from an answer.
"""

import re
from collections.abc import Iterator

# How a message begins when a server passes on what it should have parsed.
_START = r"\s*(?:<\|start\|>\s*assistant\s*)?(?:<\|channel\|>\s*)?"
# A sentence of an answer begins with a capital; these words in small letters are the name of a channel.
_CHANNEL = re.compile(_START + r"(?:analysis|commentary)")
_LEAK = re.compile(
    _START
    + r"(?:analysis|commentary).*?(?:<\|channel\|>|assistant)\s*final(?:[^<>\n]{0,40}<\|constrain\|>\s*\w*)?(?:<\|message\|>)?",
    re.DOTALL,
)
_HEADER = re.compile(
    r"\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*final[^<>\n]{0,40}(?:<\|constrain\|>\s*\w*)?<\|message\|>"
)
_OPENINGS = tuple(f"{token}{name}" for token in ("", "<|channel|>") for name in ("analysis", "commentary"))
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_THOUGHT = "</think>"
_CONTROL = re.compile(r"<\|[^|<>\n]{0,40}\|>")
# One of these ends the answer: what follows is another message, or the header of one.
_END = re.compile(r"<\|(?:end|return|call|start|channel|message|im_start|im_end|eot_id|endoftext)\|>")
_OPEN_CONTROL = re.compile(r"<(?:\|(?:[^|<>\n]{0,40}\|?)?)?\Z")
_SENTENCE_END = re.compile(r"[.!?](?:\s*\[\d+\])*(?=\s|$)")


def clean_content(content: str, *, is_cut: bool = False) -> str:
    """Keep the final answer only: leaked reasoning and control tokens go, and so does a last sentence that was cut off."""
    content = _THINK.sub("", content).rpartition(_THOUGHT)[2]
    begun = _LEAK.match(content) or _HEADER.match(content)
    if begun:
        content = content[begun.end() :]
    elif _CHANNEL.match(content):
        return ""  # reasoning that never came to an answer
    content = _answer_of(content).strip()
    return content[: max(_ends(content), default=0)] if is_cut else content


class ContentGuard:
    """`clean_content` for text that comes in pieces: it holds back what may yet turn out to be no part of the answer.

    That is a first word that may name a channel, everything after a word that does, an open tag or control token, and the
    last sentence, which goes if the text is cut off. Joined, the pieces given are what `clean_content` makes of the whole,
    unless the text turns out to be reasoning after some of it was given: then `is_betrayed`, and no more is given.
    """

    def __init__(self) -> None:
        self._content = ""
        self._given = 0
        self.is_betrayed = False

    @property
    def has_content(self) -> bool:
        """True once anything came, be it part of the answer or not."""
        return bool(self._content.strip())

    def feed(self, piece: str) -> Iterator[str]:
        """Take a piece in; gives what has become certain, if anything has."""
        self._content += piece
        self.is_betrayed = self._given > 0 and _THOUGHT in _THINK.sub("", self._content)
        certain = "" if self.is_betrayed else self._certain()
        # A full stop at the end of what came so far may be the point of a number: only white space after it is certain.
        yield from self._more(certain[: max(_ends(certain, len(certain)), default=0)])

    def finish(self, *, is_cut: bool) -> Iterator[str]:
        """Give the rest."""
        if not self.is_betrayed:
            yield from self._more(clean_content(self._content, is_cut=is_cut))

    def _more(self, text: str) -> Iterator[str]:
        if len(text) > self._given:
            yield text[self._given :]
            self._given = len(text)

    def _certain(self) -> str:
        """The cleaned text as far as it will not change, with the white space after it."""
        content = self._content
        start = next((n for tag in ("<think>", _THOUGHT) for n in range(len(tag) - 1, 0, -1) if content.endswith(tag[:n])), 0)
        content = _THINK.sub("", content[: len(content) - start]).rpartition(_THOUGHT)[2]
        begun = content.lstrip()
        # A header is cheap to wait for: whatever begins like one is given at the end.
        if _CHANNEL.match(content) or begun.startswith("<|") or any(opening.startswith(begun) for opening in _OPENINGS):
            return ""
        open_token = _OPEN_CONTROL.search(content)
        return _answer_of(content[: open_token.start()] if open_token else content).lstrip()


def _answer_of(content: str) -> str:
    """What stands before the end of the message, without other control tokens, and without those that open it."""
    content = re.sub(r"^(?:\s*<\|[^|<>\n]{0,40}\|>(?:\s*assistant\b)?)+", "", content)
    end = _END.search(content)
    return _CONTROL.sub(" ", content[: end.start()] if end else content)


def _ends(content: str, before: int | None = None) -> Iterator[int]:
    """Where sentences end, followed by white space or by nothing; with `before`, only those that end before it."""
    ends = (match.end() for match in _SENTENCE_END.finditer(content))
    return (end for end in ends if before is None or end < before)
