"""What a store knows of each file, and a copy of that which can be read without opening a table.

The copy also has the sizes of the files of which the tables consist, so that one that was damaged is noticed.
The tables are the record. The copy, `files.json`, names the versions of both tables that it was made from, and counts only
while these are the newest: any write to a table makes it void. A run in which nothing changed needs nothing else.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from ingest.manifest import write_atomically

_FILE = "files.json"
UNREAD_SIZE = -2  # of a container whose parts in the store are not all that it has
UNREAD_VERSION = 0  # of loaders, for what no loader has read to its end: the next run tries again


@dataclass(frozen=True)
class FileState:
    """What the store knows of one file: its bytes' hash, size and time stamps, and how reading it ended.

    `edition` names the chunks that belong to it and changes whenever they do.
    """

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
    ctime_ns: int = 0  # 0: not known
    edition: str = ""


STATE_COLUMNS = [field.name for field in fields(FileState)]


def table_versions(tables: Path) -> dict[str, list[str]]:
    """Names of the versions that each table under `tables` has on disk; whoever writes to a table adds one."""
    return {
        name: sorted(entry.name for entry in (tables / f"{name}.lance" / "_versions").glob("*.manifest"))
        for name in ("documents", "chunks")
    }


def write_copy(store: Path, tables: Path, states: Iterable[FileState]) -> None:
    """Write down all states of a store whose tables nobody writes to meanwhile."""
    rows = [[getattr(state, column) for column in STATE_COLUMNS] for state in states]
    copy = {
        "tables": str(tables.relative_to(store)),
        "versions": table_versions(tables),
        "sizes": _sizes(tables),
        "columns": STATE_COLUMNS,
        "files": rows,
    }
    write_atomically(store / _FILE, json.dumps(copy, ensure_ascii=False))


def drop_copy(store: Path) -> None:
    """Have no copy while files of the tables are deleted."""
    (store / _FILE).unlink(missing_ok=True)


def lost_files(store: Path, tables: Path) -> list[str]:
    """Files of the tables, relative to them, that the last run left and that are missing or of another size now.

    Between two copies files are only added. Empty also where there is no copy to compare with.
    """
    try:
        copy = json.loads((store / _FILE).read_text(encoding="utf-8"))
        if copy["tables"] != str(tables.relative_to(store)):
            return []
        return _lost(copy["sizes"], tables)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # it is damaged itself
        return []


def _lost(sizes: Mapping[str, int], tables: Path) -> list[str]:
    now = _sizes(tables)
    return sorted(name for name, size in sizes.items() if now.get(name) != size)


def _sizes(tables: Path) -> dict[str, int]:
    """Sizes of the files of which both tables consist; records of past transactions are not needed to read them."""
    return {
        str(file.relative_to(tables)): file.stat().st_size
        for name in ("documents", "chunks")
        for part in ("data", "_indices", "_deletions", "_versions")
        for file in sorted((tables / f"{name}.lance" / part).rglob("*"))
        if file.is_file() and file.suffix != ".json"
    }


def read_copy(store: Path, tables: Path) -> Mapping[str, FileState] | None:
    """All states by name, None where the copy is missing, damaged or older than the tables, or a table is damaged."""
    try:
        copy = json.loads((store / _FILE).read_text(encoding="utf-8"))
        is_of_now = (copy["tables"], copy["columns"]) == (str(tables.relative_to(store)), STATE_COLUMNS)
        if not is_of_now or copy["versions"] != table_versions(tables) or _lost(copy["sizes"], tables):
            return None
        return {row[0]: FileState(*row) for row in copy["files"]}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
