"""Takes the files of one source into the store, a batch at a time: load -> chunk -> embed -> store.

A file that holds files is taken part by part, and its own row is written last: a run that is killed in between finds it
unread. It knows nothing of the folder but the files that it is given.
"""

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.chunker import ChunkerSettings, chunk_document
from ingest.containers import ARCHIVES, SEPARATOR, Part, Unpacking, is_container, suffix_of
from ingest.documents import Document
from ingest.embedder import Embedder
from ingest.embedding import ChunkWriter
from ingest.errors import LoadError
from ingest.journal import FileState
from ingest.loaders import LOADERS_VERSION, load_bytes
from ingest.manifest import Source
from ingest.scan import settled_ctime
from ingest.store import Batch, Store

# A commit is written when so many chunks wait or so much time has passed: a crash costs at most one of them.
_CHUNKS_A_COMMIT = 512
_FILES_A_COMMIT = 1000
_SECONDS_A_COMMIT = 30.0
UNREAD_SIZE = -2  # of a container whose parts in the store are not all that it has


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

    `warnings` says of a document what was left out because no reader sees it, and what was repaired. An archive is named only
    where it failed or was read in part; its parts are documents. `n_chunks` were written, `n_embedded` texts of them embedded:
    for the others there was a vector already.
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
    n_chunks: int = 0
    n_embedded: int = 0
    seconds: float = 0.0
    is_dry_run: bool = False
    is_unsettled: bool = False  # a file was written to all the time


