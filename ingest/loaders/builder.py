"""Builds the text of a document line by line and keeps the positions: pages, headings, rows of tables.

For formats whose text has to be put together; it knows none of them.
"""

from dataclasses import replace

from ingest.documents import Heading, Page, Rows, Table
from ingest.errors import LoadError
from ingest.loaders import Loaded

# More text than this is no document that people read; a small file can repeat itself into far more.
MAX_CHARS = 200_000_000
_N_HEADING_LEVELS = 6


class Builder:
    """Collects lines. Every line ends in a newline; `gap` puts one empty line between what belongs apart."""

    def __init__(self) -> None:
        self.n_hidden = 0
        self.warnings: list[str] = []
        self.position = 0
        self._parts: list[str] = []
        self._pages: list[Page] = []
        self._headings: list[Heading] = []
        self._rows: list[Rows] = []
        self._tables: list[Table] = []
        self._next_row = (-1, 0)  # position and number at which the last run of rows would go on

    def line(self, text: str) -> None:
        """Add one line.

        Raises: LoadError when the text grows beyond all measure.
        """
        self._write(f"{text}\n")

    def gap(self) -> None:
        """Leave an empty line, but none at the start and never two."""
        if self._parts and self._parts[-1] != "\n":
            self._write("\n")

    def heading(self, level: int, text: str) -> None:
        """Add a heading on a line of its own, apart from what stands above it."""
        text = " ".join(text.split())
        if text:
            self.gap()
            start = self.position
            self.line(text)
            self._headings.append(Heading(max(1, min(level, _N_HEADING_LEVELS)), start, start + len(text)))

    def row(self, number: int, text: str) -> None:
        """Add row `number` of a table; `text` is one line."""
        start = self.position
        self.line(text)
        if (start, number) == self._next_row:
            last = self._rows.pop()
            self._rows.append(Rows(last.first, last.start, self.position))
        else:
            self._rows.append(Rows(number, start, self.position))
        self._next_row = (self.position, number + 1)

    def page(self, label: str = "") -> None:
        """Begin the next page, with its number; what follows stands on it."""
        self.gap()
        self._close_page()
        self._pages.append(Page(len(self._pages) + 1, self.position, self.position, label))

    def append(self, loaded: Loaded) -> None:
        """Add what another loader read, after a gap, with its headings, rows and tables; its pages are left aside."""
        self.gap()
        shift = self.position
        self._write(loaded.text.rstrip("\n") + "\n")
        self._headings += [Heading(h.level, h.start + shift, h.end + shift) for h in loaded.headings]
        self._rows += [Rows(r.first, r.start + shift, r.end + shift) for r in loaded.rows]
        self._tables += [Table(t.start + shift, t.header_end + shift, t.end + shift) for t in loaded.tables]
        self.n_hidden += loaded.n_hidden
        self.warnings += loaded.warnings

    def finish(self, *, title: str = "", whole_lines: bool = False, metadata: dict[str, str] | None = None) -> Loaded:
        """Return what was built."""
        if self._parts and self._parts[-1] == "\n":
            self._parts.pop()
            self.position -= 1
            # The empty line may be that of the page before the last, where nothing is shown after it.
            self._pages = [replace(page, end=min(page.end, self.position)) for page in self._pages]
        self._close_page()
        return Loaded(
            text="".join(self._parts),
            title=title,
            pages=[page for page in self._pages if page.start < page.end],
            headings=self._headings,
            rows=self._rows,
            tables=self._tables,
            whole_lines=whole_lines,
            metadata=metadata or {},
            warnings=self.warnings,
            n_hidden=self.n_hidden,
        )

    def _close_page(self) -> None:
        if self._pages:
            last = self._pages[-1]
            self._pages[-1] = Page(last.number, last.start, self.position, last.label)

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self.position += len(text)
        if self.position > MAX_CHARS:
            raise LoadError(f"holds more than {MAX_CHARS:,} characters of text. Split it into smaller files")
