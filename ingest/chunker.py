"""Document -> chunks that are exact slices, fit the embedder and follow the document's own structure.

Pure: it is given the positions of tokens and knows no tokenizer, file or store. Sections, pages and paragraphs are kept whole
where they fit; a longer paragraph is cut between sentences, table rows or lines of code, and only one that is too long by
itself is cut inside, at white space.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from ingest.documents import Chunk, Document, Heading, chunk_id
from ingest.sentences import sentence_spans, trim

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
# Han, kana, bopomofo and Hangul: about two of them say what a word does, and nothing stands between words.
_CJK = (
    "\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d"
    "\U00020000-\U0003134f"
)
_LONGEST_WORD, _PIECE = 40, 6  # letters; what is longer is no word, and counts as many as its letters would fill
_WORD_OR_MARK = re.compile(
    rf"[{_CJK}]{{1,2}}|[^\W{_CJK}]{{1,{_LONGEST_WORD}}}(?![^\W{_CJK}])|[^\W{_CJK}]{{1,{_PIECE}}}|[^\w\s]"
)
_ENDLESS = re.compile(rf"\w{{{_LONGEST_WORD + 1},}}")


@dataclass(frozen=True)
class ChunkerSettings:
    """`max_tokens` of a chunk's own text in the embedder's tokens; `max_context_tokens` of title and heading path in front.

    `min_tokens`: a paragraph shorter than this is joined with what follows in the same section. `max_words` stands in for
    `max_tokens` in languages that the embedder does not know: there its vocabulary cuts words into crumbs, and a chunk of so
    many tokens would hold half a paragraph (data/results/retrieval-experiments.md).
    """

    max_tokens: int = 200
    max_words: int = 240
    min_tokens: int = 60
    max_context_tokens: int = 40


Span = tuple[int, int]
Units = Callable[[str, int, int], list[Span]]  # spans of the sentences or lines of text[start:end]


def word_starts(text: str) -> list[int]:
    """Positions at which the words and marks of a text start; two characters of Chinese, Japanese or Korean are a word."""
    return [match.start() for match in _WORD_OR_MARK.finditer(text)]


def _counted(text: str, starts: Sequence[int]) -> Sequence[int]:
    """Positions of tokens, with pieces of those endless words that a tokenizer takes for one unknown token."""
    pieces: list[int] = []
    for match in _ENDLESS.finditer(text):
        start, end = match.span()
        if (bisect_left(starts, end) - bisect_left(starts, start)) * _LONGEST_WORD < end - start:
            pieces.extend(range(start, end, _PIECE))
    return sorted({*starts, *pieces}) if pieces else starts


def chunk_document(
    document: Document,
    token_starts: Callable[[str], Sequence[int]],
    settings: ChunkerSettings,
    languages: Collection[str] | None = None,
) -> list[Chunk]:
    """Cut a document into chunks in reading order.

    `token_starts(text)`: ascending character positions of the embedder's tokens; `languages`: those that the embedder knows,
    None for all. Every character that is not white space is in exactly one chunk, no chunk crosses a page or a section, and
    `document.text[chunk.start:chunk.end] == chunk.text`.
    """
    is_known = languages is None or document.language in languages
    starts = _counted(document.text, token_starts(document.text)) if is_known else word_starts(document.text)
    most = settings.max_tokens if is_known else settings.max_words
    units = _lines if document.whole_lines else sentence_spans

    regions = list(_regions(document))
    inside = {start for (start, _), _ in regions if _is_inside_a_word(document.text, start)}.difference(starts)

    def count(span: Span) -> int:
        return bisect_left(starts, span[1]) - bisect_left(starts, span[0]) + (span[0] in inside)

    chunks = []
    for region, path in regions:
        for start, end in _pack(document.text, region, units, count, settings.min_tokens, most):
            columns = document.columns_at(start)
            chunks.append(
                Chunk(
                    id=chunk_id(document.name, document.sha256, start, end),
                    document=document.name,
                    start=start,
                    end=end,
                    text=document.text[start:end],
                    page=document.page_at(start),
                    context=_context(document.title, path, columns, token_starts, settings.max_context_tokens),
                    language=document.language,
                )
            )
    return chunks


def _is_inside_a_word(text: str, position: int) -> bool:
    """True where a page ends inside of a word: what stands behind is a token more on its own."""
    return 0 < position < len(text) and not text[position - 1].isspace() and not text[position].isspace()


def heading_path(document: Document, position: int) -> tuple[str, ...]:
    """Title of the document and headings of the section that holds `position`, the outermost first."""
    path = next((path for (start, end), path in _regions(document) if start <= position < end), ())
    return tuple(dict.fromkeys(part for part in (document.title, *path) if part))


def _regions(document: Document) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Stretches that no chunk may cross, with the heading path that holds in each: pages, cut again at headings."""
    limits = [(page.start, page.end) for page in document.pages] or [(0, len(document.text))]
    cuts = _section_starts(document)
    path: list[Heading] = []
    at = 0  # of the next heading: pages are in order, and a book has many of both
    for start, end in limits:
        position = start
        while at < len(cuts) and cuts[at].start < end:
            heading = cuts[at]
            at += 1
            if heading.start < start:
                continue
            if position < heading.start:
                yield (position, heading.start), _titles(document, path)
            path = [above for above in path if above.level < heading.level] + [heading]
            position = heading.start
        if position < end:
            yield (position, end), _titles(document, path)


