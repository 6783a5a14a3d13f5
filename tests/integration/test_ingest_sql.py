"""A database query as a source beside a folder: rows added, changed and gone; passwords; a rebuild."""

import json
import sqlite3

import pytest

from ingest.chunker import ChunkerSettings
from ingest.cli import main
from ingest.config import EmbedderConfig
from ingest.errors import ConfigError, IngestError
from ingest.pipeline import ingest_folder, rebuild
from ingest.sql import Query, ingest_query
from ingest.store import Store

pytest.importorskip("sqlalchemy")

NOTES = "CREATE TABLE notes (id INTEGER, title TEXT, body TEXT)"
ROWS = [(1, "Keys", "The spare key hangs in the hall."), (2, "Heating", "Bleed the radiators\nin October."), (3, "Bins", None)]


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(NOTES)
    connection.executemany("INSERT INTO notes VALUES (?, ?, ?)", ROWS)
    connection.commit()
    yield path, connection
    connection.close()


def query(path, statement="SELECT * FROM notes ORDER BY id", **options) -> Query:
    return Query(f"sqlite:///{path}", statement, options.pop("source", "notes"), options.pop("id_column", "id"))


def test_rows_are_documents_and_a_later_run_brings_in_what_changed(tmp_path, shop, fake_embedder):
    path, connection = shop
    folder, store = tmp_path / "folder", tmp_path / "store"
    folder.mkdir()
    (folder / "a.txt").write_text("Alpha stays where it is.")
    ingest_folder(folder, store, fake_embedder, ChunkerSettings())
    first = ingest_query(query(path), store, fake_embedder, ChunkerSettings())
    assert sorted(first.added) == ["notes:1", "notes:2", "notes:3"]
    document = Store.open(store).snapshot().document("notes:2")
    assert document.text == "id: 2\ntitle: Heating\n\nbody:\nBleed the radiators\nin October.\n"

    connection.execute("UPDATE notes SET body = 'The spare key is lost.' WHERE id = 1")
    connection.execute("DELETE FROM notes WHERE id = 2")
    connection.execute("INSERT INTO notes VALUES (4, 'Roof', 'It leaks.')")
    connection.commit()
    second = ingest_query(query(path), store, fake_embedder, ChunkerSettings())
    assert (second.added, second.changed, second.removed, second.unchanged) == (
        ["notes:4"], ["notes:1"], ["notes:2"], ["notes:3"],
    )  # fmt: skip
    snapshot = Store.open(store).snapshot()
    assert set(snapshot.states) == {"a.txt", "notes:1", "notes:3", "notes:4"}
    assert "lost" in snapshot.document("notes:1").text
    again = ingest_folder(folder, store, fake_embedder, ChunkerSettings())
    assert again.unchanged == ["a.txt"] and not again.removed
    rebuild(store, fake_embedder, ChunkerSettings(max_tokens=100))
    assert set(Store.open(store).snapshot().states) == {"a.txt", "notes:1", "notes:3", "notes:4"}


def test_rows_without_ids_are_told_apart_by_content_and_equal_ids_by_a_count(tmp_path, shop, fake_embedder):
    path, _ = shop
    store = tmp_path / "store"
    report = ingest_query(query(path, id_column=""), store, fake_embedder, ChunkerSettings())
    assert len(set(report.added)) == 3
    assert ingest_query(query(path, id_column=""), store, fake_embedder, ChunkerSettings()).unchanged == report.added
    same = query(path, "SELECT 'x' AS id, title FROM notes ORDER BY title", source="same")
    assert ingest_query(same, store, fake_embedder, ChunkerSettings()).added == ["same:x", "same:x (2)", "same:x (3)"]


def test_no_document_can_take_the_name_under_which_results_of_tools_are_cited(tmp_path, shop, fake_embedder):
    path, _ = shop
    folder, store = tmp_path / "tool", tmp_path / "store"
    folder.mkdir()
    (folder / "a.txt").write_text("Alpha stays where it is.")
    for refused in (
        lambda: ingest_query(query(path, source="tool"), store, fake_embedder, ChunkerSettings()),
        lambda: ingest_folder(folder, store, fake_embedder, ChunkerSettings(), source_name="tool"),
    ):
        with pytest.raises(IngestError, match=r"cannot ingest source `tool`: results of tools .* Choose another name"):
            refused()
    first = query(path, "SELECT 'tool:get_balance' AS id, title FROM notes WHERE id = 1")
    assert ingest_query(first, store, fake_embedder, ChunkerSettings()).added == ["tool: get_balance"]
    assert ingest_folder(folder, store, fake_embedder, ChunkerSettings()).added == ["tool-2:a.txt"]


@pytest.mark.parametrize("statement", ["DELETE FROM notes", "INSERT INTO notes VALUES (9, 'x', 'y') RETURNING id", "SELEC 1"])
def test_a_query_cannot_write_and_a_failing_one_removes_nothing(tmp_path, shop, fake_embedder, statement):
    path, connection = shop
    store = tmp_path / "store"
    ingest_query(query(path), store, fake_embedder, ChunkerSettings())
    with pytest.raises(IngestError, match="cannot"):
        ingest_query(query(path, statement), store, fake_embedder, ChunkerSettings())
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (3,)
    assert len(Store.open(store).snapshot().states) == 3


def test_a_database_that_is_not_there_is_not_made(tmp_path, fake_embedder):
    with pytest.raises(IngestError, match="unable to open"):
        ingest_query(query(tmp_path / "gone.db"), tmp_path / "store", fake_embedder, ChunkerSettings())
    assert not (tmp_path / "gone.db").exists()
    assert not (tmp_path / "store").exists()


def test_a_folder_and_a_query_cannot_share_a_name(tmp_path, shop, fake_embedder):
    folder, store = tmp_path / "notes", tmp_path / "store"
    folder.mkdir()
    (folder / "a.txt").write_text("Alpha.")
    ingest_folder(folder, store, fake_embedder, ChunkerSettings())
    with pytest.raises(IngestError, match="that is the folder"):
        ingest_query(query(shop[0]), store, fake_embedder, ChunkerSettings())
    assert set(Store.open(store).snapshot().states) == {"a.txt"}


@pytest.mark.parametrize("url", ["postgresql://ann:hunter2@localhost/db", "postgresql://localhost/db?password=hunter2"])
def test_a_password_in_the_url_is_refused_and_not_repeated(tmp_path, fake_embedder, url):
    with pytest.raises(ConfigError, match="RAG_SQL_PASSWORD") as refused:
        ingest_query(Query(url, "SELECT 1", "x"), tmp_path / "store", fake_embedder, ChunkerSettings())
    assert "hunter2" not in str(refused.value)


def test_the_command_keeps_no_password(tmp_path, shop, monkeypatch, capsys, fake_embedder):
    monkeypatch.setattr(EmbedderConfig, "embedder", lambda self: fake_embedder)
    monkeypatch.setenv("RAG_SQL_PASSWORD", "hunter2")
    store = tmp_path / "store"
    arguments = ["sql", f"sqlite:///{shop[0]}", "--query", "SELECT * FROM notes", "--source", "notes", "--id", "id"]
    assert main([*arguments, "--store", str(store), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["added"]) == 3
    assert "hunter2" not in (store / "manifest.json").read_text()
    assert main(["sql", "nosuch://x/y", "--query", "SELECT 1", "--source", "x", "--store", str(store)]) == 2
