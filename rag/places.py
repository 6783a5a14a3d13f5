"""Say of passages where they stand in their documents, and of those who wrote them and when, as the store has it.

What is needed of a document is read once and kept, so that a question after the first costs next to nothing. It neither
searches nor words anything.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingest.chunker import heading_path
from ingest.documents import Document, Location
from ingest.journal import FileState
from ingest.layout import Layout, layout_of
from ingest.snapshot import Snapshot
from rag.answers import Passage

_KEPT = 256  # documents; a table of 100,000 rows takes 400 kB
_ABOUT = ("author", "created", "modified")


class Places:
    """Remembers the layouts of documents that were found lately. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[FileState, Layout] = OrderedDict()
        self._lock = threading.Lock()

    def located(self, snapshot: Snapshot, passages: Sequence[Passage]) -> list[Passage]:
        """The passages, with where they stand and what is known of their documents.

        Raises: StoreError.
        """
        layouts = self._layouts(snapshot, {passage.document for passage in passages})
        return [
            _located(passage, layouts[passage.document], snapshot.states[passage.document].title)
            if passage.document in layouts
            else passage
            for passage in passages
        ]

    def _layouts(self, snapshot: Snapshot, names: Iterable[str]) -> dict[str, Layout]:
        states = {name: snapshot.states[name] for name in names}
        with self._lock:
            found = {name: self._known[state] for name, state in states.items() if state in self._known}
        found |= snapshot.layouts([name for name in states if name not in found])
        with self._lock:
            for name, layout in found.items():
                self._known[states[name]] = layout
                self._known.move_to_end(states[name])
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def location_in(document: Document, start: int, end: int) -> Location:
    """Where `[start, end)` stands in a document that is at hand."""
    section = section_of(" > ".join(heading_path(document, start)), document.title)
    return _told_once(layout_of(document).location(start, end, section))


def _located(passage: Passage, layout: Layout, title: str) -> Passage:
    location = layout.location(passage.start, passage.end, section_of(passage.context, title))
    known = {"title": title, **{name: layout.metadata.get(name, "") for name in _ABOUT}}
    return replace(
        passage,
        location=_told_once(location),
        about=tuple((name, value) for name, value in known.items() if value),
    )


def section_of(context: str, title: str) -> str:
    """The headings above a chunk, without the title of its document: `context` is both in one line."""
    return "" if context == title else context.removeprefix(f"{title} > ")


def _told_once(location: Location) -> Location:
    """The loaders of sheets make their names headings too."""
    is_same = location.label.partition(" ")[2] == location.section
    return replace(location, section="") if is_same else location
