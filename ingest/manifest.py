"""What a store was made with, and the care that any write to it takes: the manifest, the write lock, errors of the disk.

It knows the files beside the tables and nothing of the tables.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import StoreError, StoreLocked, StoreMismatch, StoreMissing

SCHEMA_VERSION = 1
ACCESS_FILE = ".ragaccess"  # in a folder: who may read its documents
UPLOADS = "uploads"  # the source that takes what users upload


@dataclass(frozen=True)
class Source:
    """A named source of documents. `prefix` stands before its documents' names: empty for the first folder.

    `root` is the path of a folder, or, where there is a `query`, the URL of a database without its password; `id_column` then
    names its rows. `access`: the text of a folder's access rules as it was ingested.
    """

    name: str
    root: str
    prefix: str = ""
    access: str = ""
    query: str = ""
    id_column: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a store was made with; opening it with anything else is an error."""

    embedder: str
    dim: int
    chunker: dict[str, int]
    schema_version: int = SCHEMA_VERSION
    created_at: str = ""
    sources: tuple[Source, ...] = ()


def read_manifest(path: Path, *, any_schema: bool = False) -> Manifest:
    """Read a store's manifest; `any_schema` also takes one of another version, to rebuild from.

    Raises: StoreMissing when there is none, StoreError when it is damaged, StoreMismatch for another schema.
    """
    file = path / "manifest.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        sources = tuple(Source(**source) for source in raw.pop("sources", []))
        manifest = Manifest(**raw, sources=sources)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreMissing(f"cannot open store `{path}`: no manifest. Run `ingest FOLDER --store {path}` first.") from error
    except OSError as error:
        raise StoreError(f"cannot open store `{path}`: {error.strerror}. Check its permissions.") from error
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"cannot open store `{path}`: manifest.json is damaged ({error}). Restore it or ingest anew."
        ) from error
    if manifest.schema_version != SCHEMA_VERSION and not any_schema:
        raise StoreMismatch(
            f"cannot open store `{path}`: it has schema {manifest.schema_version}, this version reads {SCHEMA_VERSION}. "
            "Run `ingest rebuild`."
        )
    return manifest


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a store's write lock; the system frees it when the process ends, however it ends.

    Raises: StoreLocked when another process holds it, StoreError when the lock file cannot be made.
    """
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        handle = (path / ".lock").open("a+")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreLocked(
                f"cannot write to store `{path}`: another process is writing to it. Wait until it is done."
            ) from error
        yield


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash leaves the old or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk or LanceDB says into a StoreError that names the store and the remedy."""
    try:
        yield
    except OSError as error:
        hint = "Free some space and run it again; nothing that was stored is lost." if error.errno == 28 else "Check the path."
        raise StoreError(f"cannot write to store `{path}`: {error.strerror or error}. {hint}") from error
    except RuntimeError as error:  # LanceDB wraps errors of its Rust core in these
        text = str(error)
        if "No space left" in text or "StorageFull" in text:
            raise StoreError(
                f"cannot write to store `{path}`: the disk is full. Free some space and run it again; nothing that was "
                "stored is lost."
            ) from error
        raise StoreError(f"cannot use store `{path}`: {text.splitlines()[0][:300]}") from error
