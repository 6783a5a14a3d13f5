"""The text of the channel `final` on its way out: no open marker, no look-alike of a control token, no sentence cut short.

What is given piece by piece is, joined, what `clean` makes of the whole.
"""

import re
from collections.abc import Iterator

from rag.generators.harmony.displays import MARKER

_CONTROL = re.compile(r"<\|[^|<>\n]{0,40}\|>")
# What may yet become a marker or a look-alike of a control token.
_OPEN = re.compile(r"(?:【[^【】\n]{0,80}|<(?:\|[^|<>\n]{0,40}\|?)?)\Z")
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’»)]*(?:\s*(?:【[^【】\n]{1,80}】|\[\d{1,3}\]))*(?=\s|$)")


def clean(text: str, *, is_cut: bool) -> str:
    """Take out what is no part of an answer; a text that was cut off ends with its last whole sentence."""
    text = text[: max(_ends(text, len(text) + 1), default=0)] if is_cut else text
    parts, position = [], 0
    for marker in MARKER.finditer(text):
        # A marker that holds a look-alike of a control token is none.
        named = _plain(marker[0]) if _CONTROL.search(marker[0]) else marker[0]
        parts += [_plain(text[position : marker.start()]), named]
        position = marker.end()
    return "".join([*parts, _plain(text[position:])]).strip()


class FinalGuard:
    """`clean` for a text that comes in pieces: all but the last sentence is given as soon as the next one begins."""

    def __init__(self) -> None:
        self._text = ""
        self._n_given = 0

    def feed(self, piece: str) -> str:
        """Take a piece in; returns what has become certain."""
        self._text += piece
        open_part = _OPEN.search(self._text)
        sure = open_part.start() if open_part else len(self._text)
        news = clean(self._text[: max(_ends(self._text, sure), default=0)], is_cut=False)[self._n_given :]
        self._n_given += len(news)
        return news


def _plain(text: str) -> str:
    return _CONTROL.sub(" ", text).replace("【", "").replace("】", "")


def _ends(text: str, before: int) -> Iterator[int]:
    """Where sentences end before a position and outside of markers; the end of a text still growing is no such place."""
    inside = [match.span() for match in (*MARKER.finditer(text), *_CONTROL.finditer(text))]
    for match in _SENTENCE_END.finditer(text):
        if match.end() < before and not any(a < match.start() < b for a, b in inside):
            yield match.end()
