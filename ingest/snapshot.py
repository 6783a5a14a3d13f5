"""A store as it was at one moment, for reading: its documents, chunks, vectors and full-text search.

It takes the tables at fixed versions and knows nothing of how they came to be.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.documents import Chunk, Document
from ingest.embedder import Vectors
from ingest.errors import StoreError
from ingest.journal import STATE_COLUMNS, FileState
from ingest.manifest import Manifest
from ingest.rows import CHUNK_COLUMNS, document_of, is_in, quoted

_ROWS_AT_ONCE = 1024


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
        self.states = {row["name"]: FileState(**row) for row in rows}
        self._editions = {state.edition for state in self.states.values()}

    def only(self, admits: Callable[[FileState], bool]) -> "Snapshot":
        """The same moment without the documents that `admits` turns down, as if the store did not have them."""
        part = copy(self)
        part.states = {name: state for name, state in self.states.items() if admits(state)}
        part._editions = {state.edition for state in part.states.values()}
        return part

    def vectors(self) -> tuple[list[str], list[str], list[str], Vectors]:
        """Ids, documents and languages of all chunks, and their vectors (n, dim) float32, rows in the same order."""
        with _reading():
            table = self._chunks.search().select(["id", "document", "edition", "language", "vector"]).limit(None).to_arrow()
        live = [edition in self._editions for edition in table["edition"].to_pylist()]
        table = table.filter(pa.array(live, type=pa.bool_()))
        column = table["vector"].combine_chunks()
        flat = np.asarray(column.flatten(), dtype=np.float32) if table.num_rows else np.zeros(0, dtype=np.float32)
        vectors = flat.reshape(table.num_rows, self.manifest.dim)
        return table["id"].to_pylist(), table["document"].to_pylist(), table["language"].to_pylist(), vectors

    def text_search(self, words: Sequence[str], limit: int, documents: Iterable[str] | None = None) -> list[tuple[str, float]]:
        """BM25 over index terms: (chunk id, score), best first; `documents` restricts it before ranking."""
        from lancedb.query import MatchQuery

        with _reading():
            if not words or not self._chunks.list_indices():
                return []
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

    def document(self, name: str) -> Document | None:
        """A stored document with its whole text, None if there is none of that name."""
        if name not in self.states:
            return None
        with _reading():
            query = self._documents.search().where(f"name = {quoted(name)} AND status = 'stored'").limit(1)
            rows = query.to_arrow().to_pylist()
        return document_of(rows[0]) if rows else None

    def _live_rows(self, columns: Sequence[str], condition: str = "true") -> list[dict[str, Any]]:
        """Rows of chunks that belong to a document."""
        with _reading():
            query = self._chunks.search().where(condition).select([*columns, "edition"])
            rows = query.limit(None).to_arrow().to_pylist()
        return [row for row in rows if row.pop("edition") in self._editions]


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # LanceDB raises any of these where a file is gone
        raise StoreError(f"cannot read the store: {str(error).splitlines()[0][:300]}. Try again.") from error
