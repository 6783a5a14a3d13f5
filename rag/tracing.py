"""Follow a citation into the store: whether its document is there and unchanged, and where the quoted words stand now.

It works on the store alone, that is on the documents as they were last ingested; files are not looked at. It judges no claim.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from ingest.chunker import heading_path
from ingest.documents import Chunk, Document
from ingest.snapshot import Snapshot
from rag.saved import SavedCitation, SavedReceipt
from rag.tools import is_tool_document

# In order from good to bad; `rag.verification` says what each means.
Status = Literal["confirmed", "moved", "marked", "source_changed", "source_gone", "unverifiable", "not_supported", "altered"]
SourceState = Literal["unchanged", "changed", "reread", "renamed", "gone", "unknown", "not_stored"]

_OF_A_TOOL = "the result of a tool is not in the store: the claim was checked against it when it was answered"
_SEVERITY = {status: rank for rank, status in enumerate(get_args(Status))}
GOOD: tuple[Status, ...] = ("confirmed", "moved", "marked")


@dataclass(frozen=True)
class Place:
    """Where words stand in the store now."""

    document: str
    page: int | None
    start: int
    end: int


@dataclass(frozen=True)
class CitationCheck:
    """What became of a citation.

    `source` tells of its document: "unchanged", "changed", "reread" (the same file, its text taken out by other loaders),
    "renamed" (the same file under another name), "gone", "unknown" where the receipt has no hash of it, or "not_stored", the
    result of a client's tool. `now` is where the words stand, None if nowhere.
    """

    cited: SavedCitation
    status: Status
    source: SourceState
    now: Place | None = None
    detail: str = ""


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses; "confirmed" if there are none."""
    return max(statuses, key=_SEVERITY.__getitem__, default="confirmed")


class Sources:
    """The documents of a store, each read once, beside what a receipt says of them."""

    def __init__(self, snapshot: Snapshot, receipt: SavedReceipt) -> None:
        self._snapshot = snapshot
        self._receipt = receipt
        self._documents: dict[str, Document | None] = {}
        self._passages: list[Chunk] | None = None

    def document(self, name: str) -> Document | None:
        """A document of the store, None if there is none of that name."""
        if name not in self._documents:
            self._documents[name] = self._snapshot.document(name) if name in self._snapshot.states else None
        return self._documents[name]

    def copy(self, name: str) -> Document | None:
        """A document of another name whose file is the one that the receipt has under `name`."""
        sha256 = self._receipt.documents.get(name)
        found = sorted(other for other, state in self._snapshot.states.items() if state.sha256 == sha256 and other != name)
        return self.document(found[0]) if found else None

    def state(self, name: str, document: Document) -> SourceState:
        """How a document of the store stands to the one that the receipt has under `name`."""
        sha256 = self._receipt.documents.get(name)
        if sha256 is None:
            return "unknown"
        if document.sha256 != sha256:
            return "changed"
        now = self._snapshot.states[document.name].loaders_version
        if self._receipt.loaders.get(name, now) != now:
            return "reread"
        return "unchanged" if document.name == name else "renamed"

    def passage(self, citation: SavedCitation) -> Chunk | None:
        """The passage, among those that the answer was made from, that the quote was taken from, if the store has it yet."""
        if self._passages is None:
            stored = self._snapshot.chunks(self._receipt.passages)
            self._passages = [stored[identity] for identity in self._receipt.passages if identity in stored]
        held = (c for c in self._passages if c.document == citation.document and c.start <= citation.start)
        return next((chunk for chunk in held if citation.end <= chunk.end), None)

    def headings(self, place: Place) -> str:
        """Title and headings above a place, in one line."""
        document = self.document(place.document)
        return " > ".join(heading_path(document, place.start)) if document is not None else ""


def trace(citation: SavedCitation, sources: Sources) -> CitationCheck:
    """Look a citation up under its own name; where its words are not found, in the same file under another name."""
    if is_tool_document(citation.document):
        return CitationCheck(citation, "unverifiable", "not_stored", None, _OF_A_TOOL)
    named, first = sources.document(citation.document), None
    if named is not None:
        first = _look_up(citation, named, sources.state(citation.document, named))
        if first.status in GOOD:
            return first
    copy = sources.copy(citation.document)
    second = _look_up(citation, copy, sources.state(citation.document, copy)) if copy is not None else None
    if second is not None and (first is None or second.status in GOOD):
        return second
    return first or CitationCheck(citation, "source_gone", "gone", None, "the document is no longer in the store")


def _look_up(citation: SavedCitation, document: Document, state: SourceState) -> CitationCheck:
    """Say whether the quote stands in a document of the store: at its place, elsewhere, or no longer."""
    is_same = state in ("unchanged", "renamed")
    if citation.quote and document.text[citation.start : citation.end] == citation.quote:
        now = _place(document, citation.start, citation.end)
        if now.page == citation.page or not is_same:
            is_there = document.name == citation.document
            return CitationCheck(citation, "confirmed" if is_there else "moved", state, now)
        return CitationCheck(
            citation,
            "altered",
            state,
            now,
            "the document is unchanged, and its words stand on another page than the answer says",
        )
    span = _find(citation.quote, document.text, citation.start)
    now_at = _place(document, *span) if span else None
    if is_same and now_at:
        return CitationCheck(citation, "altered", state, now_at, "the words stand elsewhere in the unchanged document")
    if is_same:
        return CitationCheck(citation, "not_supported", state, None, "the quote was never in this document")
    if now_at:
        return CitationCheck(citation, "moved", state, now_at)
    if state == "unknown":
        return CitationCheck(
            citation, "unverifiable", state, None, "the receipt has no hash of the document, and the quote is not in it"
        )
    return CitationCheck(citation, "source_changed", state, None, "the quote stands in the document no longer")


def _find(quote: str, text: str, near: int) -> tuple[int, int] | None:
    """The place nearest to `near` where the words stand whole, however white space lies between them."""
    words = quote.split()
    if not words:
        return None
    pattern = r"(?<!\w)" if words[0][0].isalnum() else ""
    pattern += r"\s+".join(map(re.escape, words))
    pattern += r"(?!\w)" if words[-1][-1].isalnum() else ""
    spans = [match.span() for match in re.finditer(pattern, text)]
    return min(spans, key=lambda span: abs(span[0] - near), default=None)


def _place(document: Document, start: int, end: int) -> Place:
    return Place(document.name, document.page_at(start), start, end)
