"""Rows of the store's two tables as Arrow has them: schemas, documents and chunks as rows, values in conditions.

It knows no table and no disk. Import it where tables are opened only: Arrow takes a while to load.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Any

import pyarrow as pa

from ingest.analysis import ANALYSIS_VERSION, terms
from ingest.chunker import embedded_text
from ingest.documents import Chunk, Document, Heading, Page, Rows, Table
from ingest.embedder import Vectors
from ingest.journal import FileState
from ingest.layout import Layout

CHUNK_COLUMNS = ["id", "document", "start", "end", "page", "text", "context", "language"]


def documents_schema() -> pa.Schema:
    """One row a file; `text` and `structure` (JSON: pages, headings, rows, metadata) are empty where it was not read."""
    texts = ("status", "reason", "title", "language")
    return pa.schema(
        [
            *((name, pa.string()) for name in ("name", "source", "sha256")),
            ("size", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("loaders_version", pa.int32()),
            *((name, pa.string()) for name in texts),
            ("n_chunks", pa.int32()),
            ("n_pages", pa.int32()),
            ("ctime_ns", pa.int64()),
            ("edition", pa.string()),
            ("text", pa.large_string()),
            ("structure", pa.large_string()),
            ("ingested_at", pa.string()),
        ]
    )


def chunks_schema(dim: int) -> pa.Schema:
    """One row a chunk. `edition` is its document's, `digest` that of what was embedded, `terms` are what is searched for."""
    return pa.schema(
        [
            ("id", pa.string()),
            ("document", pa.string()),
            ("edition", pa.string()),
            ("digest", pa.string()),
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


def edition_of(chunks: Iterable[Chunk]) -> str:
    """Name of all chunks of one document together: equal chunks, indexed alike, have one name, any others another."""
    digest = hashlib.sha256(str(ANALYSIS_VERSION).encode())
    for chunk in chunks:
        digest.update(json.dumps(astuple(chunk), ensure_ascii=True).encode())
    return digest.hexdigest()[:24]


def vector_digest(chunk: Chunk, embedder: str) -> str:
    """What a chunk's vector depends on: the text that is embedded, and the embedder's identity."""
    return hashlib.sha256(f"{embedder}\0{embedded_text(chunk)}".encode()).hexdigest()[:32]


def chunk_rows(chunks: Sequence[Chunk], editions: Mapping[str, str], digests: Sequence[str], vectors: Vectors) -> pa.Table:
    """Rows of chunks; `editions` by document, `digests` and `vectors` (n, dim) float32 in the order of the chunks."""
    dim = vectors.shape[1]
    columns = {
        **{name: [getattr(chunk, name) for chunk in chunks] for name in CHUNK_COLUMNS},
        "edition": [editions[chunk.document] for chunk in chunks],
        "digest": list(digests),
        "terms": [" ".join(terms(f"{chunk.context}\n{chunk.text}", chunk.language)) for chunk in chunks],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), type=pa.float32()), dim),
    }
    return pa.table({name: columns[name] for name in chunks_schema(dim).names}, schema=chunks_schema(dim))


def document_rows(documents: Iterable[tuple[Document, FileState]], bare: Iterable[FileState], now: str) -> pa.Table:
    """Rows of documents with their states, and of files without a document."""
    rows = []
    for document, state in documents:
        structure = {
            "pages": [astuple(page) for page in document.pages],
            "headings": [astuple(heading) for heading in document.headings],
            "rows": [astuple(rows) for rows in document.rows],
            "tables": [astuple(table) for table in document.tables],
            "whole_lines": document.whole_lines,
            "metadata": dict(document.metadata),
            "warnings": document.warnings,
        }
        rows.append({**asdict(state), "text": document.text, "structure": json.dumps(structure), "ingested_at": now})
    rows.extend({**asdict(state), "text": "", "structure": "{}", "ingested_at": now} for state in bare)
    return pa.Table.from_pylist(rows, schema=documents_schema())


def document_of(row: Mapping[str, str]) -> Document:
    """The document that a row of the documents table holds."""
    structure = json.loads(row["structure"])
    return Document(
        name=row["name"],
        text=row["text"],
        sha256=row["sha256"],
        title=row["title"],
        language=row["language"],
        pages=_pages(structure),
        headings=tuple(Heading(*heading) for heading in structure["headings"]),
        rows=_rows(structure),
        tables=tuple(Table(*table) for table in structure.get("tables", ())),
        whole_lines=structure.get("whole_lines", False),
        metadata=structure["metadata"],
        warnings=tuple(structure.get("warnings", ())),
    )


def has_rows(structure: str) -> bool:
    """Say whether a document of this structure has tables whose rows are numbered."""
    return bool(json.loads(structure).get("rows"))


def layout_from(structure: str, text: str) -> Layout:
    """The layout that a row of the documents table describes; `text` may be empty where there are no rows."""
    found = json.loads(structure)
    return Layout(_pages(found), _rows(found), text, found.get("metadata", {}))


def _pages(structure: Mapping[str, Any]) -> tuple[Page, ...]:
    return tuple(Page(*page) for page in structure.get("pages", ()))


def _rows(structure: Mapping[str, Any]) -> tuple[Rows, ...]:
    """Stores that were written before tables had numbers lack them."""
    return tuple(Rows(*rows) for rows in structure.get("rows", ()))


def stamp_rows(states: Sequence[FileState]) -> pa.Table:
    """Names, sizes and time stamps alone."""
    columns = ("name", "size", "mtime_ns", "ctime_ns")
    schema = pa.schema([documents_schema().field(column) for column in columns])
    return pa.Table.from_pylist([{column: getattr(state, column) for column in columns} for state in states], schema=schema)


def is_in(column: str, values: Iterable[str]) -> str:
    """Condition that a column has one of some values."""
    listed = ", ".join(quoted(value) for value in values)
    return f"{column} IN ({listed})" if listed else "false"


def quoted(value: str) -> str:
    """A text as it is written in a condition."""
    return "'" + value.replace("'", "''") + "'"