def _section_starts(document: Document) -> list[Heading]:
    """Headings that open a section with text of its own; a heading directly under another opens no region by itself."""
    return sorted(document.headings, key=lambda heading: heading.start)


def _titles(document: Document, path: Sequence[Heading]) -> tuple[str, ...]:
    return tuple(" ".join(document.text[heading.start : heading.end].strip("# \t\n").split()) for heading in path)


def _context(
    title: str, path: Sequence[str], columns: str, token_starts: Callable[[str], Sequence[int]], max_tokens: int
) -> str:
    """Title, heading path and names of columns in one line, at most `max_tokens`: the outer parts give way to the inner ones.

    The columns have three quarters of the room: a row without them tells nothing.
    """
    if columns:
        columns = _cut(columns, token_starts, max_tokens * 3 // 4)
        above = _context(title, path, "", token_starts, max_tokens - len(token_starts(f" > {columns}")))
        return f"{above} > {columns}" if above else columns
    parts = list(dict.fromkeys(part for part in (title, *path) if part))
    while len(parts) > 1 and len(token_starts(" > ".join(parts))) > max_tokens:
        parts.pop(0 if len(parts) > 2 else 1)
    return _cut(" > ".join(parts), token_starts, max_tokens)


def _cut(line: str, token_starts: Callable[[str], Sequence[int]], max_tokens: int) -> str:
    starts = token_starts(line)
    return line[: starts[max_tokens]].rstrip() if len(starts) > max_tokens else line


def _pack(
    text: str, region: Span, units: Units, count: Callable[[Span], int], min_tokens: int, max_tokens: int
) -> Iterator[Span]:
    """Join short paragraphs up to `min_tokens`, keep the others whole, cut those above `max_tokens`."""
    pending: Span | None = None
    for paragraph in _paragraphs(text, region):
        if pending is not None and count(pending) < min_tokens:
            paragraph = (pending[0], paragraph[1])  # a title or a lead-in goes with what it announces
        elif pending is not None:
            yield pending
        pending = None
        if count(paragraph) <= max_tokens:
            pending = paragraph
        else:
            yield from _split(text, paragraph, units, count, max_tokens)
    if pending is not None:
        yield pending


def _paragraphs(text: str, region: Span) -> Iterator[Span]:
    position = region[0]
    for match in _BLANK_LINE.finditer(text, *region):
        start, end = trim(text, position, match.start())
        if start < end:
            yield start, end
        position = match.end()
    start, end = trim(text, position, region[1])
    if start < end:
        yield start, end


def _lines(text: str, start: int, end: int) -> list[Span]:
    """Spans of the lines of `text[start:end]`, trimmed, without empty ones."""
    spans = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        line = trim(text, start, stop)
        if line[0] < line[1]:
            spans.append(line)
        start = stop + 1
    return spans


def _split(text: str, paragraph: Span, units: Units, count: Callable[[Span], int], max_tokens: int) -> Iterator[Span]:
    """Cut one long paragraph into pieces of about equal size, between sentences or rows."""
    whole = [
        piece
        for unit in units(text, *paragraph)
        for piece in ([unit] if count(unit) <= max_tokens else _split_unit(text, unit, count, max_tokens))
    ]
    total = count(paragraph)
    pieces = -(-total // max_tokens)
    goal = -(-total // pieces)  # equal pieces read better than a full one and a crumb
    current: Span | None = None
    for unit in whole:
        if current is None:
            current = unit
        elif count((current[0], unit[1])) <= max_tokens and count(current) < goal:
            current = (current[0], unit[1])
        else:
            yield current
            current = unit
    if current is not None:
        yield current


def _split_unit(text: str, unit: Span, count: Callable[[Span], int], max_tokens: int) -> Iterator[Span]:
    """Cut a sentence that is too long by itself at line ends or white space, or anywhere if it has neither."""
    position, end = unit
    while position < end:
        stop = _furthest(position, end, count, max_tokens)
        if stop < end:
            best = max(text.rfind("\n", position, stop), text.rfind(" ", position + (stop - position) // 2, stop))
            stop = best if best > position else stop
        piece = trim(text, position, stop)
        if piece[0] < piece[1]:
            yield piece
        position = stop


def _furthest(start: int, end: int, count: Callable[[Span], int], max_tokens: int) -> int:
    """Largest stop with at most `max_tokens` tokens in `[start, stop)`; at least one character."""
    low, high = start + 1, end
    while low < high:
        middle = (low + high + 1) // 2
        if count((start, middle)) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return low


def embedded_text(chunk: Chunk) -> str:
    """What the embedder reads for a chunk: its context line, unless the text begins with it, and its text."""
    head = chunk.context.rsplit(" > ", 1)[-1]
    if not chunk.context or (chunk.context == head and chunk.text.lstrip("# ").startswith(head)):
        return chunk.text
    return f"{chunk.context}\n{chunk.text}"
