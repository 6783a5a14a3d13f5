"""What a store knows of each file, and a copy of that which can be read without opening a table.

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
        "columns": STATE_COLUMNS,
        "files": rows,
    }
    write_atomically(store / _FILE, json.dumps(copy, ensure_ascii=False))


def read_copy(store: Path, tables: Path) -> Mapping[str, FileState] | None:
    """All states by name, None where the copy is missing, damaged or older than the tables."""
    try:
        copy = json.loads((store / _FILE).read_text(encoding="utf-8"))
        is_of_now = (copy["tables"], copy["columns"]) == (str(tables.relative_to(store)), STATE_COLUMNS)
        if not is_of_now or copy["versions"] != table_versions(tables):
            return None
        return {row[0]: FileState(*row) for row in copy["files"]}
    except (OSError, ValueError, LookupError, TypeError):
        return None
