"""The store on disk: the only module that knows its layout. LanceDB tables hold the record; FAISS copies are made from it.

    DIR/manifest.json       schema version, embedder and dimension, chunker settings, sources
    DIR/lance/documents     one row a file: identity, hash, text and pages, or the reason why it failed
    DIR/lance/chunks        one row a chunk: span, text, index terms (full-text index), vector
    DIR/.lock               held by the one process that writes

The documents table is the commit point. A batch first adds its new chunks, then replaces its rows in `documents`, then
deletes chunks that no row there names any more. A reader takes chunks only where (document, sha256) is in `documents`, so that
it sees the old or the new version of a document whenever it looks, and a run that was killed is cleaned up by the next.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# Lance logs each table that it makes as a warning.
os.environ.setdefault("LANCEDB_LOG", "error")

import numpy as np
import pyarrow as pa

from ingest.analysis import terms
from ingest.documents import Chunk, Document, Heading, Page, Rows
from ingest.embedder import Vectors
from ingest.errors import StoreError, StoreMismatch
from ingest.manifest import Manifest, Source, disk_errors, lock, read_manifest, write_atomically

_TABLES = "lance"
_KEEP_VERSIONS = timedelta(hours=1)  # readers pin a version of the table while they use it


@dataclass(frozen=True)
class FileState:
    """What the store knows of one file: its bytes' hash, size and time stamp, and how reading it ended."""

    name: str
    source: str
    sha256: str
    size: int
    mtime_ns: int
    loaders_version: int
    status: str  # "stored", "failed", or "container" for an archive, which has no text but its parts
    reason: str = ""
    title: str = ""
    language: str = ""
    n_chunks: int = 0
    n_pages: int = 0


@dataclass
class Batch:
    """What one commit writes: documents with their chunks and vectors, and `bare` states of files without a document."""

    documents: list[tuple[Document, FileState]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    bare: list[FileState] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.documents or self.bare or self.removed)


def _documents_schema() -> pa.Schema:
    return pa.schema(
        [
            ("name", pa.string()),
            ("source", pa.string()),
            ("sha256", pa.string()),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("loaders_version", pa.int32()),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("title", pa.string()),
            ("language", pa.string()),
            ("n_chunks", pa.int32()),
            ("n_pages", pa.int32()),
            ("text", pa.large_string()),
            ("structure", pa.large_string()),  # JSON: pages, headings, rows, metadata
            ("ingested_at", pa.string()),
        ]
    )


def _chunks_schema(dim: int) -> pa.Schema:
    return pa.schema(
        [
            ("id", pa.string()),
            ("document", pa.string()),
            ("sha256", pa.string()),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("page", pa.int32()),
            ("text", pa.string()),
            ("context", pa.string()),
            ("language", pa.string()),
            ("terms", pa.string()),
            ("vector", pa.list_(pa.float32(), dim)),
        ]
    )


_STATE_COLUMNS = [
    "name", "source", "sha256", "size", "mtime_ns", "loaders_version",
    "status", "reason", "title", "language", "n_chunks", "n_pages",
]  # fmt: skip
_CHUNK_COLUMNS = ["id", "document", "sha256", "start", "end", "page", "text", "context", "language"]


