"""A passage cut into what can be quoted: sentences, table rows, list items, and lists under the line that leads in to them.

Headings, header rows and questions (of a FAQ) are no quotes; they say what the lines below them are about, and each line
carries the terms of those that stand above it. It sees one passage at a time and knows no question.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ingest.analysis import terms
from ingest.sentences import sentence_spans, trim

MAX_QUOTE_CHARS = 600
_MIN_WORDS = 4  # "Yes." or "No, never." says nothing by itself and is read with the sentence after it
_MAX_CELL_CHARS = 70
_MIN_WIDTH = 40  # characters; columns narrower than this are not wrapped prose
_FREE_SHARE = 0.25
_QUESTION_LINE = re.compile(r"^[^\n?]{3,200}\?[*_\"'”»)]*[ \t]*$|^[*_]{2}[^\n?*]{3,200}\?[*_]{2}", re.MULTILINE)
_LINE_END = re.compile(r"\n[ \t]*(\S+)")
_IS_QUESTION = re.compile(r"\?[*_\"'”»)\s]*$")
_ITEM = re.compile(r"(?:[-*•–·▪]|\d{1,3}[.)]|[a-z]\))\s+\S")
_BARE_MARK = re.compile(r"(?:[-*•–·▪]|\d{1,3}[.)]?|[a-z]\)|[|\s:=_-]+)$")
_ROW = re.compile(r"^\|.*\||\S \| \S|\S\t+\S|\S {3,}\S")
_PAGE = re.compile(r"(?:[^\n]{0,120}\|\s*)?(?:page|página|seite)\s+\d+(?:\s*(?:/|of|de|von)\s*\d+)?$", re.IGNORECASE)
_PAIR = re.compile(r"^[*_]*[^\W\d][^:\n]{1,40}:[*_]*\s+\S")
_RULE = re.compile(r"[|\s:=_+-]+$")
_LEAD = re.compile(r":[*_]*$")
_FULL_STOP = re.compile(r"[.!?…;][*_\"'”»)\]]*$")
_VALUE = re.compile(r"^[^A-ZÁÉÍÓÚÑÄÖÜ]|\d")
_VALUE_FIRST = re.compile(r"[^A-ZÁÉÍÓÚÑÄÖÜ]")
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Unit:
    """Something that can be quoted: `text[start:end]` of its passage.

    `terms` are its own, in order; of a list only those of the line that leads in. `above` are the terms of heading, header
    row and lead-in that govern it, `frame` of these, for the row of a table, what makes one statement with it,
    `asked` those of a question that it follows; `frame_text` is either as it stands. `before` and
    `after` are the terms beside it.
    """

    kind: str  # "sentence", "row", "item", "list", "cells"
    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    above: frozenset[str] = frozenset()
    frame: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    frame_text: str = ""
    is_first_answer: bool = False
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reading:
    """One passage as read: its units in text order, and the terms of text and context."""

    units: tuple[Unit, ...]
    bag: frozenset[str]
    context: frozenset[str]


@dataclass
class _Above:
    """What governs the next line while a passage is read from top to bottom."""

    heading: frozenset[str] = frozenset()
    header: frozenset[str] = frozenset()
    lead: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    text: str = ""
    n_answers: int = 0

    def section(self, heading: frozenset[str]) -> None:
        """Start below a new heading."""
        self.heading, self.header, self.lead, self.asked = heading, *[frozenset[str]()] * 3
        self.text, self.n_answers = "", 0

    def question(self, asked: frozenset[str], text: str) -> None:
        """Start below a question."""
        self.section(self.heading)
        self.asked, self.text = asked, text


@lru_cache(maxsize=4096)
def read_passage(text: str, context: str, language: str) -> Reading:
    """Read one passage. Pure; the cache serves passages that come back for question after question."""
    lines = _headed(text, list(_kinds(text, _joined(text, list(_lines(text))))))
    units = list(_units(text, language, lines, _asked_in(context, language)))
    bags = [frozenset(terms(text[start:end], language)) for _, start, end in lines]
    found = []
    for unit in units:
        inside = [i for i, (_, start, end) in enumerate(lines) if start >= unit.start and end <= unit.end]
        first, last = (inside[0], inside[-1]) if inside else (0, 0)
        before = bags[first - 1] if first else frozenset[str]()
        after = bags[last + 1] if last + 1 < len(bags) else frozenset[str]()
        found.append(Unit(**{**unit.__dict__, "before": before, "after": after}))
    return Reading(tuple(found), frozenset().union(*bags), frozenset(terms(context, language)))


def _asked_in(context: str, language: str) -> frozenset[str]:
    """Terms of the innermost heading where it is a question: "Orders > How can I pay?"."""
    inner = context.rsplit(" > ", 1)[-1]
    return frozenset(terms(inner, language)) if _IS_QUESTION.search(inner) else frozenset()


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Sentences and lines; a line that is a question is cut from the answer below it, cells of a table from each other."""
    questions = [match.span() for match in _QUESTION_LINE.finditer(text)]
    width = max(max((len(line) for line in text.split("\n")), default=0), _MIN_WIDTH)
    position = 0
    for stop, after in [*questions, (len(text), len(text))]:
        for start, end in sentence_spans(text, position, stop):
            yield from _hard_lines(text, start, end, width)
        if stop < after:
            yield trim(text, stop, after)
        position = after