class Intake:
    """One run over one source. `known`: what the store knew of it before; `taken`: names of files that look like parts.

    `unsettled`: files that were written to while they were read; nothing of them was taken.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        known: dict[str, FileState],
        embedder: Embedder,
        settings: ChunkerSettings,
        report: Report,
        taken: Collection[str] = (),
        donor: Store | None = None,
    ) -> None:
        self._store = store
        self._writer = ChunkWriter(store, embedder, donor)
        self._source = source
        self._known = known
        self._embedder = embedder
        self._settings = settings
        self._report = report
        self._taken = taken
        self._batch = Batch()
        self._touched: list[FileState] = []
        self.unsettled: list[FoundFile] = []
        self._last_commit = time.monotonic()

    def remove(self, names: list[str]) -> None:
        """Remove documents with the next commit."""
        self._batch.removed.extend(names)
        self._report.removed.extend(names)

    def take(self, found: FoundFile) -> None:
        """Take a new or changed file; whatever is wrong with it is recorded as its state."""
        state = self._state(found)
        try:
            data = found.path.read_bytes()
        except OSError as error:
            self._fail(replace(state, reason=f"cannot be opened: {error.strerror or error}"))
            return
        if not found.is_as_found():
            self.unsettled.append(found)
            return
        state = replace(state, sha256=hashlib.sha256(data).hexdigest())
        if not is_container(found.name):
            self._take_document(data, state)
        elif (before := self._same(state)) is not None and before.size >= 0:
            self._keep(before, state)
            for name in self._parts_of(found.name):
                self._note_same(self._known[name])
        else:
            self._take_container(data, state)

    def give_up(self, found: FoundFile) -> None:
        """Report a file that never rests; the version that the store has of it stays."""
        reason = "is written to all the time and could not be read at rest. The next run tries again"
        before = self._known.get(found.name)
        if before is None or before.status == "failed":
            self._fail(replace(self._state(found), reason=reason))
        else:
            self._report.failed[found.name] = reason
        self._report.is_unsettled = True

    def commit(self, *, is_end: bool = False) -> None:
        """Embed and write what waits, if it is much, or waits long, or nothing more comes."""
        batch = self._batch
        is_full = len(batch.chunks) >= _CHUNKS_A_COMMIT or len(batch.documents) >= _FILES_A_COMMIT
        if not is_end and not is_full and time.monotonic() - self._last_commit <= _SECONDS_A_COMMIT:
            return
        self._batch = Batch()
        editions = {state.name: state.edition for _, state in batch.documents}
        self._report.n_embedded += self._writer.add(batch.chunks, editions)
        if batch:
            self._store.commit(batch)
        if is_end:
            self._store.touch(self._touched)
        self._report.n_chunks += len(batch.chunks)
        self._last_commit = time.monotonic()

    def _state(self, found: FoundFile) -> FileState:
        state = FileState(found.name, self._source.name, "", found.size, found.mtime_ns, LOADERS_VERSION, "failed")
        return replace(state, ctime_ns=settled_ctime(found.mtime_ns, found.ctime_ns, time.time_ns()))

    def _take_container(self, data: bytes, state: FileState) -> None:
        if (before := self._known.get(state.name)) is not None:
            self._store.touch([replace(before, size=UNREAD_SIZE)])  # until its own row is written anew
        unpacking = Unpacking(taken=self._taken)
        seen, reason = set(), ""
        try:
            for part in unpacking.parts(data, state.name):
                seen.add(part.name)
                self._take_part(part, state)
                self.commit()
        except LoadError as error:
            reason = str(error)
        self.remove([name for name in self._parts_of(state.name) if name not in seen])
        for kind, count in unpacking.skipped.items():
            self._report.skipped[kind] = self._report.skipped.get(kind, 0) + count
        if unpacking.stopped:
            self._report.partly[state.name] = unpacking.stopped
        if suffix_of(state.name) in ARCHIVES:
            self._close_archive(state, len(seen), reason, unpacking)
        else:  # an e-mail that cannot be taken apart gives its reason when it is read
            self._take_document(data, state, unpacking.stopped)

    def _take_part(self, part: Part, container: FileState) -> None:
        digest = "" if part.reason else hashlib.sha256(part.data).hexdigest()
        state = replace(container, name=part.name, sha256=digest, size=len(part.data), reason=part.reason)
        if part.reason:
            before = self._known.get(part.name)
            if before is not None and (before.status, before.reason) == ("failed", part.reason):
                self._note_same(before)
            else:
                self._fail(state)
        elif (before := self._same(state)) is not None:
            self._note_same(before)
        else:
            self._take_document(part.data, state)

    def _close_archive(self, state: FileState, n_parts: int, reason: str, unpacking: Unpacking) -> None:
        skipped = ", ".join(f"{count} {kind}" for kind, count in sorted(unpacking.skipped.items()))
        if not reason and not n_parts:
            reason = f"holds no file that is read: {skipped or 'it is empty'}"
        if reason:
            self._fail(replace(state, reason=reason))
        else:
            told = (f"{n_parts} parts", f"skipped {skipped}" if skipped else "", unpacking.stopped)
            self._batch.bare.append(replace(state, status="container", reason="; ".join(filter(None, told))))

    def _take_document(self, data: bytes, state: FileState, stopped: str = "") -> None:
        """Load and chunk one document; `stopped` says why parts of it are missing."""
        before = self._same(state)
        if before is not None:
            self._keep(before, state)
            return
        try:
            document = load_bytes(data, state.name)
        except LoadError as error:
            self._fail(replace(state, reason=str(error)))
            return
        from ingest.rows import edition_of

        report, embedder = self._report, self._embedder
        chunks = chunk_document(document, embedder.token_starts, self._settings, embedder.languages)
        state = replace(
            state,
            status="stored",
            title=document.title,
            language=document.language,
            reason="; ".join(part for part in (_unread(document), stopped, *document.warnings) if part),
            n_chunks=len(chunks),
            n_pages=len(document.pages),
            edition=edition_of(chunks),
        )
        self._batch.documents.append((document, state))
        self._batch.chunks.extend(chunks)
        if document.warnings:
            report.warnings[state.name] = "; ".join(document.warnings)
        if unread := _unread(document):
            report.partly[state.name] = unread
        known = self._known.get(state.name)
        (report.changed if known is not None and known.status == "stored" else report.added).append(state.name)

    def _fail(self, state: FileState) -> None:
        self._report.failed[state.name] = state.reason
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
        return before if is_same else None

    def _keep(self, before: FileState, now: FileState) -> None:
        """Nothing but its time stamps changed."""
        self._touch(before, now)
        self._note_same(before)

    def _touch(self, before: FileState, now: FileState) -> None:
        touched = replace(before, size=now.size, mtime_ns=now.mtime_ns, ctime_ns=now.ctime_ns)
        if touched != before:
            self._touched.append(touched)

    def _note_same(self, state: FileState) -> None:
        if state.status == "failed":
            self._report.failed[state.name] = state.reason
        elif state.status == "stored":
            self._report.unchanged.append(state.name)

    def _parts_of(self, container: str) -> list[str]:
        return [name for name in self._known if name.startswith(container + SEPARATOR) and name not in self._taken]


def _unread(document: Document) -> str:
    pages = document.metadata.get("unread_pages")
    return f"not read: {pages}" if pages else ""
