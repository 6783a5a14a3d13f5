"""A store as it was at one moment, for reading: its documents, chunks, vectors and full-text search.

It takes the tables at fixed versions and knows nothing of how they came to be.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.damage import reading
from ingest.documents import Chunk, Document
from ingest.embedder import Vectors
from ingest.journal import STATE_COLUMNS, FileState
from ingest.layout import Layout
from ingest.manifest import Manifest
from ingest.rows import CHUNK_COLUMNS, document_of, has_rows, is_in, layout_from, quoted

_ROWS_AT_ONCE = 1024
_VECTORS_AT_ONCE = 8192
_NAMES_AT_ONCE = 500
_FEW_NAMES = 500  # admitted documents, up to which a condition names them
_MOST_ROWS = 4096  # of which those of many admitted documents are picked


class Snapshot:
    """The documents that are stored, by `states`, and the chunks of their editions; other chunks are never seen.

    Every method raises StoreError when the version that it reads is gone, which `ingest compact` and `ingest rebuild` remove,
    or when the store is damaged.
    """

    def __init__(self, documents: Any, chunks: Any, manifest: Manifest, store: Path) -> None:
        self._store = store
        self._documents = documents
        self._chunks = chunks
        self.manifest = manifest
        with self._reading():
            query = documents.search().select(STATE_COLUMNS).with_row_id(True).where("status = 'stored'")
            rows = query.limit(None).to_arrow().to_pylist()
            self._has_text_index = any("terms" in index.columns for index in chunks.list_indices())
        self._row_ids = {row["name"]: row.pop("_rowid") for row in rows}  # finding a row by its name reads all of the table
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
        with self._reading():
            parts = [self._chunks.search().where(c).select(columns).limit(None).to_arrow() for c in conditions]
            table = self._live(pa.concat_tables(parts))
        return (*(table[name].to_pylist() for name in ("id", "document", "language")), self._vectors(table["vector"]))

    def catalogue(self) -> dict[str, list[str]]:
        """Ids, documents, editions and languages of all chunks, as columns."""
        columns = ["id", "document", "edition", "language"]
        with self._reading():
            table = self._live(self._chunks.search().select(columns).limit(None).to_arrow())
        return {name: table[name].to_pylist() for name in columns}

    def vector_batches(self) -> Iterator[tuple[list[str], Vectors]]:
        """Ids and vectors (m, dim) float32 of all chunks, part after part."""
        with self._reading():
            for batch in self._chunks.search().select(["id", "edition", "vector"]).limit(None).to_batches(_VECTORS_AT_ONCE):
                table = self._live(pa.Table.from_batches([batch]))
                yield table["id"].to_pylist(), self._vectors(table["vector"])

    def sample_texts(self, n: int) -> list[str]:
        """Texts of chunks from all over the store, `n` at most, always the same ones."""
        with self._reading():
            n_rows = self._chunks.count_rows()
            places = np.unique(np.linspace(0, n_rows - 1, min(n, n_rows)).astype(int)).tolist()
            texts: list[str] = self._chunks.take_offsets(places).select(["text"]).to_arrow()["text"].to_pylist()
        return texts

    def text_search(self, words: Sequence[str], limit: int, documents: Iterable[str] | None = None) -> list[tuple[str, float]]:
        """BM25 over index terms: (chunk id, score), best first; `documents` restricts it before ranking.

        A condition with thousands of names takes longer to evaluate than the search. Where so many are admitted that the best
        of all chunks hold enough of theirs, these are picked out of them, which gives the same.
        """
        if not words or not self._has_text_index:
            return []
        names = None if documents is None else set(documents)
        with self._reading():
            if names is not None and len(names) > _FEW_NAMES:
                n_rows = 2 * limit * max(1, len(self.states) // len(names))
                found = self._best(words, limit, names, n_rows) if n_rows <= _MOST_ROWS else None
                if found is not None:
                    return found
            condition = None if names is None else is_in("document", sorted(names))
            return self._best(words, limit, names, limit, condition) or []

    def _best(
        self, words: Sequence[str], limit: int, names: Collection[str] | None, n_rows: int, condition: str | None = None
    ) -> list[tuple[str, float]] | None:
        """The best chunks of some documents, out of so many rows as it takes; None for more than is worth it.

        Chunks of other editions may stand among the best, too, while a run replaces them.
        """
        from lancedb.query import MatchQuery

        query = self._chunks.search(MatchQuery(" ".join(words), "terms"), query_type="fts")
        if condition is not None:
            query = query.where(condition, prefilter=True)
        query = query.select(["id", "document", "edition", "_score"])
        while True:
            rows = query.limit(n_rows).to_arrow().to_pylist()
            found = [
                (row["id"], float(row["_score"]))
                for row in rows
                if row["edition"] in self._editions and (names is None or row["document"] in names)
            ]
            if len(found) >= limit or len(rows) < n_rows:
                return found[:limit]
            n_rows *= 2
            if names is not None and condition is None and n_rows > _MOST_ROWS:
                return None

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
        with self._reading():
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
        with self._reading():
            query = self._documents.search().where(f"name = {quoted(name)} AND status = 'stored'").limit(1)
            rows = query.to_arrow().to_pylist()
        return document_of(rows[0]) if rows else None

    def _reading(self) -> AbstractContextManager[None]:
        return reading(self._store, self._store / self.manifest.tables)

    def layouts(self, names: Iterable[str]) -> dict[str, Layout]:
        """Where words stand in some documents, by name; what is not stored is left out. Texts are read of tables only."""
        wanted = [self._row_ids[name] for name in names if name in self.states]
        if not wanted:
            return {}
        with self._reading():
            structures = self._taken("structure", wanted)
            tables = [self._row_ids[name] for name, structure in structures.items() if has_rows(structure)]
            texts = self._taken("text", tables) if tables else {}
        return {name: layout_from(structure, texts.get(name, "")) for name, structure in structures.items()}

    def _taken(self, column: str, row_ids: Sequence[int]) -> dict[str, str]:
        """One column of some rows of the documents table, by name."""
        taken = self._documents.take_row_ids(list(row_ids)).select(["name", column]).to_arrow()
        return dict(zip(taken["name"].to_pylist(), taken[column].to_pylist(), strict=True))

    def _live(self, table: pa.Table) -> pa.Table:
        """Rows of chunks that belong to a document."""
        return table.filter(pc.is_in(table["edition"], value_set=pa.array(self._editions, type=pa.string())))

    def _vectors(self, column: pa.ChunkedArray) -> Vectors:
        flat = np.asarray(column.combine_chunks().flatten(), dtype=np.float32) if len(column) else np.zeros(0, dtype=np.float32)
        return flat.reshape(len(column), self.manifest.dim)

    def _live_rows(self, columns: Sequence[str], condition: str = "true") -> list[dict[str, Any]]:
        """Rows of chunks that belong to a document."""
        with self._reading():
            query = self._chunks.search().where(condition).select([*columns, "edition"])
            rows = query.limit(None).to_arrow().to_pylist()
        return [row for row in rows if row.pop("edition") in self._editions]


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + _NAMES_AT_ONCE] for start in range(0, len(values), _NAMES_AT_ONCE)]