class Store:
    """An open store. Reading goes through `snapshot()`; writing needs the lock that `writing()` takes."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        import lancedb

        self.path = path
        self.manifest = manifest
        self._db = lancedb.connect(str(path / _TABLES))

    @classmethod
    def open(cls, path: Path, *, embedder: str | None = None) -> "Store":
        """Open an existing store; with `embedder` named, it must be the one that the store was made with.

        Raises: StoreMissing, StoreMismatch, StoreError.
        """
        manifest = read_manifest(path)
        if embedder is not None and embedder != manifest.embedder:
            raise StoreMismatch(
                f"cannot use store `{path}` with embedder `{embedder}`: it was made with `{manifest.embedder}` "
                f"({manifest.dim} dims). Run `ingest rebuild`, or set embedder.model to `{manifest.embedder}`."
            )
        return cls(path, manifest)

    @classmethod
    def create(cls, path: Path, *, embedder: str, dim: int, chunker: dict[str, int]) -> "Store":
        """Make an empty store.

        Raises: StoreError when the directory cannot be made or holds something else.
        """
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            strangers = [entry.name for entry in path.iterdir() if entry.name not in (".lock", _TABLES)]
            if strangers:
                raise StoreError(
                    f"cannot make a store at `{path}`: the directory holds other files (`{strangers[0]}`). "
                    "Name an empty or a new directory."
                )
            manifest = Manifest(embedder, dim, chunker, created_at=_now())
            store = cls(path, manifest)
            store._db.create_table("documents", schema=_documents_schema(), mode="overwrite")
            store._db.create_table("chunks", schema=_chunks_schema(dim), mode="overwrite")
            store._write_manifest(manifest)  # last: a directory without a manifest is no store
        return store

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock, and first remove what a killed run left behind.

        Raises: StoreLocked when another process writes; StoreError when the disk is full or not writable.
        """
        with lock(self.path), disk_errors(self.path):
            self._delete_orphans()
            yield

    def add_source(self, source: Source) -> None:
        """Record a source; one of the same name is replaced where it stands, for the first of them has no prefix."""
        sources = {known.name: known for known in self.manifest.sources} | {source.name: source}
        self.manifest = replace(self.manifest, sources=tuple(sources.values()))
        self._write_manifest(self.manifest)

    def states(self, source: str | None = None) -> dict[str, FileState]:
        """State of every known file by name, of one source or of all."""
        table = self._db.open_table("documents")
        query = table.search().select(_STATE_COLUMNS)
        if source is not None:
            query = query.where(f"source = {_quote(source)}")
        rows = query.limit(None).to_arrow().to_pylist()
        return {row["name"]: FileState(**row) for row in rows}

    def commit(self, batch: Batch) -> None:
        """Write one batch so that readers see each document whole, old or new."""
        with disk_errors(self.path):
            documents, chunks = self._db.open_table("documents"), self._db.open_table("chunks")
            hashes = {document.name: document.sha256 for document, _ in batch.documents}
            replaced = [*hashes, *(state.name for state in batch.bare), *batch.removed]
            known = self.states() if replaced else {}
            if batch.chunks:
                # The same content under the same name may be stored already (loader or chunker changed): its rows go first.
                again = [name for name, digest in hashes.items() if name in known and known[name].sha256 == digest]
                _delete(chunks, "document", again)
                chunks.add(_chunk_rows(batch, hashes, self.manifest.dim))
            rows = _document_rows(batch)
            if rows.num_rows:
                documents.merge_insert("name").when_matched_update_all().when_not_matched_insert_all().execute(rows)
            _delete(documents, "name", batch.removed)
            stale = [name for name in replaced if name in known and known[name].n_chunks]
            for name in stale:
                keep = f" AND sha256 != {_quote(hashes[name])}" if name in hashes else ""
                chunks.delete(f"document = {_quote(name)}{keep}")

    def touch(self, states: Sequence[FileState]) -> None:
        """Record new time stamps of files whose bytes did not change."""
        documents = self._db.open_table("documents")
        for state in states:
            documents.update(where=f"name = {_quote(state.name)}", values={"mtime_ns": state.mtime_ns, "size": state.size})

    def finish(self) -> None:
        """Bring the full-text index up to date, join small files and drop old versions."""
        from lancedb.index import FTS

        with disk_errors(self.path):
            chunks, documents = self._db.open_table("chunks"), self._db.open_table("documents")
            if chunks.count_rows() and not chunks.list_indices():
                # Terms are analysed by `ingest.analysis`, one language at a time; the index only splits at blanks.
                config = FTS(
                    base_tokenizer="whitespace",
                    lower_case=False,
                    stem=False,
                    remove_stop_words=False,
                    ascii_folding=False,
                    max_token_length=None,
                    with_position=False,
                )
                chunks.create_index("terms", config=config)
            for table in (chunks, documents):
                table.optimize(cleanup_older_than=_KEEP_VERSIONS)

    def current_manifest(self) -> Manifest:
        """The manifest as it is now, with sources that other processes have added.

        Raises: StoreError.
        """
        return read_manifest(self.path)

    def version(self) -> tuple[int, int]:
        """Changes whenever the content does: versions of the documents and the chunks table."""
        return self._db.open_table("documents").version, self._db.open_table("chunks").version

    def snapshot(self) -> "Snapshot":
        """A consistent view for reading; later writes do not change it."""
        for _ in range(20):
            documents, chunks = self._db.open_table("documents"), self._db.open_table("chunks")
            before = documents.version
            chunks.checkout(chunks.version)
            documents.checkout(before)
            if self._db.open_table("documents").version == before:
                return Snapshot(documents, chunks, self.manifest)
        raise StoreError(f"cannot read store `{self.path}`: it changes too fast. Try again.")

    def _delete_orphans(self) -> None:
        """Delete chunks that no document row names: what a run left that was killed between its steps."""
        live = {(name, state.sha256) for name, state in self.states().items() if state.status == "stored"}
        chunks = self._db.open_table("chunks")
        rows = chunks.search().select(["document", "sha256"]).limit(None).to_arrow()
        found = set(zip(rows["document"].to_pylist(), rows["sha256"].to_pylist(), strict=True))
        for name, digest in found - live:
            chunks.delete(f"document = {_quote(name)} AND sha256 = {_quote(digest)}")

    def _write_manifest(self, manifest: Manifest) -> None:
        write_atomically(self.path / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")


class Snapshot:
    """A store as it was at one moment: its documents, chunks, vectors and full-text search."""

    def __init__(self, documents: Any, chunks: Any, manifest: Manifest) -> None:
        self._documents = documents
        self._chunks = chunks
        self.manifest = manifest
        rows = documents.search().select(_STATE_COLUMNS).where("status = 'stored'").limit(None).to_arrow().to_pylist()
        self.states = {row["name"]: FileState(**row) for row in rows}

    def only(self, admits: Callable[[FileState], bool]) -> "Snapshot":
        """The same moment without the documents that `admits` turns down, as if the store did not have them."""
        part = copy(self)
        part.states = {name: state for name, state in self.states.items() if admits(state)}
        return part

    def vectors(self) -> tuple[list[str], list[str], list[str], Vectors]:
        """Ids, documents and languages of all live chunks, and their vectors (n, dim) float32, rows in the same order."""
        table = self._chunks.search().select(["id", "document", "sha256", "language", "vector"]).limit(None).to_arrow()
        live = [
            name in self.states and self.states[name].sha256 == digest
            for name, digest in zip(table["document"].to_pylist(), table["sha256"].to_pylist(), strict=True)
        ]
        table = table.filter(pa.array(live, type=pa.bool_()))
        column = table["vector"].combine_chunks()
        flat = np.asarray(column.flatten(), dtype=np.float32) if table.num_rows else np.zeros(0, dtype=np.float32)
        vectors = flat.reshape(table.num_rows, self.manifest.dim)
        return table["id"].to_pylist(), table["document"].to_pylist(), table["language"].to_pylist(), vectors

    def text_search(self, words: Sequence[str], limit: int, documents: Iterable[str] | None = None) -> list[tuple[str, float]]:
        """BM25 over index terms: (chunk id, score), best first; `documents` restricts it before ranking."""
        from lancedb.query import MatchQuery

        if not words or not self._chunks.list_indices():
            return []
        query = self._chunks.search(MatchQuery(" ".join(words), "terms"), query_type="fts")
        if documents is not None:
            query = query.where(_in("document", documents), prefilter=True)
        rows = query.select(["id", "document", "sha256", "_score"]).limit(limit).to_arrow().to_pylist()
        return [(row["id"], float(row["_score"])) for row in rows if self._is_live(row)]

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks by id."""
        if not ids:
            return {}
        rows = self._chunks.search().where(_in("id", ids)).select(_CHUNK_COLUMNS).limit(None).to_arrow().to_pylist()
        return {row["id"]: Chunk(**_without(row, "sha256")) for row in rows if self._is_live(row)}

    def openings(self, max_chars: int) -> dict[str, str]:
        """The text with which each document begins, by name: its first chunks up to at least `max_chars`, or all of them."""
        rows = self._chunks.search().where(f"start < {max_chars:d}").select(["document", "sha256", "start", "text"])
        found: dict[str, list[str]] = {}
        for row in sorted(rows.limit(None).to_arrow().to_pylist(), key=lambda row: (row["document"], row["start"])):
            if self._is_live(row):
                found.setdefault(row["document"], []).append(row["text"])
        return {name: "\n".join(texts) for name, texts in found.items()}

    def chunk_ranges(self) -> dict[str, list[tuple[int, int]]]:
        """Character ranges `[start, end)` of all live chunks, by document."""
        rows = self._chunks.search().select(["document", "sha256", "start", "end"]).limit(None).to_arrow().to_pylist()
        found: dict[str, list[tuple[int, int]]] = {}
        for row in rows:
            if self._is_live(row):
                found.setdefault(row["document"], []).append((row["start"], row["end"]))
        return found

    def document(self, name: str) -> Document | None:
        """A stored document with its whole text, None if there is none of that name."""
        if name not in self.states:
            return None
        rows = self._documents.search().where(f"name = {_quote(name)} AND status = 'stored'").limit(1).to_arrow().to_pylist()
        if not rows:
            return None
        row = rows[0]
        structure = json.loads(row["structure"])
        return Document(
            name=name,
            text=row["text"],
            sha256=row["sha256"],
            title=row["title"],
            language=row["language"],
            pages=tuple(Page(*page) for page in structure["pages"]),
            headings=tuple(Heading(*heading) for heading in structure["headings"]),
            rows=tuple(Rows(*rows) for rows in structure.get("rows", ())),  # stores written before tables had numbers lack it
            whole_lines=structure.get("whole_lines", False),
            metadata=structure["metadata"],
            warnings=tuple(structure.get("warnings", ())),
        )

    def _is_live(self, row: dict[str, Any]) -> bool:
        state = self.states.get(row["document"])
        return state is not None and state.sha256 == row["sha256"]


def _chunk_rows(batch: Batch, hashes: dict[str, str], dim: int) -> pa.Table:
    chunks = batch.chunks
    vectors = np.concatenate(batch.vectors).reshape(-1)
    columns = {
        "id": [chunk.id for chunk in chunks],
        "document": [chunk.document for chunk in chunks],
        "sha256": [hashes[chunk.document] for chunk in chunks],
        "start": [chunk.start for chunk in chunks],
        "end": [chunk.end for chunk in chunks],
        "page": [chunk.page for chunk in chunks],
        "text": [chunk.text for chunk in chunks],
        "context": [chunk.context for chunk in chunks],
        "language": [chunk.language for chunk in chunks],
        "terms": [" ".join(terms(f"{chunk.context}\n{chunk.text}", chunk.language)) for chunk in chunks],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors, type=pa.float32()), dim),
    }
    return pa.table(columns, schema=_chunks_schema(dim))


def _document_rows(batch: Batch) -> pa.Table:
    now = _now()
    rows = []
    for document, state in batch.documents:
        structure = {
            "pages": [astuple(page) for page in document.pages],
            "headings": [astuple(heading) for heading in document.headings],
            "rows": [astuple(rows) for rows in document.rows],
            "whole_lines": document.whole_lines,
            "metadata": dict(document.metadata),
            "warnings": document.warnings,
        }
        rows.append({**asdict(state), "text": document.text, "structure": json.dumps(structure), "ingested_at": now})
    rows.extend({**asdict(state), "text": "", "structure": "{}", "ingested_at": now} for state in batch.bare)
    return pa.Table.from_pylist(rows, schema=_documents_schema())


def _delete(table: Any, column: str, values: Sequence[str]) -> None:
    for start in range(0, len(values), 500):
        table.delete(_in(column, values[start : start + 500]))


def _in(column: str, values: Iterable[str]) -> str:
    listed = ", ".join(_quote(value) for value in values)
    return f"{column} IN ({listed})" if listed else "false"


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
