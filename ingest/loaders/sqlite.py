"""SQLite files: each table is a page with its name as heading, each row a line that names its columns.

The file is opened read-only and immutable, from a copy in memory: nothing is written beside it, and what a journal beside it
holds (WAL) is not seen. Views run code of the file and are left out, as are SQLite's own tables and the insides of indexes.
"""

import sqlite3
from collections.abc import Iterator

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.tables import collapse

_MAGIC = b"SQLite format 3\0"
_WAL = 2  # version for reading and writing at bytes 18 and 19. Source: sqlite.org/fileformat2.html
_MAX_CELL_CHARS = 100_000
_ROWS_AT_ONCE = 1_000
_INSIDES = ("_content", "_data", "_idx", "_docsize", "_config", "_segments", "_segdir", "_stat", "_node", "_rowid", "_parent")


def load(data: bytes) -> Loaded:
    """Read the tables of a SQLite file.

    Raises: LoadError when it is none, is encrypted or damaged, or holds more text than a document may.
    """
    if not data.startswith(_MAGIC):
        raise LoadError("is no SQLite file, or is encrypted. Export its tables as CSV")
    is_wal = data[18:20] == bytes((_WAL, _WAL))
    if is_wal:  # a copy in memory cannot have a journal beside it, and SQLite would ask for one
        data = data[:18] + b"\1\1" + data[20:]
    connection = sqlite3.connect(":memory:")
    builder = Builder()
    try:
        connection.deserialize(data)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for table in _tables(connection):
            _write(connection, table, builder)
    except sqlite3.Error as error:
        raise LoadError(f"is a damaged SQLite file: {error}. Bring it back from a copy, or export its tables as CSV") from error
    finally:
        connection.close()
    if is_wal and not builder.position:
        raise LoadError(
            "has no rows but those in its journal (WAL), if any. Close the program that uses it, which writes them back"
        )
    if is_wal:
        builder.warnings.append("uses a journal (WAL): rows not yet written back to it are missing until its program closes it")
    return builder.finish(whole_lines=True)


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the tables that hold somebody's rows, in order."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    virtual = [name for name, sql in rows if (sql or "").upper().lstrip().startswith("CREATE VIRTUAL")]
    insides = {f"{name}{part}" for name in virtual for part in _INSIDES}
    return [name for name, _ in rows if not name.startswith("sqlite_") and name not in virtual and name not in insides]


def _write(connection: sqlite3.Connection, table: str, builder: Builder) -> None:
    rows = connection.execute(f"SELECT * FROM {quoted(table)}")
    names = collapse(str(column[0]) for column in rows.description)
    is_begun = False
    for number, row in enumerate(_batched(rows), start=1):
        if not is_begun:
            builder.page(f"table {table}")
            builder.heading(1, table)
            is_begun = True
        line = row_line(names, row)
        if line:
            builder.row(number, line)


def _batched(rows: sqlite3.Cursor) -> Iterator[tuple[object, ...]]:
    while batch := rows.fetchmany(_ROWS_AT_ONCE):
        yield from batch


def quoted(name: str) -> str:
    """A name as SQL writes it whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def row_line(names: list[str], row: tuple[object, ...]) -> str:
    """One line for a row, each cell with the name of its column; empty cells and bytes are left out."""
    cells = collapse(cell_text(value) for value in row)
    return " | ".join(f"{name}: {cell}" for name, cell in zip(names, cells, strict=True) if cell)


def cell_text(value: object) -> str:
    """A value as a reader writes it; nothing for NULL and for bytes."""
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        return ""
    return str(value)[:_MAX_CELL_CHARS]
