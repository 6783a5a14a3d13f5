"""A store as it was at one moment, for reading: its documents, chunks, vectors and full-text search.

It takes the tables at fixed versions and knows nothing of how they came to be.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.documents import Chunk, Document
from ingest.embedder import Vectors
from ingest.errors import StoreError
from ingest.journal import STATE_COLUMNS, FileState
from ingest.manifest import Manifest
from ingest.rows import CHUNK_COLUMNS, document_of, is_in, quoted

_ROWS_AT_ONCE = 1024
_VECTORS_AT_ONCE = 8192
_NAMES_AT_ONCE = 500


class Snapshot:
    """The documents that are stored, by `states`, and the chunks of their editions; other chunks are never seen.

    Every method raises StoreError when the version that it reads is gone: `ingest compact` and `ingest rebuild` remove it.
    """

    def __init__(self, documents: Any, chunks: Any, manifest: Manifest) -> None:
        self._documents = documents
        self._chunks = chunks
        self.manifest = manifest
        with _reading():
            rows = documents.search().select(STATE_COLUMNS).where("status = 'stored'").limit(None).to_arrow().to_pylist()
            self._has_text_index = any("terms" in index.columns for index in chunks.list_indices())
        self.states = {row["name"]: FileState(**row) for row in rows}
        self._editions = {state.edition for state in self.states.values()}

    def only(self, admits: Callable[[FileState], bool]) -> "Snapshot":
        """The same moment without the documents that `admits` turns down, as if the store did not have them."""
        part = copy(self)
        part.states = {name: state for name, state in self.states.items() if admits(state)}
        part._editions = {state.edition for state in part.states.values()}
        return part

    def vectors(self, editions: Collection[str] | None = None) -> tuple[list[str], list[str], list[str], Vectors]:
        """Ids, documents and languages of chunks, and their vectors (n, dim) float32, rows in the same order.

        `editions`: of these documents only; None for all.
        """
        columns = ["id", "document", "edition", "language", "vector"]
        wanted = None if editions is None else sorted(self._editions.intersection(editions))
        conditions = ["true"] if wanted is None else [is_in("edition", part) for part in _parts(wanted)] or ["false"]
        with _reading():
            parts = [self._chunks.search().where(c).select(columns).limit(None).to_arrow() for c in conditions]
            table = self._live(pa.concat_tables(parts))
        return (*(table[name].to_pylist() for name in ("id", "document", "language")), self._vectors(table["vector"]))

    def catalogue(self) -> dict[str, list[str]]:
        """Ids, documents, editions and languages of all chunks, as columns."""
        columns = ["id", "document", "edition", "language"]
        with _reading():
            table = self._live(self._chunks.search().select(columns).limit(None).to_arrow())
        return {name: table[name].to_pylist() for name in columns}

    def vector_batches(self) -> Iterator[tuple[list[str], Vectors]]:
        """Ids and vectors (m, dim) float32 of all chunks, part after part."""
        with _reading():
            for batch in self._chunks.search().select(["id", "edition", "vector"]).limit(None).to_batches(_VECTORS_AT_ONCE):
                table = self._live(pa.Table.from_batches([batch]))
                yield table["id"].to_pylist(), self._vectors(table["vector"])

    def sample_texts(self, n: int) -> list[str]:
        """Texts of chunks from all over the store, `n` at most, always the same ones."""
        with _reading():
            n_rows = self._chunks.count_rows()
            places = np.unique(np.linspace(0, n_rows - 1, min(n, n_rows)).astype(int)).tolist()
            texts: list[str] = self._chunks.take_offsets(places).select(["text"]).to_arrow()["text"].to_pylist()
        return texts

    def text_search(self, words: Sequence[str], limit: int, documents: Iterable[str] | None = None) -> list[tuple[str, float]]:
        """BM25 over index terms: (chunk id, score), best first; `documents` restricts it before ranking."""
        from lancedb.query import MatchQuery

        if not words or not self._has_text_index:
            return []
        with _reading():
            query = self._chunks.search(MatchQuery(" ".join(words), "terms"), query_type="fts")
            if documents is not None:
                query = query.where(is_in("document", documents), prefilter=True)
            query = query.select(["id", "edition", "_score"])
            n_rows = limit
            while True:  # chunks of other editions may stand among the best while a run replaces them
                rows = query.limit(n_rows).to_arrow().to_pylist()
                found = [(row["id"], float(row["_score"])) for row in rows if row["edition"] in self._editions]
                if len(found) >= limit or len(rows) < n_rows:
                    return found[:limit]
                n_rows *= 2

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Chunks by id."""
        if not ids:
            return {}
        return {row["id"]: Chunk(**row) for row in self._live_rows(CHUNK_COLUMNS, is_in("id", ids))}

    def openings(self, max_chars: int) -> dict[str, str]:
        """The text with which each document begins, by name: its first chunks up to at least `max_chars`, or all of them."""
        found: dict[str, list[str]] = {}
        rows = self._live_rows(["document", "start", "text"], f"start < {max_chars:d}")
        for row in sorted(rows, key=lambda row: (row["document"], row["start"])):
            found.setdefault(row["document"], []).append(row["text"])
        return {name: "\n".join(texts) for name, texts in found.items()}

    def chunk_ranges(self) -> dict[str, list[tuple[int, int]]]:
        """Character ranges `[start, end)` of all chunks, by document."""
        found: dict[str, list[tuple[int, int]]] = {}
        for row in self._live_rows(["document", "start", "end"]):
            found.setdefault(row["document"], []).append((row["start"], row["end"]))
        return found

    def rows(self, table: str) -> Iterator[pa.RecordBatch]:
        """All rows of the table `documents`, also of files that failed, or those of `chunks` that belong to a document."""
        with _reading():
            source = self._documents if table == "documents" else self._chunks
            for batch in source.search().limit(None).to_batches(_ROWS_AT_ONCE):
                live = [table == "documents" or edition in self._editions for edition in batch["edition"].to_pylist()]
                yield batch.filter(pa.array(live, type=pa.bool_()))

    def files(self, names: Collection[str]) -> Iterator[tuple[Document | None, FileState]]:
        """What is known of some files, also of those that failed, each with its document where it has one."""
        for batch in self.rows("documents"):
            for row in batch.filter(pc.is_in(batch["name"], value_set=pa.array(list(names), type=pa.string()))).to_pylist():
                state = FileState(**{column: row[column] for column in STATE_COLUMNS})
                yield document_of(row) if state.status == "stored" else None, state

    def document(self, name: str) -> Document | None:
        """A stored document with its whole text, None if there is none of that name."""
        if name not in self.states:
            return None
        with _reading():
            query = self._documents.search().where(f"name = {quoted(name)} AND status = 'stored'").limit(1)
            rows = query.to_arrow().to_pylist()
        return document_of(rows[0]) if rows else None

    def _live(self, table: pa.Table) -> pa.Table:
        """Rows of chunks that belong to a document."""
        return table.filter(pc.is_in(table["edition"], value_set=pa.array(self._editions, type=pa.string())))

    def _vectors(self, column: pa.ChunkedArray) -> Vectors:
        flat = np.asarray(column.combine_chunks().flatten(), dtype=np.float32) if len(column) else np.zeros(0, dtype=np.float32)
        return flat.reshape(len(column), self.manifest.dim)

    def _live_rows(self, columns: Sequence[str], condition: str = "true") -> list[dict[str, Any]]:
        """Rows of chunks that belong to a document."""
        with _reading():
            query = self._chunks.search().where(condition).select([*columns, "edition"])
            rows = query.limit(None).to_arrow().to_pylist()
        return [row for row in rows if row.pop("edition") in self._editions]


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + _NAMES_AT_ONCE] for start in range(0, len(values), _NAMES_AT_ONCE)]


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # LanceDB raises any of these where a file is gone
        raise StoreError(f"cannot read the store: {str(error).splitlines()[0][:300]}. Try again.") from error
