"""Takes what was read of the files of one source into the store, a batch at a time: chunk -> embed -> store.

A file that holds files is taken part by part, and its own row is written last: a run that is killed in between finds it
unread. It knows nothing of the folder but the files that it is given.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ingest.chunker import ChunkerSettings, chunk_document
from ingest.containers import ARCHIVES, SEPARATOR, is_container, suffix_of
from ingest.documents import Document
from ingest.embedder import Embedder
from ingest.embedding import ChunkWriter
from ingest.errors import LoadError, ReadInterrupted
from ingest.journal import UNREAD_SIZE, UNREAD_VERSION, FileState
from ingest.limits import ReadLimits
from ingest.loaders import LOADERS_VERSION, load_bytes, may_be_read_now
from ingest.manifest import Source
from ingest.reading import Opened, Outcome, Request, Told, Unpacked
from ingest.scan import settled_ctime
from ingest.store import Batch, Store

# A commit is written when so many chunks wait or so much time has passed: a crash costs at most one of them.
_CHUNKS_A_COMMIT = 512
_FILES_A_COMMIT = 1000
_SECONDS_A_COMMIT = 30.0


@dataclass(frozen=True)
class FoundFile:
    """A file of the folder that a loader may read. `name` is its document name."""

    name: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int = 0

    def found_again(self) -> "FoundFile":
        """The same file as it is now."""
        try:
            status = self.path.stat()
        except OSError:
            return replace(self, size=-1, mtime_ns=-1, ctime_ns=-1)
        return replace(self, size=status.st_size, mtime_ns=status.st_mtime_ns, ctime_ns=status.st_ctime_ns)

    def is_as_found(self) -> bool:
        """True if nobody has written to the file since it was found, so that what was read is one version of it."""
        return self.found_again() == self


@dataclass
class Report:
    """What a run did. `failed` gives the reason by name, `partly` what is missing; `skipped` counts by suffix or reason.

    `warnings` says of a document what was left out because no reader sees it, and what was repaired; `notes` are about the
    source as a whole. An archive is named only where it failed or was read in part; its parts are documents. `n_chunks` were
    written, `n_embedded` texts of them embedded: for the others there was a vector already.
    """

    source: str = ""
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    partly: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_chunks: int = 0
    n_embedded: int = 0
    seconds: float = 0.0
    is_dry_run: bool = False
    is_unsettled: bool = False  # a file was written to all the time


@dataclass(frozen=True)
class Step:
    """What a run has just done: files are opened and read, documents fail or are removed, chunks are embedded and stored.

    `done` and `total` count files, or chunks of which there were so many so far; `seconds` is how long a file took to read.
    """

    stage: Literal["open", "read", "failed", "embed", "store", "removed"]
    done: int = 0
    total: int = 0
    document: str = ""
    seconds: float = 0.0
    reason: str = ""


Listener = Callable[[Step], None]


def ignore(step: Step) -> None:
    """Listen to nothing."""


class Intake:
    """One run over one source. `known`: what the store knew of it before; `listen` is told of every step.

    `donor`: another store, from which vectors may come. `unsettled`: files that were written to while they were read; nothing
    of them was taken.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        known: dict[str, FileState],
        embedder: Embedder,
        settings: ChunkerSettings,
        report: Report,
        listen: Listener = ignore,
        donor: Store | None = None,
    ) -> None:
        self._store = store
        self._writer = ChunkWriter(store, embedder, donor)
        self._source = source
        self._known = known
        self._embedder = embedder
        self._settings = settings
        self._report = report
        self._listen = listen
        self._batch = Batch()
        self._touched: list[FileState] = []
        self.unsettled: list[FoundFile] = []
        self._last_commit = time.monotonic()
        self._started_ns = time.time_ns()

    def remove(self, names: list[str]) -> None:
        """Remove documents with the next commit."""
        self._batch.removed.extend(names)
        self._report.removed.extend(names)

    def request(self, found: FoundFile, limits: ReadLimits, taken: frozenset[str]) -> Request:
        """What is to be read of a file. `taken`: names that none of its parts may get."""
        names = [found.name, *(self._parts_of(found.name, taken) if is_container(found.name) else ())]
        states = [self._known.get(name) for name in names]
        same = [state for state in states if state is not None and state.loaders_version == LOADERS_VERSION]
        is_unread = any(state.name == found.name and state.size < 0 for state in same)
        known = {state.name: state.sha256 for state in same if state.sha256 and not may_be_read_now(state.reason)}
        return Request(found.name, found.path, found.size, limits, known, is_unread, taken, prefix=self._source.prefix)

    def take(self, found: FoundFile, request: Request, tellings: Iterator[Told]) -> None:
        """Take a new or changed file as it was read; whatever is wrong with it is recorded as its state."""
        state = self._state(found)
        own: Outcome | None = None
        parts: set[str] = set()
        end: Unpacked | None = None
        is_stale = False  # parts are taken as they come, so that a container is looked at before the first of them too
        for told in tellings:
            if not parts and isinstance(told, Opened):
                is_stale = is_stale or not found.is_as_found()
            if is_stale:
                continue
            if isinstance(told, Unpacked):
                end = told
            elif isinstance(told, Opened):
                if told.name == found.name:
                    state = replace(state, sha256=told.sha256)
            elif told.name == found.name:
                own = told
            else:
                if not parts:
                    self._mark_unread(state)
                parts.add(told.name)
                self._take_outcome(told, replace(state, name=told.name, sha256=told.sha256, size=told.size))
                self.commit()
        if is_stale or not found.is_as_found():
            if not parts:
                self.unsettled.append(found)
                return
            state = replace(state, size=UNREAD_SIZE)  # the next run reads it again
            self._report.is_unsettled = True
        if end is not None:
            self._close(state, request, parts, end)
        elif is_container(found.name) and own is not None and own.is_same:
            for name in self._parts_of(found.name, request.taken):
                self._note_same(self._known[name])
        if own is not None:
            if own.is_same:
                self._touch(self._known[found.name], state)
            self._take_outcome(own, state, end.why_partly() if end is not None else "")

    def give_up(self, found: FoundFile) -> None:
        """Report a file that never rests; the version that the store has of it stays."""
        error = ReadInterrupted("is written to all the time and could not be read at rest. The next run tries again")
        before = self._known.get(found.name)
        if before is None or before.status == "failed":
            self._fail(self._state(found), error)
        else:
            self._report.failed[found.name] = str(error)
        self._report.is_unsettled = True

    def note_closed(self, closed: Mapping[str, str]) -> None:
        """Record folders that may not be looked into, with the reason."""
        for name, reason in closed.items():
            self._fail(FileState(name, self._source.name, "", 0, 0, LOADERS_VERSION, "failed"), LoadError(reason))

    def take_row(self, name: str, data: bytes) -> None:
        """Take a row of a query, its text as UTF-8; one that the store has as it is stays."""
        digest = hashlib.sha256(data).hexdigest()
        state = FileState(name, self._source.name, digest, len(data), 0, LOADERS_VERSION, "failed")
        if (before := self._same(state)) is not None:
            self._note_same(before)
            return
        try:
            document = load_bytes(data, name.removeprefix(self._source.prefix), ".txt")
            self._take_document(replace(document, name=name), state, "")
        except LoadError as error:
            self._fail(state, error)

    def keep(self, document: Document | None, state: FileState) -> None:
        """Take over a document, or a file without one, as another store knows it: its file cannot be looked at now."""
        before = self._known.get(state.name)
        if before is not None and (before.sha256, before.status) == (state.sha256, state.status):
            self._note_same(before)
        elif document is not None:
            self._take_chunks(document, state)
        else:
            self._batch.bare.append(state)
            if state.status == "failed":
                self._report.failed[state.name] = state.reason

    def commit(self, *, is_end: bool = False) -> None:
        """Embed and write what waits, if it is much, or waits long, or nothing more comes."""
        batch = self._batch
        is_full = len(batch.chunks) >= _CHUNKS_A_COMMIT or len(batch.documents) >= _FILES_A_COMMIT
        if not is_end and not is_full and time.monotonic() - self._last_commit <= _SECONDS_A_COMMIT:
            return
        self._batch = Batch()
        if batch.chunks:
            editions = {state.name: state.edition for _, state in batch.documents}
            before, most = self._report.n_chunks, self._report.n_chunks + len(batch.chunks)
            self._report.n_embedded += self._writer.add(
                batch.chunks, editions, lambda done: self._listen(Step("embed", before + done, most))
            )
        if batch:
            self._store.commit(batch)
        for name in batch.removed:
            self._listen(Step("removed", document=name))
        if is_end:
            self._store.touch(self._touched)
        self._report.n_chunks += len(batch.chunks)
        self._last_commit = time.monotonic()
        if batch.chunks:
            self._listen(Step("store", self._report.n_chunks, self._report.n_chunks))

    def _state(self, found: FoundFile) -> FileState:
        state = FileState(found.name, self._source.name, "", found.size, found.mtime_ns, LOADERS_VERSION, "failed")
        return replace(state, ctime_ns=settled_ctime(found.mtime_ns, found.ctime_ns, self._started_ns))

    def _mark_unread(self, container: FileState) -> None:
        """Let the next run read a container again if this one ends before its own row is written anew."""
        if (before := self._known.get(container.name)) is not None:
            self._store.touch([replace(before, size=UNREAD_SIZE)])

    def _close(self, state: FileState, request: Request, parts: set[str], end: Unpacked) -> None:
        """Write down what became of a container; the row of an e-mail is that of its document."""
        self.remove([name for name in self._parts_of(state.name, request.taken) if name not in parts])
        for kind, count in end.skipped.items():
            self._report.skipped[kind] = self._report.skipped.get(kind, 0) + count
        if end.stopped:
            self._report.partly[state.name] = end.stopped
        if suffix_of(state.name) in ARCHIVES:
            self._close_archive(state, len(parts), end)

    def _close_archive(self, state: FileState, n_parts: int, end: Unpacked) -> None:
        skipped = ", ".join(f"{count} {kind}" for kind, count in sorted(end.skipped.items()))
        if end.error is not None:
            self._fail(state, end.error)
        elif not n_parts:
            self._fail(state, LoadError(f"holds no file that is read: {skipped or 'it is empty'}"))
        else:
            told = (f"{n_parts} parts", f"skipped {skipped}" if skipped else "", end.stopped)
            self._batch.bare.append(replace(state, status="container", reason="; ".join(filter(None, told))))

    def _take_outcome(self, outcome: Outcome, state: FileState, stopped: str = "") -> None:
        """Take one document; `stopped` says why parts of it are missing."""
        if outcome.document is not None:
            self._take_document(outcome.document, state, stopped)
        elif outcome.error is not None:
            self._fail(state, outcome.error)
        else:
            self._note_same(self._known[state.name])

    def _take_document(self, document: Document, state: FileState, stopped: str) -> None:
        reason = "; ".join(part for part in (_unread(document), stopped, *document.warnings) if part)
        self._take_chunks(document, replace(state, status="stored", reason=reason))
        if document.warnings:
            self._report.warnings[state.name] = "; ".join(document.warnings)
        if unread := _unread(document):
            self._report.partly[state.name] = unread

    def _take_chunks(self, document: Document, state: FileState) -> None:
        from ingest.rows import edition_of

        report, embedder = self._report, self._embedder
        chunks = chunk_document(document, embedder.token_starts, self._settings, embedder.counted_languages)
        state = replace(
            state,
            title=document.title,
            language=document.language,
            n_chunks=len(chunks),
            n_pages=len(document.pages),
            edition=edition_of(chunks),
        )
        self._batch.documents.append((document, state))
        self._batch.chunks.extend(chunks)
        known = self._known.get(state.name)
        (report.changed if known is not None and known.status == "stored" else report.added).append(state.name)

    def _fail(self, state: FileState, error: LoadError) -> None:
        version = UNREAD_VERSION if isinstance(error, ReadInterrupted) else state.loaders_version
        state = replace(state, reason=str(error), loaders_version=version)
        self._report.failed[state.name] = state.reason
        self._listen(Step("failed", document=state.name, reason=state.reason))
        before = self._known.get(state.name)
        told = (state.status, state.sha256, state.loaders_version, state.reason)
        if before is not None and told == (before.status, before.sha256, before.loaders_version, before.reason):
            self._touch(before, state)
        else:
            self._batch.bare.append(state)

    def _same(self, state: FileState) -> FileState | None:
        """What the store knows of a file with the same bytes, None if they are new or the loaders are."""
        before = self._known.get(state.name)
        is_same = before is not None and (before.sha256, before.loaders_version) == (state.sha256, state.loaders_version)
        return before if before is not None and is_same and not may_be_read_now(before.reason) else None

    def _touch(self, before: FileState, now: FileState) -> None:
        """Nothing but its time stamps changed."""
        touched = replace(before, size=now.size, mtime_ns=now.mtime_ns, ctime_ns=now.ctime_ns)
        if touched != before:
            self._touched.append(touched)

    def _note_same(self, state: FileState) -> None:
        if state.status == "failed":
            self._report.failed[state.name] = state.reason
        elif state.status == "stored":
            self._report.unchanged.append(state.name)

    def _parts_of(self, container: str, taken: frozenset[str]) -> list[str]:
        return [name for name in self._known if name.startswith(container + SEPARATOR) and name not in taken]


def _unread(document: Document) -> str:
    pages = document.metadata.get("unread_pages")
    return f"not read: {pages}" if pages else ""
