"""A store as one file: `ingest export` writes it, `ingest import` makes a store of it on this or another machine.

The archive is a ZIP file of three members with fixed names: both tables as Arrow streams, and a description with the digest of
each. Nothing in it is a path that is written to. The digests tell damage, and changes made by hand; they are no signature.
"""

import hashlib
import io
import json
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ingest.errors import IngestError, StoreError, StoreMismatch
from ingest.manifest import SCHEMA_VERSION, Manifest, disk_errors, parse_manifest
from ingest.rows import chunks_schema, documents_schema
from ingest.snapshot import Snapshot
from ingest.store import Store

_FORMAT = "grounded-rag store"
_DESCRIPTION = "description.json"
_MAX_DESCRIPTION_BYTES = 10_000_000
_TABLES = ("documents", "chunks")
# What a file that is no such archive, or a broken one, makes the libraries raise.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    pa.ArrowException,
    EOFError,
    LookupError,
    OSError,  # what Arrow makes of a stream that ends too early
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


def export_store(store: Store, file: Path) -> int:
    """Write what readers see of a store now, without stopping who writes to it. Returns the size of the archive in bytes.

    Raises: IngestError when the file is there already; StoreError when it cannot be written.
    """
    if file.exists():
        raise IngestError(f"cannot export to `{file}`: there is a file of that name. Name another, or remove it first.")
    snapshot = store.snapshot()
    with _written_whole(file) as target, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        members = {name: _write_table(archive, name, snapshot) for name in _TABLES}
        about = {"format": _FORMAT, "manifest": asdict(snapshot.manifest), "members": members}
        archive.writestr(_DESCRIPTION, json.dumps(about, indent=1, ensure_ascii=False))
    return file.stat().st_size


def import_store(file: Path, path: Path) -> Manifest:
    """Make a store at `path` of an archive; it is there whole or not at all. Returns its manifest.

    Raises: IngestError when the archive cannot be read, is damaged or was changed; StoreMismatch when it is of a newer version;
    StoreError when something lies at `path` or it cannot be written.
    """
    if path.exists() and (not path.is_dir() or any(entry.name != ".lock" for entry in path.iterdir())):
        raise StoreError(f"cannot import into `{path}`: something is there already. Name a new directory with --store.")
    unfinished = path.with_name(f".{path.name}.importing")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        with _opened(file) as source:
            try:
                with zipfile.ZipFile(source) as archive:
                    manifest = _fill(archive, unfinished)
            except _BROKEN as error:
                raise IngestError(
                    f"cannot import `{file}`: it is no archive of a store, or it is damaged ({error}). Bring it back from "
                    "a copy."
                ) from error
        with disk_errors(path):
            (path / ".lock").unlink(missing_ok=True)
            unfinished.rename(path)  # onto nothing or an empty directory; fails where another process was faster
        return manifest
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise IngestError(f"cannot import `{file}`: {error.strerror or error}. Check the path.") from error


def _write_table(archive: zipfile.ZipFile, name: str, snapshot: Snapshot) -> dict[str, object]:
    schema = documents_schema() if name == "documents" else chunks_schema(snapshot.manifest.dim)
    n_rows = 0
    with archive.open(f"{name}.arrows", "w", force_zip64=True) as member:
        sink = _Hashed(member)  # type: ignore[arg-type]
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            for batch in snapshot.rows(name):
                writer.write_batch(batch.select(schema.names))
                n_rows += batch.num_rows
    return {"sha256": sink.hexdigest(), "rows": n_rows}


def _fill(archive: zipfile.ZipFile, path: Path) -> Manifest:
    """Make the store of an archive that is open.

    Raises: whatever broken archives make the libraries raise.
    """
    if sorted(archive.namelist()) != sorted([_DESCRIPTION, *(f"{name}.arrows" for name in _TABLES)]):
        raise ValueError("its parts are not those of a store")
    if archive.getinfo(_DESCRIPTION).file_size > _MAX_DESCRIPTION_BYTES:
        raise ValueError("its description is too long")
    about = json.loads(archive.read(_DESCRIPTION))
    if not isinstance(about, dict) or about["format"] != _FORMAT:
        raise ValueError("its description is not that of a store")
    version = about["manifest"]["schema_version"]
    if version != SCHEMA_VERSION:
        raise StoreMismatch(
            f"cannot import: the archive has schema {version}, this version reads {SCHEMA_VERSION}. Import it with "
            "the version of this program that wrote it or a later one."
        )
    manifest = parse_manifest(about["manifest"])
    store = Store.create(path, embedder=manifest.embedder, dim=manifest.dim, chunker=manifest.chunker)
    for name, schema in (("documents", documents_schema()), ("chunks", chunks_schema(manifest.dim))):
        member = about["members"][name]
        n_rows = 0
        with archive.open(f"{name}.arrows") as source:
            hashed = _Hashed(source)  # type: ignore[arg-type]
            for batch in _checked(pa.ipc.open_stream(hashed), schema, name):
                store.load(name, batch)
                n_rows += batch.num_rows
            while hashed.read(1 << 20):
                pass
        if (hashed.hexdigest(), n_rows) != (member["sha256"], member["rows"]):
            raise ValueError(f"the digest of its {name} differs")
    for known in manifest.sources:
        store.add_source(known)
    store.finish()
    return store.manifest


def _checked(reader: Any, schema: pa.Schema, table: str) -> Iterable[pa.RecordBatch]:
    """Batches of a stream, if they are rows of the table and no document is named like a path that leads out of its folder."""
    if reader.schema != schema:
        raise ValueError(f"its {table} have other columns")
    for batch in reader:
        for name in batch["name" if table == "documents" else "document"].to_pylist():
            if name is None or name.startswith("/") or ".." in name.replace(":", "/").split("/"):
                raise ValueError(f"it has a document named `{name}`, which leads out of its folder")
        yield batch


class _Hashed(io.RawIOBase):
    """A file that is read or written once from its beginning to its end, and the digest of that."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._digest = hashlib.sha256()

    def hexdigest(self) -> str:
        """SHA-256 of what went through."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """It reads what the file under it reads."""
        return self._file.readable()

    def writable(self) -> bool:
        """It writes where the file under it writes."""
        return self._file.writable()

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        self._digest.update(data)
        return self._file.write(data)


@contextmanager
def _written_whole(file: Path) -> Iterator[BinaryIO]:
    """A file that is there under its name when all of it is written, and else not at all."""
    unfinished = ""
    try:
        handle, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w+b") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        Path(unfinished).rename(file)
    except OSError as error:
        raise StoreError(f"cannot export to `{file}`: {error.strerror or error}. Check the path and the disk.") from error
    finally:
        if unfinished:
            Path(unfinished).unlink(missing_ok=True)