def _hard_lines(text: str, start: int, end: int, width: int) -> Iterator[tuple[int, int]]:
    """Cut a sentence at line ends that no wrapping made: the next word would have had room in the line."""
    position = start
    for match in _LINE_END.finditer(text, start, end):
        line_start = text.rfind("\n", 0, match.start()) + 1
        room = width - (match.start() - line_start) - len(match.group(1)) - 1
        if room > _FREE_SHARE * width:
            yield trim(text, position, match.start())
            position = match.start()
    yield trim(text, position, end)


def _joined(text: str, lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join a mark that lost its item ("1." alone in a line) and a very short sentence with what follows in the paragraph."""
    found: list[tuple[int, int]] = []
    for start, end in lines:
        if found:
            a, b = found[-1]
            last, gap = text[a:b], text[b:start]
            is_short = len(_WORDS.findall(last)) < _MIN_WORDS and bool(_FULL_STOP.search(last)) and "\n" not in gap
            is_mark = bool(_BARE_MARK.fullmatch(last)) and not _RULE.fullmatch(last) and gap.count("\n") == 1
            if (is_short or is_mark) and not _IS_QUESTION.search(last):
                found[-1] = (a, end)
                continue
        found.append((start, end))
    return found


def _kinds(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    """Say of each line what it is; a short line without a full stop counts as a cell for now."""
    for start, end in lines:
        line = text[start:end]
        is_whole = text[:start].rstrip(" \t")[-1:] in ("", "\n") and text[end:].lstrip(" \t")[:1] in ("", "\n")
        if _RULE.fullmatch(line) or (is_whole and _PAGE.fullmatch(line)):
            yield "rule", start, end
        elif _IS_QUESTION.search(line) and len(_WORDS.findall(line)) > 1:
            yield "question", start, end
        elif line.startswith("#") or (is_whole and line.isupper() and len(_WORDS.findall(line)) > 1 and "|" not in line):
            yield "heading", start, end
        elif _ROW.search(line) and "\n" not in line and not _FULL_STOP.search(line.rstrip("| ")):
            yield "row", start, end
        elif _LEAD.search(line):
            yield "lead", start, end
        elif _ITEM.match(line) or (is_whole and _PAIR.match(line)):
            yield "item", start, end
        elif is_whole and "\n" not in line and len(line) <= _MAX_CELL_CHARS and not _FULL_STOP.search(line):
            yield "cell", start, end
        else:
            yield "sentence", start, end


def _headed(text: str, lines: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Call a cell a heading where prose, a list or a blank line follows it and it holds no figures."""
    found = []
    for i, (kind, start, end) in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else ("", len(text), len(text))
        is_cut_off = following[0] in ("sentence", "item", "lead", "row", "question") or "\n\n" in text[end : following[1]]
        is_cut_off = is_cut_off or bool(_PAGE.fullmatch(text[following[1] : following[2]]))
        has_figure = not _PAGE.fullmatch(text[following[1] : following[2]]) and any(
            character.isdigit() for character in text[start:end]
        )
        is_heading = kind == "cell" and is_cut_off and following[0] != "" and not has_figure
        after_cell = i > 0 and lines[i - 1][0] == "cell" and "\n\n" not in text[lines[i - 1][2] : start]
        found.append(("heading" if is_heading and not after_cell else kind, start, end))
    return found


def _units(text: str, language: str, lines: list[tuple[str, int, int]], asked: frozenset[str]) -> Iterator[Unit]:
    """Turn lines into units, keeping track of what stands above them."""
    above = _Above(asked=asked)
    for i, (kind, start, end) in enumerate(lines):
        own = tuple(terms(text[start:end], language))
        bag = frozenset(own)
        previous = lines[i - 1][0] if i else ""
        if kind == "heading":
            above.section(bag)
        elif kind == "question":
            above.question(bag, text[start:end])
        elif kind == "lead":
            above.lead = bag
            yield _unit("list", text, start, _list_end(text, lines, i), own, above)
            above.text = text[start:end]
        elif kind == "row" and previous not in ("row", "rule") and _is_header(text, lines, i):
            above.header, above.text = bag, text[start:end]
        elif kind != "rule":
            is_apart = i > 0 and (previous in ("row", "rule", "item") or "\n\n" in text[lines[i - 1][2] : start])
            if kind == "sentence" and is_apart:
                above.header = above.lead = frozenset()
                above.asked = above.asked if not above.n_answers or above.asked is asked else frozenset()
                above.text = above.text if above.asked else ""
            if kind == "cell" and previous == "cell" and _VALUE_FIRST.match(text, start, end):
                continue  # the value of the label above it
            stop = _cells_end(text, lines, i) if kind == "cell" else end
            name = "cells" if kind == "cell" else kind
            own = tuple(terms(text[start:stop], language)) if stop != end else own
            yield _unit(name, text, start, stop, own, above)
            above.n_answers += 1


def _unit(kind: str, text: str, start: int, end: int, own: tuple[str, ...], above: _Above) -> Unit:
    frame = above.header | above.lead if kind in ("row", "cells") else frozenset[str]()
    governing = above.heading | above.header | above.lead
    is_first = bool(above.asked) and not above.n_answers
    return Unit(
        kind,
        start,
        end,
        text[start:end],
        own,
        governing,
        frame,
        above.asked,
        above.text if frame or above.asked else "",
        is_first,
    )


def _is_header(text: str, lines: list[tuple[str, int, int]], i: int) -> bool:
    """True for the first row of a table where a rule follows it, or rows do and it has no figures."""
    following = lines[i + 1][0] if i + 1 < len(lines) else ""
    has_digit = any(character.isdigit() for character in text[lines[i][1] : lines[i][2]])
    return following == "rule" or (following == "row" and not has_digit)


def _list_end(text: str, lines: list[tuple[str, int, int]], i: int) -> int:
    """Where the list that line `i` leads in to ends, at most `MAX_QUOTE_CHARS` from its start."""
    start, end = lines[i][1:]
    kinds = {"item"} if i + 1 < len(lines) and lines[i + 1][0] == "item" else {"cell", "row", "rule"}
    for kind, line_start, stop in lines[i + 1 :]:
        goes_on = kind == "sentence" and "\n" not in text[end:line_start] and end > lines[i][2]
        if (kind not in kinds and not goes_on) or stop - start > MAX_QUOTE_CHARS:
            break
        end = stop
    if end == lines[i][2] and i + 1 < len(lines) and lines[i + 1][0] == "sentence":
        stop = lines[i + 1][2]
        end = stop if stop - start <= MAX_QUOTE_CHARS else end
    return end


def _cells_end(text: str, lines: list[tuple[str, int, int]], i: int) -> int:
    """A table read from a PDF can have a line for each cell: a label is quoted with the value or two below it."""
    end = lines[i][2]
    for n, (kind, start, stop) in enumerate(lines[i + 1 : i + 3]):
        is_next = kind in ("cell", "rule") and text[end:start].count("\n") == 1
        if not is_next or (n and not _VALUE.search(text[start:stop])):
            break
        end = stop
    return end
