"""Pages as the trained browser tool shows them: numbered lines of at most 80 columns, each of which knows the words it shows.

A page is made of blocks: a text with its place in a document, or words of our own that stand for nothing. What is shown is
scrubbed; what a line stands for is the document as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.chunker import heading_path
from ingest.documents import Document, chunk_id
from ingest.sentences import sentence_spans, trim
from rag.answers import Passage
from rag.places import location_in
from rag.prompt import scrub

_COLUMNS = 80
# Sentences are looked for this far around the lines that are cited: in a long document cutting all of it would take seconds.
_NEAR_CHARS = 2000


@dataclass(frozen=True)
class Opened:
    """A stored document shown whole, with the version of the loaders that read it."""

    document: Document
    loaders_version: int = 0

    @property
    def name(self) -> str:
        """The document's name."""
        return self.document.name


Source = Passage | Opened


@dataclass(frozen=True)
class Line:
    """A line as shown; `[start, end)` counts in the document's text, and `source` None is a line of our own."""

    text: str
    source: Source | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Page:
    """Lines under a title. `links`: what `open` may name on it, (source, position in its document)."""

    title: str
    lines: tuple[Line, ...]
    links: tuple[tuple[Source, int], ...] = ()
    url: str = ""

    @property
    def document(self) -> Opened | None:
        """The document that the page shows whole, None for results of a search."""
        sources = {id(line.source): line.source for line in self.lines if isinstance(line.source, Opened)}
        return next(iter(sources.values())) if self.url and sources else None


def url_of(document: str) -> str:
    """The address under which a document is shown and may be opened."""
    return f"kb://{document}"


def results_page(query: str, passages: Sequence[Passage]) -> Page:
    """A page of search results, each with its whole passage, so that it can be cited without being opened."""
    lines = [Line(""), Line("URL:"), Line("# Search Results"), Line("")]
    for number, passage in enumerate(passages):
        lines += result_lines(number, passage)
    return Page(_one_line(query), tuple(lines), tuple((passage, passage.start) for passage in passages))


def result_lines(number: int, passage: Passage) -> list[Line]:
    """The lines of one search result: its link, then its text."""
    title = f"{passage.document} > {passage.context}" if passage.context else passage.document
    return [Line(f"  * 【{number}†{_one_line(title)}†kb】"), *wrapped(passage, passage.text, passage.start), Line("")]


def document_page(opened: Opened) -> Page:
    """A whole document."""
    document = opened.document
    url = url_of(document.name)
    head = [Line(""), Line(f"URL: {_one_line(url)}")]
    lines = (*head, *wrapped(opened, document.text, 0))
    return Page(_one_line(document.title or document.name), lines, (), _one_line(url))


def find_page(pattern: str, page: Page) -> Page:
    """Where a page has a text, in any case: at most 50 places, four lines each. Its lines stand for those of `page`."""
    lines = [Line("")]
    wanted, number, skip = pattern.lower(), 0, 0
    for index, line in enumerate(page.lines):
        if index < skip or wanted not in line.text.lower():
            continue
        lines += [Line(f"# 【{number}†match at L{index}】"), *page.lines[index : index + 4], Line("")]
        number, skip = number + 1, index + 4
        if number == 50:
            break
    if not number:
        lines.append(Line("No `find` results for pattern: `" + _one_line(pattern) + "`"))
    return Page(f"Find results for text: `{_one_line(pattern)}` in `{page.title}`", tuple(lines))


def wrapped(source: Source, text: str, offset: int) -> Iterator[Line]:
    """Lines of `text`, which stands at `offset` of its document; every character that is not white space is in one of them."""
    position, was_blank = 0, True
    for row in text.split("\n"):
        pieces = list(_pieces(text, position, position + len(row)))
        for start, end in pieces:
            yield Line(_shown(text[start:end]), source, offset + start, offset + end)
        if not pieces and not was_blank:
            yield Line("")
        was_blank = not pieces
        position += len(row) + 1


def cited(lines: Sequence[Line]) -> tuple[Passage, ...]:
    """The sentences that some lines show, as parts of passages: one for each source, page and section that they touch.

    A line is cut at a column and a sentence is not, so a line stands for the whole of every sentence on it.
    """
    groups: list[tuple[Source, int, int]] = []
    for line in lines:
        if line.source is None:
            continue
        if groups and groups[-1][0] is line.source and line.start >= groups[-1][1]:
            groups[-1] = (line.source, groups[-1][1], max(groups[-1][2], line.end))
        else:
            groups.append((line.source, line.start, line.end))
    return tuple(part for source, start, end in groups for part in _parts(source, start, end))


def _parts(source: Source, start: int, end: int) -> Iterator[Passage]:
    if isinstance(source, Passage):
        a, b = _sentences(source.text, start - source.start, end - source.start)
        yield part_of(source, a, b)
        return
    document = source.document
    for low, high in _regions(document):
        a, b = trim(document.text, max(start, low), min(end, high))
        if a < b:
            near, far = max(low, a - _NEAR_CHARS), min(high, b + _NEAR_CHARS)
            a, b = _sentences(document.text[near:far], a - near, b - near)
            yield _passage(source, near + a, near + b)


def part_of(passage: Passage, start: int, end: int) -> Passage:
    """The words `passage.text[start:end]` as a passage of their own."""
    return replace(passage, start=passage.start + start, end=passage.start + end, text=passage.text[start:end])


def _passage(opened: Opened, start: int, end: int) -> Passage:
    document = opened.document
    return Passage(
        chunk=chunk_id(document.name, document.sha256, start, end),
        document=document.name,
        start=start,
        end=end,
        text=document.text[start:end],
        page=document.page_at(start),
        score=0.0,
        rank=0,
        context=" > ".join(heading_path(document, start)),
        language=document.language,
        found_by=("opened",),
        sha256=document.sha256,
        loaders_version=opened.loaders_version,
        location=location_in(document, start, end),
    )


def _regions(document: Document) -> list[tuple[int, int]]:
    """Pages, cut again at headings: what no citation may cross."""
    pages = [(page.start, page.end) for page in document.pages] or [(0, len(document.text))]
    regions = []
    for start, end in pages:
        cuts = sorted({start, *(h.start for h in document.headings if start < h.start < end), end})
        regions += list(pairwise(cuts))
    return regions


def _sentences(text: str, start: int, end: int) -> tuple[int, int]:
    """The span grown to whole sentences."""
    touched = [(a, b) for a, b in sentence_spans(text) if a < end and start < b]
    return (min(start, touched[0][0]), max(end, touched[-1][1])) if touched else (start, end)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut one row of a text at blanks into pieces of at most 80 characters; a longer word is cut anywhere."""
    while True:
        start, end = trim(text, start, end)
        if start >= end:
            return
        stop = min(start + _COLUMNS, end)
        if stop < end and not text[stop].isspace():
            blank = next((i for i in range(stop - 1, start, -1) if text[i].isspace()), None)
            stop = blank if blank is not None else stop
        yield trim(text, start, stop)
        start = stop


def _shown(text: str) -> str:
    return " ".join(scrub(text).split())


def _one_line(text: str) -> str:
    return _shown(text)[:200]
