"""Brings a store of an older schema up to date: its rows are written anew beside the old ones, then the manifest moves over.

Schema 1 told the chunks of a document by the hash of its file alone, and had no digests of what was embedded. Nothing is
embedded again; vectors that came from schema 1 are not used again when a document changes.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.lance import lancedb
from ingest.manifest import SCHEMA_VERSION, Manifest, disk_errors, read_manifest
from ingest.rows import chunks_schema, documents_schema
from ingest.store import Store, next_tables

_ROWS_AT_ONCE = 1024


def migrate(path: Path) -> Manifest:
    """Bring the store at `path` up to date and return its manifest. The caller holds the lock; a crash leaves the old store.

    Raises: StoreError when the disk is full or not writable.
    """
    manifest = read_manifest(path)
    if manifest.schema_version == SCHEMA_VERSION:  # another process was faster
        return manifest
    store = Store(path, manifest)
    inner = f"{next_tables(store)}/lance"
    with disk_errors(path):
        old, new = lancedb().connect(str(store.tables)), lancedb().connect(str(path / inner))
        _copy(old, new, "documents", documents_schema(), "name")
        _copy(old, new, "chunks", chunks_schema(manifest.dim), "document")
    store.use_tables(replace(manifest, schema_version=SCHEMA_VERSION), inner)
    store.finish()
    return store.manifest


def _copy(old: Any, new: Any, table: str, schema: pa.Schema, name: str) -> None:
    """Write the rows of schema 1 anew; columns that it lacked are empty. `name`: column of the document's name."""
    target = new.create_table(table, schema=schema, mode="overwrite")
    for batch in old.open_table(table).search().limit(None).to_batches(_ROWS_AT_ONCE):
        pairs = zip(batch[name].to_pylist(), batch["sha256"].to_pylist(), strict=True)
        lacking = {
            "edition": [hashlib.sha256(f"{document}\0{digest}".encode()).hexdigest()[:24] for document, digest in pairs],
            "digest": [""] * batch.num_rows,
            "ctime_ns": [0] * batch.num_rows,
        }
        columns = [
            batch[field.name] if field.name in batch.schema.names else pa.array(lacking[field.name], type=field.type)
            for field in schema
        ]
        target.add(pa.Table.from_arrays(columns, schema=schema))
