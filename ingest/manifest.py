"""What a store was made with, and the care that any write to it takes: the manifest, the write lock, errors of the disk.

It knows the files beside the tables and nothing of the tables.
"""

import errno
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingest.errors import StoreError, StoreLocked, StoreMismatch, StoreMissing

SCHEMA_VERSION = 2
FIRST_TABLES = "lance"
ACCESS_FILE = ".ragaccess"  # in a folder: who may read its documents
UPLOADS = "uploads"  # the source that takes what users upload
TOOLS = "tool"  # what no source may be called: results of tools are cited as `tool:NAME`
_FILE = "manifest.json"
_PLACE = re.compile(r",?\s*/\S+\.rs:\d+(:\d+)?")


@dataclass(frozen=True)
class Source:
    """A named source of documents. `prefix` stands before its documents' names: empty for the first folder.

    `root` is the path of a folder, or, where there is a `query`, the URL of a database without its password; `id_column` then
    names its rows. `access`: the text of a folder's access rules as it was ingested. `include` and `exclude` are patterns as in
    a .gitignore; `is_mount` tells that the folder was a mount point.
    """

    name: str
    root: str
    prefix: str = ""
    access: str = ""
    query: str = ""
    id_column: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_mount: bool = False


@dataclass(frozen=True)
class Manifest:
    """What a store was made with; opening it with anything else is an error. `tables` is where its tables lie inside."""

    embedder: str
    dim: int
    chunker: dict[str, int]
    schema_version: int = SCHEMA_VERSION
    created_at: str = ""
    sources: tuple[Source, ...] = ()
    tables: str = FIRST_TABLES


def read_manifest(path: Path) -> Manifest:
    """Read a store's manifest; its schema may be an older one.

    Raises: StoreMissing when there is none, StoreError when it is damaged, StoreMismatch for a newer schema.
    """
    try:
        raw = json.loads((path / _FILE).read_text(encoding="utf-8"))
        if raw["schema_version"] > SCHEMA_VERSION:
            raise StoreMismatch(
                f"cannot open store `{path}`: it has schema {raw['schema_version']}, this version reads up to "
                f"{SCHEMA_VERSION}. Open it with the version of this program that made it or a later one; nothing was changed."
            )
        return parse_manifest(raw)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreMissing(f"cannot open store `{path}`: no manifest. Run `ingest FOLDER --store {path}` first.") from error
    except OSError as error:
        raise StoreError(f"cannot open store `{path}`: {error.strerror}. Check its permissions.") from error
    except (ValueError, TypeError, LookupError) as error:
        raise StoreError(
            f"cannot open store `{path}`: manifest.json is damaged ({error}). Restore it or ingest anew."
        ) from error


def parse_manifest(raw: dict[str, Any]) -> Manifest:
    """Make a manifest from its JSON object.

    Raises: TypeError, ValueError, LookupError when it is none.
    """
    sources = raw.pop("sources", [])
    if not isinstance(sources, list):
        raise ValueError("`sources` is no list")
    return Manifest(**raw, sources=tuple(map(_parse_source, sources)))


def _parse_source(raw: dict[str, Any]) -> Source:
    patterns: Any = {key: tuple(raw.pop(key, ())) for key in ("include", "exclude")}
    return Source(**raw, **patterns)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a store's manifest so that a crash leaves the old or the new one."""
    write_atomically(path / _FILE, json.dumps(asdict(manifest), indent=2) + "\n")


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
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk or LanceDB says into a StoreError that names the store and the remedy."""
    try:
        yield
    except OSError as error:
        hint = "Check the path."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = "Free some space and run it again; nothing that was stored is lost."
        raise StoreError(f"cannot write to store `{path}`: {error.strerror or error}. {hint}") from error
    except RuntimeError as error:  # LanceDB wraps errors of its Rust core in these
        if is_disk_full(error):
            raise StoreError(
                f"cannot write to store `{path}`: the disk is full. Free some space and run it again; nothing that was "
                "stored is lost."
            ) from error
        raise StoreError(
            f"cannot use store `{path}`: {without_places(str(error))}. Try again; if that does not help, the store is damaged: "
            "run `ingest rebuild`, or import a backup into a new directory with `ingest import`."
        ) from error


def is_disk_full(error: Exception) -> bool:
    """True if an error, be it one that LanceDB wraps in a text, is that of a full disk."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(sign in str(error) for sign in ("No space left", "StorageFull", "Disk quota"))


def without_places(text: str) -> str:
    """First line of an error of LanceDB without the places in its source, which say nothing to a user."""
    line = (text.splitlines() or [""])[0]
    return _PLACE.sub("", line).removeprefix("lance error: ").strip(" ,.")[:300]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process builds an index in a folder."""
    with (folder / ".lock").open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
