"""Lines of pages put in order over a whole document: running headers and footers, and words cut at the end of a line."""

import re
from collections import Counter
from collections.abc import Sequence

_EDGE_LINES = 3  # a header or footer has so many lines at most
_MIN_PAGES = 4
_MIN_SHARE = 0.25  # of the pages; headers that alternate between left and right pages pass it
_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"[ivxlc]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CUT = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)[-\u00ad\u2010]\n([^\W\d_]+)([.,;:)?!’”\"]*)[ \t]*")


def without_running_lines(texts: Sequence[str]) -> tuple[list[str], int]:
    """Pages without the lines that return at their upper or lower edge, and how many were left out.

    A line returns if it stands there, its figures aside, on four pages or more and a quarter of all. The first of them stays.
    """
    pages = [text.split("\n") for text in texts]
    n_pages = sum(any(lines) for lines in pages)
    counts = Counter(key for lines in pages for key in {_key(lines, n, at_end) for n, at_end in _edges(lines)})
    running = {key for key, count in counts.items() if count >= max(_MIN_PAGES, _MIN_SHARE * n_pages)}
    kept: set[tuple[bool, str]] = set()
    tidied, n_left_out = [], 0
    for lines in pages:
        gone = set()
        for at_end in (False, True):
            for place in [place for place, side in _edges(lines) if side == at_end]:
                key = _key(lines, place, at_end)
                if key not in running:
                    break
                if key in kept:
                    gone.add(place)
                kept.add(key)
        n_left_out += len(gone)
        tidied.append("\n".join(line for place, line in enumerate(lines) if place not in gone).strip("\n"))
    return tidied, n_left_out


def _edges(lines: list[str]) -> list[tuple[int, bool]]:
    """Places of the outermost lines with text from the edges inwards, first of the upper edge."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    if len(filled) <= _EDGE_LINES:  # a page of so few lines is all of it content
        return []
    return [(place, False) for place in filled[:_EDGE_LINES]] + [(place, True) for place in filled[: -_EDGE_LINES - 1 : -1]]


def _key(lines: list[str], place: int, at_end: bool) -> tuple[bool, str]:
    line = _DIGITS.sub("#", " ".join(lines[place].split()).casefold())
    return at_end, "#" if _ROMAN.fullmatch(line) else line


def join_cut_words(texts: Sequence[str]) -> list[str]:
    """Pages in which a word that was cut at the end of a line is whole again, in the line where it began.

    A hyphen stays if the document has the word with it elsewhere, and more than two parts keep theirs.
    """
    known = {word.lower() for text in texts for word in _WORD.findall(text) if "-" in word}

    def join(match: re.Match[str]) -> str:
        first, second, marks = match.groups()
        if not second[0].islower():
            return match[0]
        compound = f"{first}-{second}"
        keeps = "-" in first or compound.lower() in known
        return f"{compound if keeps else first + second}{marks}\n"

    return [_CUT.sub(join, text) for text in texts]
