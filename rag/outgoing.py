"""The last look at what a language model wrote before anything of it is shown, whichever generator it came from.

    plain          no control tokens, no characters that a reader does not see or that steer a terminal
    link_cuts      what to take out: addresses, links and images that the sources which a claim cites do not contain

Quotations are not its business: their words are the source's.
"""

import re
from collections.abc import Callable, Sequence

_CONTROL = re.compile(r"<\|[^|<>\n]{0,40}\|>")
# Zero width, marks of direction, tags and variation selectors (which can carry a hidden message), and control characters.
# The joiners U+200C and U+200D stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
_TARGET = r"\(\s*<?(?P<{name}>(?:[^()<>\s]|\([^()\s]*\))*)>?(?:\s+[^()\n]{{0,200}})?\s*\)"
_LINK = re.compile(
    r"!\[(?P<alt>[^\[\]\n]{0,300})\]" + _TARGET.format(name="image")
    + r"|\[(?P<label>[^\[\]\n]{0,300})\]" + _TARGET.format(name="link")
    + r"|(?P<tag></?(?:a|img|iframe|script|link|form|object|embed|video|audio|source|svg|style|base|meta)\b[^<>]{0,2000}>)"
    + r"|[<(]?(?P<url>\b(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>\"'`|\\^{}]+"
    + r"|\b(?:data|javascript|vbscript|blob|file):[^\s<>\"'`]{3,}"
    + r"|(?<![\w.-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,20}[a-z]{2,24}(?::\d+)?/[^\s<>\"'`|\\^{}]*)",
    re.IGNORECASE,
)  # fmt: skip
_TRAILING = ".,;:!?)]}*_'\"”’»>"


def plain(text: str) -> str:
    """The text without control tokens and unseen characters."""
    return _CONTROL.sub(" ", _UNSEEN.sub("", text))


def link_cuts(text: str, sources_at: Callable[[int], Sequence[str]]) -> list[tuple[int, int]]:
    """Ranges to take out: every address that its sources do not contain; of a link the words stay, of an image nothing.

    `sources_at`: the texts that the claim at a position cites.
    """
    cuts: list[tuple[int, int]] = []
    for match in _LINK.finditer(text):
        if match["tag"] is not None:
            cuts.append(match.span())
        elif match["image"] is not None:
            cuts.append((_before(text, match.start()), match.end()))
        elif match["url"] is not None:
            start, end = match.span("url")
            end = start + len(match["url"].rstrip(_TRAILING))
            if not _is_in(text[start:end], sources_at(match.start())):
                is_wrapped = text[start - 1 : start] in ("<", "(") and text[end : end + 1] in (">", ")")
                cuts.append((_before(text, start - is_wrapped), end + is_wrapped))
        elif not _is_in(match["link"], sources_at(match.start())):
            start, end = match.span("label")
            cuts += [(match.start(), start), (end, match.end())]
    return cuts


def _before(text: str, start: int) -> int:
    """Where the blanks before a position begin."""
    return len(text[:start].rstrip(" \t"))


def _is_in(address: str, sources: Sequence[str]) -> bool:
    # As a whole: a source with `example.org/a` does not vouch for `example.org/a?q=secret`, nor for a part of its own address.
    edged = re.compile(rf"(?<![\w./:?&=%#-]){re.escape(address)}(?![\w/?&=%#-]|[.:][\w/])")
    return bool(address) and any(edged.search(source) for source in sources)
