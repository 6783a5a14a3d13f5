"""SQLite files: tables as pages, rows that name their columns, and files that cannot be read."""

import sqlite3
from pathlib import Path

import pytest

from ingest.errors import LoadError
from ingest.loaders import load_bytes, load_file


def database(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


PRICES = (
    "CREATE TABLE prices (article TEXT, price REAL, sold INTEGER, note TEXT, photo BLOB)",
    "INSERT INTO prices VALUES ('Dock', 74.9, 12, NULL, x'0102'), ('Battery pack', 96.4, 0, 'two\nlines', NULL)",
    "CREATE TABLE \"odd \"\" name\" (a, b)",
    "INSERT INTO \"odd \"\" name\" VALUES ('x', 'SELECT')",
    "CREATE TABLE empty (a)",
    "CREATE VIEW seen AS SELECT 'VIEW' AS a",
    "CREATE VIRTUAL TABLE words USING fts5(text)",
    "INSERT INTO words VALUES ('INDEXED')",
)  # fmt: skip


def test_rows_name_their_columns_and_tables_are_pages(tmp_path):
    document = load_file(database(tmp_path / "shop.db", *PRICES), "shop.db")
    assert document.text == (
        "prices\narticle: Dock | price: 74.9 | sold: 12\narticle: Battery pack | price: 96.4 | sold: 0 | note: two lines\n\n"
        'odd " name\na: x | b: SELECT\n'
    )
    assert document.place_at(document.text.index("Battery")) == "table prices, row 2"
    assert document.place_at(document.text.index("SELECT")) == 'table odd " name, row 1'


def test_a_file_with_a_journal_is_read_without_touching_its_folder(tmp_path):
    path = database(tmp_path / "shop.sqlite", "PRAGMA journal_mode = WAL", *PRICES)
    before = sorted(entry.name for entry in tmp_path.iterdir())
    document = load_file(path, "shop.sqlite")
    assert "article: Dock" in document.text
    assert "journal" in document.warnings[0]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", ["db", "sqlite", "db3"])
def test_what_is_damaged_or_encrypted_or_no_database_says_so(tmp_path, suffix):
    whole = database(tmp_path / "a.db", *PRICES).read_bytes()
    broken = bytearray(whole)
    broken[4096:9000] = bytes(9000 - 4096)
    with pytest.raises(LoadError, match="damaged SQLite file"):
        load_bytes(bytes(broken), f"a.{suffix}")
    with pytest.raises(LoadError, match="no SQLite file"):
        load_bytes(b"\x91" * 4096, f"a.{suffix}")


def test_a_database_without_rows_has_no_text(tmp_path):
    with pytest.raises(LoadError, match="no text"):
        load_file(database(tmp_path / "a.db", "CREATE TABLE empty (a)"), "a.db")


def test_a_database_whose_rows_all_lie_in_the_journal_says_so(tmp_path):
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE prices (article)")
    connection.execute("INSERT INTO prices VALUES ('Dock')")
    connection.commit()
    with pytest.raises(LoadError, match="WAL"):
        load_file(path, "shop.sqlite")
    connection.close()
