"""The nouns of ingestion: Document, Page, Heading, Chunk.

Positions are half-open character ranges in `Document.text`, which never changes once the document is loaded. Nothing here
reads a file or knows a store.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Page:
    """One page: `document.text[start:end]`; `number` counts from 1."""

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Heading:
    """A heading that stands at `document.text[start:end]`; `level` 1 is the highest."""

    level: int
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One source file after loading.

    `name` is the path inside its source with `/`, prefixed `SOURCE:` for every source but the first. `sha256` is of the
    file's bytes. `pages` is empty where the format has none; otherwise pages are in order and do not overlap.
    """

    name: str
    text: str
    sha256: str
    title: str = ""
    language: str = "en"
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def page_at(self, position: int) -> int | None:
        """Number of the page that holds `position`, None where the format has no pages."""
        for page in self.pages:
            if page.start <= position < page.end:
                return page.number
        return None


@dataclass(frozen=True)
class Chunk:
    """A stored piece: `document.text[start:end] == text`, on one page at most.

    `context` is the title and the heading path: it is indexed with the text but is no part of the span.
    """

    id: str
    document: str
    start: int
    end: int
    text: str
    page: int | None = None
    context: str = ""
    language: str = "en"


def chunk_id(document: str, sha256: str, start: int, end: int) -> str:
    """Derive a chunk's id from document, content and range, so that equal input always gives equal ids."""
    return hashlib.sha256(f"{document}\0{sha256}\0{start}\0{end}".encode()).hexdigest()[:24]
