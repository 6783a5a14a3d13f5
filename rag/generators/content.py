"""The final answer in what a chat model wrote: leaked reasoning and control tokens are taken out, also while it is written.

It knows the habits of servers that fail to parse the channels of gpt-oss, and `<think>`; other forms of reasoning it cannot
tell from an answer.
"""

import re
from collections.abc import Iterator

# What a chain of thought looks like when a server fails to parse the channels of gpt-oss.
_LEAK = re.compile(
    r"^\s*(?:<\|channel\|>)?(?:analysis|commentary).*?(?:<\|channel\|>|assistant)\s*final(?:<\|message\|>)?", re.DOTALL
)
# A sentence of an answer begins with a capital; these words in small letters are the name of a channel.
_CHANNEL = re.compile(r"\s*(?:<\|channel\|>)?(?:analysis|commentary)")
_CHANNEL_OPENINGS = tuple(f"{token}{name}" for token in ("", "<|channel|>") for name in ("analysis", "commentary"))
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_CONTROL = re.compile(r"<\|[^|<>\n]{0,40}\|>")
_OPEN_CONTROL = re.compile(r"<(?:\|(?:[^|<>\n]{0,40}\|?)?)?\Z")
_SENTENCE_END = re.compile(r"[.!?](?:\s*\[\d+\])*(?=\s|$)")


def clean_content(content: str, *, is_cut: bool = False) -> str:
    """Keep the final answer only: leaked reasoning and control tokens go, and so does a last sentence that was cut off."""
    content = _THINK.sub("", content)
    leaked = _LEAK.match(content)
    if leaked:
        content = content[leaked.end() :]
    elif _CHANNEL.match(content):
        return ""  # reasoning that never came to an answer
    content = _CONTROL.sub(" ", content).strip()
    return content[: max(_ends(content), default=0)] if is_cut else content


class ContentGuard:
    """`clean_content` for text that comes in pieces: it holds back what may yet turn out to be no part of the answer.

    That is a first word that may name a channel, everything after a word that does, an open tag or control token, and the
    last sentence, which goes if the text is cut off. Joined, the pieces given are what `clean_content` makes of the whole.
    """

    def __init__(self) -> None:
        self._content = ""
        self._given = 0

    def feed(self, piece: str) -> Iterator[str]:
        """Take a piece in; gives what has become certain, if anything has."""
        self._content += piece
        certain = self._certain()
        # A full stop at the end of what came so far may be the point of a number: only white space after it is certain.
        yield from self._more(certain[: max(_ends(certain, len(certain)), default=0)])

    def finish(self, *, is_cut: bool) -> Iterator[str]:
        """Give the rest."""
        yield from self._more(clean_content(self._content, is_cut=is_cut))

    def _more(self, text: str) -> Iterator[str]:
        if len(text) > self._given:
            yield text[self._given :]
            self._given = len(text)

    def _certain(self) -> str:
        """The cleaned text as far as it will not change, with the white space after it."""
        content = self._content
        start = next((n for n in range(6, 0, -1) if content.endswith("<think>"[:n])), 0)
        content = _THINK.sub("", content[: len(content) - start])
        if _CHANNEL.match(content) or any(opening.startswith(content.lstrip()) for opening in _CHANNEL_OPENINGS):
            return ""
        open_token = _OPEN_CONTROL.search(content)
        return _CONTROL.sub(" ", content[: open_token.start()] if open_token else content).lstrip()


def _ends(content: str, before: int | None = None) -> Iterator[int]:
    """Where sentences end, followed by white space or by nothing; with `before`, only those that end before it."""
    ends = (match.end() for match in _SENTENCE_END.finditer(content))
    return (end for end in ends if before is None or end < before)
