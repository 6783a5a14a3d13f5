"""Split text into sentences with exact spans, for English, Spanish, German and French prose, lists and table rows.

Pure and quick; it knows nothing of documents. The same splitter cuts chunks, quotes and claims, so that what was stored,
quoted and checked agree on where a sentence ends.
"""

import re
from collections.abc import Iterator

# Abbreviations after which a full stop does not end a sentence when a capital or a digit follows.
_ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof sr sra srta sres st ste mt jr rev gen col lt sgt capt gov sen rep hon pres vs etc eg ie cf al
    fig figs no nos núm nº num art arts sec ch chap vol vols ed eds pp pág págs pag p approx ca c est dept univ inc ltd corp co
    jan feb mar apr jun jul aug sep sept oct nov dec ene abr ago dic dez okt mai av avda tel ext ref
    d dña dª ud uds vd vds ej máx mín aprox bzw usw ggf inkl zzgl nr str hr fr dr. z.b z d.h u.a u a.m p.m e.g i.e u.s u.k
    m mme mlle min max hrs hr op cit ibid
    """.split()
)
# These close a sentence when what follows starts with a capital: "Acme Inc. It ...", "at 5 p.m. The ...".
_MAY_END = frozenset("inc ltd corp co etc al jr a.m p.m min max hrs usw".split())
_CLOSERS = "\"'”’»)]】"
_OPENERS = "\"'“‘«([¿¡"
_BLOCK = re.compile(r"\n[ \t]*\n+|\n(?=[ \t]*(?:[-*•–·▪]|\d{1,3}[.)]|[a-z]\)|#{1,6}|\|)[ \t]*\S)")
_END = re.compile(r"[.!?…]+[" + re.escape(_CLOSERS) + r"]*(?=\s|$|[A-ZÁÉÍÓÚÑÄÖÜ¿¡])|[:;](?=\s*\n)")
_TABLE_ROW = re.compile(r"^\s*\|.*\||\S \| \S|\t")


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Spans of the sentences of `text[start:end]`, trimmed of white space, in order, without overlap.

    List items, table rows and headings are sentences of their own. Every character that is not white space belongs to
    exactly one span.
    """
    end = len(text) if end is None else end
    spans = []
    for a, b in _blocks(text, start, end):
        for s, e in _cut(text, a, b):
            s, e = trim(text, s, e)
            if s < e:
                spans.append((s, e))
    return spans


def last_block(text: str) -> int:
    """Where the last paragraph, list item, table row or heading of a text begins; nothing after it changes those before."""
    return max((match.end() for match in _BLOCK.finditer(text)), default=0)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Shrink a span so that it neither starts nor ends with white space."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items, table rows and headings."""
    position = start
    for match in _BLOCK.finditer(text, start, end):
        yield from _rows(text, position, match.start())
        position = match.end()
    yield from _rows(text, position, end)


def _rows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Give each table row and each heading line of a block a span of its own."""
    block = text[start:end]
    if "\n" not in block:
        yield start, end
        return
    lines = block.split("\n")
    if lines[0].lstrip().startswith("#"):
        first = start + len(lines[0])
        yield start, first
        yield from _rows(text, first + 1, end)
        return
    if sum(bool(_TABLE_ROW.search(line)) for line in lines) * 2 <= len(lines) and not _is_ragged(lines):
        yield start, end
        return
    position = start
    for line in lines:
        yield position, position + len(line)
        position += len(line) + 1


def _is_ragged(lines: list[str]) -> bool:
    """True for lines that are not wrapped prose: mostly short, or ending in figures, as in tables read from a PDF."""
    if len(lines) < 3:
        return False
    full = [line.strip() for line in lines if line.strip()]
    if not full:
        return False
    figures = sum(line[-1].isdigit() or line[-1] in "%€$)" for line in full)
    longest = max(len(line) for line in full)
    short = sum(len(line) < 0.6 * longest for line in full[:-1])
    return figures * 2 > len(full) or (longest < 60 and short * 2 > len(full)) or longest < 30


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for match in _END.finditer(text, start, end):
        if match.end() < end and not _ends_sentence(text, position, match.start(), match.end(), end):
            continue
        yield position, match.end()
        position = match.end()
    if position < end:
        yield position, end


def _ends_sentence(text: str, start: int, mark: int, after: int, end: int) -> bool:
    """Decide whether the punctuation at `mark` closes a sentence, given what stands around it."""
    following = text[after:end].lstrip()
    head = following.lstrip(_OPENERS)[:1]
    if text[mark] in ":;":
        return True
    if not text[after].isspace():  # glued: "invasion.Several" is two sentences, "Node.JS" and "U.S." are not
        before = text[max(start, mark - 3) : mark]
        return before.isalpha() and before.islower() and len(following) > 1 and following[1:2].islower()
    if head and head.islower():
        return False
    if text[mark] != "." or text[mark : mark + 2] == "..":
        return True
    word = re.split(r"[\s(\[\"“«/]", text[start:mark])[-1].casefold()
    if word in _MAY_END:
        return bool(head) and head.isupper()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return False
    if word.isdigit() and len(word) <= 3 and mark - start == len(word):  # "1. Item" at the start of a line
        return False
    return not (word.isdigit() and len(word) <= 2 and head.isupper() and _german_ordinal(following))


def _german_ordinal(following: str) -> bool:
    """True where a day number and a full stop are followed by a German month: "am 3. Oktober"."""
    months = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember Jahrhundert".split()
    return following.startswith(tuple(months))
