"""The store on disk: the only module that knows its layout. LanceDB tables hold the record; FAISS copies are made from it.

    DIR/manifest.json       schema version, embedder and dimension, chunker settings, sources, place of the tables
    DIR/lance/documents     one row a file: identity, hash, text and pages, or the reason why it failed
    DIR/lance/chunks        one row a chunk: span, text, index terms (full-text index), vector
    DIR/lance/index/        vectors of a large store as they are searched (`ingest.serving`); made again when missing
    DIR/tables-2/           a whole store inside: the tables that `rebuild` makes and the manifest then points to
    DIR/files.json          copy of what is known of each file, to compare a folder with
    DIR/.lock               held by the one process that writes

The documents table is the commit point. A batch first adds its new chunks, then replaces its rows in `documents`. A chunk
counts only where its edition is that of a row there: a reader sees the old or the new version of a document whenever it looks.
Chunks of other editions are what was replaced, or what a run left that was killed. They are deleted at the end of the next
run, so that until then their vectors can be used again.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Lance logs each table that it makes as a warning.
os.environ.setdefault("LANCEDB_LOG", "error")

import numpy as np
from numpy.typing import NDArray

from ingest.damage import is_of_index, reading
from ingest.documents import Chunk, Document
from ingest.embedder import Vectors
from ingest.errors import StoreError, StoreMismatch
from ingest.journal import STATE_COLUMNS, UNREAD_VERSION, FileState, drop_copy, lost_files, read_copy, write_copy
from ingest.lance import lancedb
from ingest.manifest import (
    FIRST_TABLES,
    SCHEMA_VERSION,
    Manifest,
    Source,
    alone,
    disk_errors,
    lock,
    read_manifest,
    write_manifest,
)
from ingest.table_indexes import add_indexes

if TYPE_CHECKING:
    from ingest.snapshot import Snapshot

_KEEP_VERSIONS = timedelta(hours=1)  # readers pin a version of the table while they use it
_AT_ONCE = timedelta(milliseconds=1)
_NAMES_AT_ONCE = 500
Version = tuple[str, int, int]


@dataclass
class Batch:
    """What one commit writes: documents whose chunks are in the store, `bare` states of files without a document, removals."""

    documents: list[tuple[Document, FileState]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    bare: list[FileState] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.documents or self.bare or self.removed)


class Store:
    """An open store. Reading goes through `snapshot()`; writing needs the lock: `writing()` takes it.

    Opening costs little: LanceDB, which takes a second or more to load, is asked only when a table is.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._db: Any = None
        self._file: tuple[int, int] | None = None

    @classmethod
    def open(cls, path: Path, *, embedder: str | None = None) -> "Store":
        """Open an existing store; with `embedder` named, it must be the one that the store was made with.

        A store of an older schema is brought up to date first.
        Raises: StoreMissing, StoreMismatch, StoreError; StoreLocked when it is to be brought up to date and is written to.
        """
        manifest = read_manifest(path)
        if embedder is not None and embedder != manifest.embedder:
            raise StoreMismatch(
                f"cannot use store `{path}` with embedder `{embedder}`: it was made with `{manifest.embedder}` "
                f"({manifest.dim} dims). Run `ingest rebuild`, or set embedder.model to `{manifest.embedder}`."
            )
        if manifest.schema_version < SCHEMA_VERSION:
            from ingest.migration import migrate

            with lock(path):
                manifest = migrate(path)
        return cls(path, manifest)

    @classmethod
    def create(cls, path: Path, *, embedder: str, dim: int, chunker: dict[str, int]) -> "Store":
        """Make an empty store. The caller holds the lock.

        Raises: StoreError when the directory cannot be made or holds something else.
        """
        from ingest.rows import chunks_schema, documents_schema

        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            strangers = [entry.name for entry in path.iterdir() if entry.name not in (".lock", FIRST_TABLES)]
            strangers = [name for name in strangers if not name.startswith((".manifest.json.", ".files.json."))]
            if strangers:
                raise StoreError(
                    f"cannot make a store at `{path}`: the directory holds other files (`{strangers[0]}`). "
                    "Name an empty or a new directory."
                )
        store = cls(path, Manifest(embedder, dim, chunker, created_at=_now()))
        for name, schema in (("documents", documents_schema()), ("chunks", chunks_schema(dim))):
            with disk_errors(path):
                store._connection().create_table(name, schema=schema, mode="overwrite")
        store._write_manifest(store.manifest)  # last: a directory without a manifest is no store
        return store

    @property
    def tables(self) -> Path:
        """Directory of the tables."""
        return self.path / self.manifest.tables

    @property
    def index_folder(self) -> Path:
        """Directory of the written index of a large store, see `ingest.serving`."""
        return self.tables / "index"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock, and see what other writers did before.

        Raises: StoreLocked when another process writes; StoreError when the disk is full or not writable.
        """
        with lock(self.path):
            self.refresh()
            yield

    def refresh(self) -> None:
        """Follow a manifest that was written anew: other sources, or other tables after a rebuild.

        Raises: StoreMismatch when the embedder is another one now.
        """
        if _identity(self.path) == self._file:
            return
        identity, manifest = _identity(self.path), read_manifest(self.path)
        if (manifest.embedder, manifest.dim) != (self.manifest.embedder, self.manifest.dim):
            raise StoreMismatch(
                f"cannot go on with store `{self.path}`: it was rebuilt with embedder `{manifest.embedder}` "
                f"({manifest.dim} dims) while it was open with `{self.manifest.embedder}`. Start again with that embedder."
            )
        self._db = self._db if manifest.tables == self.manifest.tables else None
        self._file, self.manifest = identity, manifest

    def add_source(self, source: Source) -> None:
        """Record a source; one of the same name is replaced where it stands, for the first of them has no prefix."""
        if source not in self.manifest.sources:
            sources = {known.name: known for known in self.manifest.sources} | {source.name: source}
            self._write_manifest(replace(self.manifest, sources=tuple(sources.values())))

    def drop_source(self, name: str) -> None:
        """Forget a source of which no document is left."""
        self._write_manifest(
            replace(self.manifest, sources=tuple(source for source in self.manifest.sources if source.name != name))
        )

    def states(self, source: str | None = None) -> dict[str, FileState]:
        """State of every known file by name, of one source or of all."""
        known = read_copy(self.path, self.tables)
        if known is None:
            with self._reading():
                rows = self._table("documents").search().select(STATE_COLUMNS).limit(None).to_arrow().to_pylist()
            known = {row["name"]: FileState(**row) for row in rows}
        return {name: state for name, state in known.items() if source is None or state.source == source}

    def missing(self, chunks: Sequence[Chunk], editions: Mapping[str, str]) -> list[Chunk]:
        """Those of some chunks that are not in the store yet; `editions` by document."""
        from ingest.rows import is_in

        table = self._table("chunks")
        condition = is_in("edition", {editions[chunk.document] for chunk in chunks})
        with self._reading():
            rows = table.search().where(condition).select(["id", "edition"]).limit(None).to_arrow()
        there = set(zip(rows["id"].to_pylist(), rows["edition"].to_pylist(), strict=True))
        return [chunk for chunk in chunks if (chunk.id, editions[chunk.document]) not in there]

    def vectors(self, digests: Collection[str]) -> dict[str, NDArray[np.float32]]:
        """Vectors (dim,) float32 by digest, of those digests that a stored chunk has, be it one that was replaced."""
        from ingest.rows import is_in

        table, condition = self._table("chunks"), is_in("digest", digests)
        with self._reading():
            rows = table.search().where(condition).select(["digest", "vector"]).limit(None).to_arrow()
        found = zip(rows["digest"].to_pylist(), rows["vector"].to_pylist(), strict=True)
        return {digest: np.asarray(vector, dtype=np.float32) for digest, vector in found}

    def add(self, chunks: Sequence[Chunk], editions: Mapping[str, str], digests: Sequence[str], vectors: Vectors) -> None:
        """Add chunks that no reader sees until `commit` names their editions; vectors: (n, dim) float32."""
        from ingest.rows import chunk_rows

        with disk_errors(self.path):
            self._table("chunks").add(chunk_rows(chunks, editions, digests, vectors))

    def load(self, table: str, rows: Any) -> None:
        """Add rows that another store had to a table of this new one; rows: an Arrow record batch of its schema."""
        import pyarrow as pa

        with disk_errors(self.path):
            self._table(table).add(pa.Table.from_batches([rows]))

    def commit(self, batch: Batch) -> None:
        """Make one batch what readers see, all at once; its chunks are in the store already."""
        from ingest.rows import document_rows, is_in

        rows = document_rows(batch.documents, batch.bare, _now())
        with disk_errors(self.path):
            documents = self._table("documents")
            if rows.num_rows:
                merge = documents.merge_insert("name").when_matched_update_all().when_not_matched_insert_all()
                if batch.removed:
                    merge = merge.when_not_matched_by_source_delete(is_in("name", batch.removed))
                merge.execute(rows)
            elif batch.removed:
                documents.delete(is_in("name", batch.removed))

    def touch(self, states: Sequence[FileState]) -> None:
        """Record new sizes and time stamps of files whose bytes did not change."""
        if states:
            from ingest.rows import stamp_rows

            with disk_errors(self.path):
                self._table("documents").merge_insert("name").when_matched_update_all().execute(stamp_rows(states))

    def mark_unread(self, names: Sequence[str]) -> None:
        """Have documents count as never read, though readers see them as they are."""
        from ingest.rows import is_in

        with disk_errors(self.path):
            self._table("documents").update(where=is_in("name", names), values={"loaders_version": UNREAD_VERSION})

    def is_finished(self) -> bool:
        """True if the last run came to its end and nothing was written since."""
        return read_copy(self.path, self.tables) is not None

    def finish(self, *, keep_versions: timedelta = _KEEP_VERSIONS) -> None:
        """Delete chunks that count no more, bring the indexes of the tables up to date, join small files, drop old versions.

        Indexes that are damaged are made anew. Raises: StoreError.
        """
        self._tidy()
        chunks, documents = self._table("chunks"), self._table("documents")
        self._delete_replaced(chunks)
        is_damaged = any(map(is_of_index, lost_files(self.path, self.tables)))
        with disk_errors(self.path):
            drop_copy(self.path)
            add_indexes(chunks, anew=is_damaged)
        for table in (chunks, documents):
            with disk_errors(self.path):
                # Nobody else writes while the lock is held: whatever belongs to no version was left by a killed run.
                table.optimize(cleanup_older_than=keep_versions, delete_unverified=True)
        with disk_errors(self.path):
            write_copy(self.path, self.tables, self.states().values())

    def compact(self) -> tuple[int, int]:
        """Finish, and drop every version but the newest. Returns the bytes of the store before and after."""
        before = _size(self.path)
        self.finish(keep_versions=_AT_ONCE)
        self._drop_outdated_index()
        for leftover in self.path.glob("tables-*"):
            if leftover.name != Path(self.manifest.tables).parts[0]:
                shutil.rmtree(leftover, ignore_errors=True)  # of a rebuild that was given up
        return before, _size(self.path)

    def _drop_outdated_index(self) -> None:
        """Delete an index that has names and vectors of documents that are no more, and what a killed build left."""
        if not self.index_folder.is_dir():
            return
        with alone(self.index_folder):  # whoever is building one now has begun with what was there before
            shutil.rmtree(self.index_folder / ".new", ignore_errors=True)
            self._drop_outdated_indexes()

    def _drop_outdated_indexes(self) -> None:
        live = {state.edition for state in self.states().values()}
        for meta in self.index_folder.glob("*/meta.json"):
            try:
                editions = {edition for _, edition, *_ in json.loads(meta.read_text(encoding="utf-8"))["documents"]}
                is_current = editions <= live
            except (OSError, ValueError, LookupError, TypeError):  # damaged
                is_current = False
            if not is_current:
                shutil.rmtree(meta.parent, ignore_errors=True)

    def use_tables(self, inner: Manifest, tables: str) -> None:
        """Go over to other tables inside the store, which were made with `inner`, and delete those of before."""
        changed = replace(inner, sources=self.manifest.sources, created_at=self.manifest.created_at, tables=tables)
        self._write_manifest(changed)
        self._db = None
        self._tidy()

    def current_manifest(self) -> Manifest:
        """The manifest as it is now, with sources that other processes have added.

        Raises: StoreError.
        """
        return read_manifest(self.path)

    def version(self) -> Version:
        """Changes whenever the content does: place of the tables, versions of the documents and the chunks table."""
        self.refresh()
        return self.manifest.tables, self._table("documents").version, self._table("chunks").version

    def snapshot(self) -> "Snapshot":
        """A consistent view for reading; later writes do not change it."""
        from ingest.snapshot import Snapshot

        for _ in range(20):
            self.refresh()
            documents, chunks = self._table("documents"), self._table("chunks")
            before = documents.version
            chunks.checkout(chunks.version)
            documents.checkout(before)
            if self._table("documents").version == before:
                return Snapshot(documents, chunks, self.manifest, self.path)
        raise StoreError(f"cannot read store `{self.path}`: it changes too fast. Try again.")

    def _delete_replaced(self, chunks: Any) -> None:
        """Delete chunks of editions that no document row names."""
        from ingest.rows import is_in

        live = {state.edition for state in self.states().values() if state.status == "stored"}
        with self._reading():
            found = set(chunks.search().select(["edition"]).limit(None).to_arrow()["edition"].unique().to_pylist())
        stale = sorted(found - live)
        for start in range(0, len(stale), _NAMES_AT_ONCE):
            with disk_errors(self.path):
                chunks.delete(is_in("edition", stale[start : start + _NAMES_AT_ONCE]))

    def _tidy(self) -> None:
        """Delete tables of before a rebuild, and files that a killed run was writing."""
        now = _generation(Path(self.manifest.tables).parts[0])
        for entry in self.path.iterdir():
            if entry.is_dir() and 0 < _generation(entry.name) < now:
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name.startswith((".manifest.json.", ".files.json.")):
                entry.unlink(missing_ok=True)

    def _reading(self) -> AbstractContextManager[None]:
        return reading(self.path, self.tables)

    def _table(self, name: str) -> Any:
        with self._reading():
            return self._connection().open_table(name)

    def _connection(self) -> Any:
        if self._db is None:
            self._db = lancedb().connect(str(self.tables))
        return self._db

    def _write_manifest(self, manifest: Manifest) -> None:
        with disk_errors(self.path):
            write_manifest(self.path, manifest)
        self.manifest, self._file = manifest, _identity(self.path)


def next_tables(store: Store) -> str:
    """Name of the directory inside a store where its next tables are made."""
    return f"tables-{_generation(Path(store.manifest.tables).parts[0]) + 1}"


def _generation(name: str) -> int:
    """Number of a directory of tables, 0 for any other name."""
    if name == FIRST_TABLES:
        return 1
    number = name.removeprefix("tables-")
    return int(number) if name != number and number.isdigit() else 0


def _identity(path: Path) -> tuple[int, int] | None:
    """Changes when the manifest is written anew."""
    try:
        status = (path / "manifest.json").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
