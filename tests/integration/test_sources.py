"""Sources of a store through their whole life: they come, move, are taken for no other, and go."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import ingest.pipeline
from ingest.chunker import ChunkerSettings
from ingest.cli import main
from ingest.errors import IngestError
from ingest.pipeline import ingest_folder, rebuild, remove_documents, remove_source
from ingest.store import Store
from tests.conftest import FakeEmbedder
from tests.integration.test_folder_equals_store import readers_here

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)
TEXT = "The alpha valve opens at 40 bar. It is closed by hand. Nobody opens it twice in a day, for its spring is weak.\n"


def made(folder: Path, *names: str, text: str = TEXT) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}This is {name}.\n", encoding="utf-8")
    return folder


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr(ingest.pipeline, "Readers", readers_here)


@pytest.fixture
def run(store):
    def ingest(folder: Path, **options):
        return ingest_folder(folder, store, FakeEmbedder(), SIZES, **options)

    return ingest


def documents(store: Path) -> set[str]:
    return {name for name, state in Store.open(store).states().items() if state.status == "stored"}


def sources(store: Path) -> dict[str, str]:
    return {source.name: source.root for source in Store.open(store).manifest.sources}


def test_a_source_is_removed_with_all_that_is_known_of_it(run, store, tmp_path, capsys):
    first, second = made(tmp_path / "docs", "a.txt", "b.txt"), made(tmp_path / "wiki", "c.txt")
    (first / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    run(first)
    run(second)
    shutil.rmtree(first)
    assert remove_source(store, "docs") == ["a.txt", "b.txt", "bad.pdf"]
    assert list(Store.open(store).states()) == ["wiki:c.txt"]
    assert list(sources(store)) == ["wiki"]
    assert len(Store.open(store).snapshot().vectors()[0]) == 1
    with pytest.raises(IngestError, match=r"`docs`.*It has: `wiki`"):
        remove_source(store, "docs")
    assert main(["remove", "--source", "wiki", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": ["wiki:c.txt"]}
    assert run(made(tmp_path / "docs", "a.txt")).added == ["a.txt"], "as into a new store"


@pytest.mark.parametrize("arguments", [[], ["a.txt", "--source", "docs"]])
def test_remove_takes_documents_or_one_source(store, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["remove", *arguments, "--store", str(store)])
    assert ended.value.code == 2
    assert "--source" in capsys.readouterr().err


@pytest.mark.parametrize("other", [SIZES, replace(SIZES, max_tokens=12, max_words=16, min_tokens=0)])
def test_a_rebuild_keeps_the_documents_of_a_folder_that_is_gone(run, store, tmp_path, other):
    first, second = made(tmp_path / "docs", "a.txt", "b/c.txt"), made(tmp_path / "wiki", "d.txt")
    (first / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    run(first)
    run(second)
    before = Store.open(store).states()
    texts = {name: Store.open(store).snapshot().document(name) for name in documents(store)}
    first.rename(tmp_path / "away")
    kept, read = rebuild(store, FakeEmbedder(), other)
    assert (sorted(kept.added), read.added) == (["a.txt", "b/c.txt"], ["wiki:d.txt"])
    assert min(kept.seconds, read.seconds) > 0
    assert "is gone" in kept.notes[0]
    assert "ingest remove --source docs" in kept.notes[0]
    snapshot = Store.open(store).snapshot()
    assert {name: snapshot.document(name) for name in texts} == texts
    for chunk in snapshot.chunks(snapshot.vectors()[0]).values():
        assert texts[chunk.document].text[chunk.start : chunk.end] == chunk.text
    after = Store.open(store).states()
    assert after["bad.pdf"] == before["bad.pdf"]
    assert (after["a.txt"].n_chunks > before["a.txt"].n_chunks) == (other != SIZES)
    (tmp_path / "away").rename(first)
    again = ingest_folder(first, store, FakeEmbedder(), other)
    assert (sorted(again.unchanged), again.added, again.removed) == (["a.txt", "b/c.txt"], [], [])


def test_a_rebuild_that_was_killed_goes_on_with_what_it_kept(run, store, tmp_path, monkeypatch):
    folder = made(tmp_path / "docs", "a.txt", "b.txt")
    run(folder)
    shutil.rmtree(folder)
    monkeypatch.setattr(Store, "use_tables", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rebuild(store, FakeEmbedder(), SIZES)
    monkeypatch.undo()
    (kept,) = rebuild(store, FakeEmbedder(), SIZES)
    assert sorted(kept.unchanged) == ["a.txt", "b.txt"]
    assert documents(store) == {"a.txt", "b.txt"}


def test_a_folder_that_is_gone_and_has_no_documents_left_stops_no_rebuild(run, store, tmp_path):
    folder = made(tmp_path / "docs", "a.txt")
    run(folder)
    shutil.rmtree(folder)
    remove_documents(store, ["a.txt"])
    rebuild(store, FakeEmbedder(), SIZES)
    assert documents(store) == set()


def test_a_folder_that_moved_is_still_its_source(run, store, tmp_path):
    run(made(tmp_path / "old" / "docs", "a.txt", "b/c.txt"))
    run(made(tmp_path / "wiki", "d.txt"))
    (tmp_path / "old").rename(tmp_path / "new")
    moved = run(tmp_path / "new" / "docs")
    assert (moved.source, len(moved.unchanged), moved.removed) == ("docs", 2, [])
    assert "moved" in moved.notes[0]
    renamed = run((tmp_path / "new" / "docs").rename(tmp_path / "handbook"))
    assert (renamed.source, len(renamed.unchanged)) == ("docs", 2), "by the bytes of its files, whatever it is called now"
    assert run((tmp_path / "wiki").rename(tmp_path / "pages")).unchanged == ["wiki:d.txt"], "with its prefix"
    assert sources(store) == {"docs": str(tmp_path / "handbook"), "wiki": str(tmp_path / "pages")}
    assert run(tmp_path / "handbook").notes == [], "once is enough"


def test_another_folder_of_the_same_name_is_not_taken_for_one_that_is_gone(run, store, tmp_path):
    first = made(tmp_path / "usb1" / "docs", "a.txt", "b.txt", "c.txt")
    run(first)
    shutil.rmtree(tmp_path / "usb1")
    other = run(made(tmp_path / "usb2" / "docs", "x.txt", "a.txt", text="Other words, and many more of them than before."))
    assert (other.source, other.removed) == ("docs-2", [])
    assert "--source docs`" in other.notes[0]
    assert len(documents(store)) == 5


def test_a_folder_that_lost_its_access_rules_on_the_way_is_not_taken_for_the_source(run, tmp_path):
    folder = made(tmp_path / "docs", "a.txt")
    (folder / ".ragaccess").write_text("*: board\n", encoding="utf-8")
    run(folder)
    moved = folder.rename(tmp_path / "open")
    (moved / ".ragaccess").unlink()
    assert run(moved).source == "open"


def test_a_name_that_stands_for_another_folder_is_refused(run, store, tmp_path):
    first, second = made(tmp_path / "docs", "a.txt"), made(tmp_path / "wiki", "b.txt")
    run(first, source_name="E")
    with pytest.raises(IngestError, match=r"`E`.*still there.*ingest remove --source E"):
        run(second, source_name="E")
    assert documents(store) == {"a.txt"}
    copy = Path(shutil.copytree(first, tmp_path / "copy"))
    assert run(copy, source_name="E").unchanged == ["a.txt"], "nothing is lost by that"
    shutil.rmtree(copy)
    taken = run(second, source_name="E")
    assert (taken.added, taken.removed) == (["b.txt"], ["a.txt"])
    assert str(copy) in taken.notes[0]


def test_one_name_is_one_source(run, store, tmp_path):
    folder = made(tmp_path / "docs", "a.txt")
    assert main(["--source", "", str(folder), "--store", str(store)]) == 2
    assert not store.exists()
    run(folder, source_name="a:b")
    assert run(folder, source_name="a:b").unchanged == ["a.txt"]
    assert list(sources(store)) == ["a-b"]


@pytest.mark.parametrize(("first", "second"), [(".", "sub"), ("sub", "."), (".", ".")])
def test_a_folder_in_another_one_is_told_to_double_its_documents(run, tmp_path, first, second):
    folder = made(tmp_path / "docs", "sub/a.txt")
    assert run(folder / first, source_name="one").notes == []
    (note,) = run(folder / second, source_name="two").notes
    assert "twice" in note
    assert "ingest remove --source two" in note
    assert run(folder / second, source_name="two").notes == []


def test_the_name_of_a_source_is_no_part_of_a_title(run, store, tmp_path):
    run(made(tmp_path / "docs", "Re: plan.txt"))
    folder = made(tmp_path / "wiki", "rules.txt")
    run(folder)
    shutil.rmtree(folder)
    states = Store.open(store).states()
    assert {name: state.title for name, state in states.items()} == {"Re: plan.txt": "Re: plan", "wiki:rules.txt": "rules"}
