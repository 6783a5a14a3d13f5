"""What a reader of rendered Markdown does not see: comments, hidden HTML, characters without a shape.

It is put out by blanks of equal length, so that every position stays one in the user's own file. Code is shown as it stands.
"""

import re

from ingest.errors import LoadError
from ingest.loaders import html

_OPENING = re.compile(  # whichever begins first holds: a comment in code is code, a fence in a comment is none
    r"^ {0,3}(?P<fence>```+|~~~+)[^\n]*\n|(?<!`)(?P<ticks>`+)(?!`)[^\n]*?(?<!`)(?P=ticks)(?!`)"
    r"|(?P<comment>(?P<block>^ {0,3})?<!--)|<(?P<unshown>script|style|template)\b[^<>]*>",
    re.MULTILINE | re.IGNORECASE,
)
_DEFINED = re.compile(  # a link that leads nowhere, with the comment for its title
    r"^ {0,3}\[(?!\^)[^\]\n]{1,99}\]:[ \t]*(?://|<#?>|#)[ \t]*(?:\r?\n[ \t]*)?"
    r"(?:\([^\n]*\)|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\r?$",
    re.MULTILINE,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:\s[^<>]*)?)>")
_TELLING = re.compile(r"\b(?:style|hidden|class|id|color)\b", re.IGNORECASE)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
# The flags of England, Scotland and Wales are written with tags; one joiner by itself shapes letters and emoji.
_SHAPELESS = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007e]{1,6}\U000e007f|[\U000e0000-\U000e007f]+|[\u200b-\u200f\u2060-\u2064\ufeff]{3,}"
)
_MAX_DEPTH = 30
_INK = re.compile(r"\S")

Span = tuple[int, int]


def without_shapeless(text: str) -> tuple[str, int]:
    """Text with blanks for tags and runs of marks without width, and how many of them there were."""
    spans = [found.span() for found in _SHAPELESS.finditer(text) if not found.group().startswith("\U0001f3f4")]
    return _blanked(text, spans)


def without_unseen(text: str) -> tuple[str, int]:
    """Markdown with blanks for what a reader does not see, and the number of characters that were put out."""
    text, n_shapeless = without_shapeless(text)
    if "<" not in text and "]:" not in text:
        return text, n_shapeless
    code, unshown = _code_and_unshown(text)
    styles = "".join(text[start:end] for start, end in unshown if text[start : start + 6].lower() == "<style")
    text, n_unshown = _blanked(text, unshown)
    bare, _ = _blanked(text, code)
    text, n_defined = _blanked(text, [found.span() for found in _DEFINED.finditer(bare)])
    text, n_hidden = _blanked(text, _hidden(text, bare, styles))
    return text, n_shapeless + n_unshown + n_defined + n_hidden


def _code_and_unshown(text: str) -> tuple[list[Span], list[Span]]:
    """Where code stands, and where comments and elements that no browser shows do."""
    code: list[Span] = []
    unshown: list[Span] = []
    never_closed: set[str] = set()
    position = 0
    while found := _OPENING.search(text, position):
        kind = (found["fence"] or found["unshown"] or found["comment"] or "").strip().lower()
        position = found.end()
        if found["ticks"]:
            code.append(found.span())
        elif found["fence"]:
            closing = re.compile(rf"^ {{0,3}}{kind}[`~]*[ \t]*\r?$", re.MULTILINE).search(text, position)
            position = closing.end() if closing else len(text)
            code.append((found.start(), position))
        elif kind not in never_closed:
            mark = "-->" if found["comment"] else f"</{kind}"
            closing = re.compile(rf"{mark}\s*>" if found["unshown"] else mark, re.IGNORECASE).search(text, position)
            if closing or found["block"] is not None:
                position = closing.end() if closing else len(text)
                unshown.append((found.start(), position))
            else:
                never_closed.add(kind)
    return code, unshown


def _hidden(text: str, bare: str, styles: str) -> list[Span]:
    """Elements of HTML that show nothing of the text in them; `bare` is the text without its code."""
    spans: list[Span] = []
    opened: list[tuple[str, int, str]] = []  # name, start and markup of each tag that is open
    for tag in _TAG.finditer(bare):
        name = tag[2].lower()
        if not tag[1]:
            if name not in _VOID and not tag[3].endswith("/") and len(opened) < _MAX_DEPTH:
                opened.append((name, tag.start(), tag.group()))
            continue
        while opened and any(name == other for other, _, _ in opened):
            inner, start, markup = opened.pop()
            if inner == name:
                around = "".join(outer for _, _, outer in opened)
                if _TELLING.search(markup) and _shows_nothing(f"{styles}{around}{text[start : tag.end()]}"):
                    spans.append((start, tag.end()))
                break
    return spans


def _shows_nothing(markup: str) -> bool:
    try:
        read = html.load(b"\xef\xbb\xbf" + markup.encode("utf-8", "replace"))
    except LoadError:
        return False
    return read.n_hidden > 0 and not read.text.strip()


def _blanked(text: str, spans: list[Span]) -> tuple[str, int]:
    """Text with blanks for all but the line ends of some stretches, and how many characters that were not blank."""
    parts, position, count = [], 0, 0
    for start, end in sorted(spans):
        start = max(start, position)
        if start >= end:
            continue
        parts.append(text[position:start])
        parts.append(re.sub(r"[^\r\n]", " ", text[start:end]))
        count += len(_INK.findall(text[start:end]))
        position = end
    return "".join([*parts, text[position:]]), count
