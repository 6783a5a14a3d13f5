"""Folder equals store: whatever happens to the folder, after `ingest` the store holds the same, exactly once."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ingest.chunker import ChunkerSettings, chunk_document
from ingest.embedding import ChunkWriter
from ingest.errors import IngestError, StoreError, StoreLocked, StoreMismatch, StoreMissing
from ingest.loaders import load_bytes
from ingest.pipeline import ingest_folder, rebuild, remove_documents
from ingest.store import Store

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "docs"
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    (root / "a" / "readme.md").write_text("# Alpha\n\nThe alpha valve opens at 40 bar.\n", encoding="utf-8")
    (root / "b" / "readme.md").write_text("# Beta\n\nThe beta valve opens at 60 bar.\n", encoding="utf-8")
    (root / "leave.txt").write_text("Employees get 25 days of leave.\n\nContractors get none.\n", encoding="utf-8")
    return root


@pytest.fixture
def run(folder, tmp_path, fake_embedder):
    def ingest(**options):
        return ingest_folder(options.pop("root", folder), tmp_path / "store", fake_embedder, SIZES, **options)

    return ingest


def contents(store: Path) -> dict[str, str]:
    """Text of every document as its chunks hold it, each chunk checked against the stored text."""
    snapshot = Store.open(store).snapshot()
    ids, names, _, vectors = snapshot.vectors()
    assert len(ids) == len(set(ids)) == len(vectors), "every chunk exactly once"
    texts: dict[str, list] = {name: [] for name in snapshot.states}
    for chunk in snapshot.chunks(ids).values():
        document = snapshot.document(chunk.document)
        assert document is not None
        assert document.text[chunk.start : chunk.end] == chunk.text
        texts[chunk.document].append((chunk.start, chunk.text))
    assert set(names) <= set(snapshot.states)
    return {name: "\n".join(text for _, text in sorted(pieces)) for name, pieces in texts.items()}


def on_disk(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".md", ".txt")}


def test_new_edited_deleted_renamed_and_touched_files(run, folder, tmp_path):
    store = tmp_path / "store"
    first = run()
    assert sorted(first.added) == ["a/readme.md", "b/readme.md", "leave.txt"]
    assert set(contents(store)) == on_disk(folder)

    again = run()
    assert (again.added, again.changed, again.removed, len(again.unchanged), again.n_chunks) == ([], [], [], 3, 0)

    (folder / "leave.txt").write_text("Employees get 30 days of leave.\n", encoding="utf-8")
    (folder / "a" / "readme.md").unlink()
    (folder / "b" / "readme.md").rename(folder / "b" / "beta.md")
    report = run()
    assert (report.added, report.changed, sorted(report.removed)) == (
        ["b/beta.md"],
        ["leave.txt"],
        ["a/readme.md", "b/readme.md"],
    )
    now = contents(store)
    assert set(now) == on_disk(folder)
    assert "30 days" in now["leave.txt"]
    assert "25 days" not in now["leave.txt"]

    os.utime(folder / "leave.txt", (1, 1))
    touched = run()
    assert (touched.changed, touched.n_chunks) == ([], 0)
    assert "leave.txt" in touched.unchanged


def test_two_files_of_one_name_stay_apart(run, tmp_path):
    run()
    now = contents(tmp_path / "store")
    assert "40 bar" in now["a/readme.md"]
    assert "60 bar" in now["b/readme.md"]


def test_a_bad_file_stops_nothing_is_remembered_and_is_read_again_when_it_changes(run, folder, tmp_path):
    bad = folder / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 rubbish")
    report = run()
    assert list(report.failed) == ["bad.pdf"]
    assert report.failed["bad.pdf"]
    assert len(contents(tmp_path / "store")) == 3
    second = run()
    assert second.failed == report.failed
    bad.unlink()
    assert run().removed == ["bad.pdf"]
    (folder / "leave.txt").write_bytes(b"")
    third = run()
    assert "leave.txt" in third.failed
    assert "leave.txt" not in contents(tmp_path / "store"), "what can no longer be read is no longer quoted"
    (folder / "leave.txt").write_text("Back again.", encoding="utf-8")
    assert run().added == ["leave.txt"]


def test_what_is_no_document_is_skipped_and_counted(run, folder):
    for name in (".hidden.md", "~$lock.docx", "notes.tmp", "photo.gif", "datafile"):
        (folder / name).write_text("x", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.md").write_text("x", encoding="utf-8")
    report = run()
    assert len(report.added) == 3
    assert report.skipped == {"hidden": 1, "lock": 1, "temporary": 1, "hidden folder": 1, ".gif": 1, "no suffix": 1}


def test_the_store_may_lie_inside_the_folder(folder, fake_embedder):
    for _ in range(2):
        report = ingest_folder(folder, folder / "store", fake_embedder, SIZES)
    assert len(report.unchanged) == 3


def test_links_that_lead_nowhere_or_in_circles(run, folder):
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.md").symlink_to(folder / "nothing.md")
    report = run()
    assert len(report.added) == 3
    assert list(report.failed) == ["dangling.md"]


def test_strange_names(run, folder, tmp_path):
    names = ["it's 'quoted'.md", "per%cent; DROP TABLE.md", "ñandú [1].md", "a\nb.md", "x" * 200 + ".md"]
    for name in names:
        (folder / name).write_text(f"Text of {name}.", encoding="utf-8")
    (folder / "leave.txt").rename(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt"))
    report = run()
    assert set(names) <= set(report.added)
    assert not report.failed
    assert len(contents(tmp_path / "store")) == 2 + len(names) + 1
    for name in names:
        (folder / name).unlink()
    assert set(names) <= set(run().removed)


def test_a_second_folder_is_a_source_of_its_own(run, folder, tmp_path):
    run()
    other = tmp_path / "wiki"
    other.mkdir()
    (other / "leave.txt").write_text("Volunteers get two days.", encoding="utf-8")
    report = run(root=other)
    assert report.added == ["wiki:leave.txt"]
    assert len(contents(tmp_path / "store")) == 4
    (folder / "leave.txt").unlink()
    assert run().removed == ["leave.txt"]
    assert "wiki:leave.txt" in contents(tmp_path / "store")


def test_a_moved_folder_keeps_its_source_when_named(run, folder, tmp_path):
    run(source_name="handbook")
    moved = folder.rename(tmp_path / "elsewhere")
    report = run(root=moved, source_name="handbook")
    assert len(report.unchanged) == 3


def test_dry_run_writes_nothing(run, folder, tmp_path):
    assert len(run(dry_run=True).added) == 3
    assert not (tmp_path / "store").exists()
    run()
    (folder / "leave.txt").unlink()
    before = Store.open(tmp_path / "store").version()
    assert run(dry_run=True).removed == ["leave.txt"]
    assert Store.open(tmp_path / "store").version() == before


def test_remove_and_rebuild(run, folder, tmp_path, fake_embedder):
    store = tmp_path / "store"
    run()
    with pytest.raises(IngestError, match=r"nothing\.md"):
        remove_documents(store, ["leave.txt", "nothing.md"])
    assert len(contents(store)) == 3
    remove_documents(store, ["leave.txt"])
    assert "leave.txt" not in contents(store)
    other = ChunkerSettings(max_tokens=30, max_words=30, min_tokens=5, max_context_tokens=10)
    rebuild(store, fake_embedder, other)
    assert set(contents(store)) == on_disk(folder)
    assert Store.open(store).manifest.chunker["max_tokens"] == 30
    assert [path.name for path in tmp_path.iterdir() if "store" in path.name] == ["store"]


def test_another_embedder_or_chunker_is_a_clear_error(run, folder, tmp_path, fake_embedder):
    run()
    with pytest.raises(StoreMismatch, match=r"`other`.*ingest rebuild"):
        Store.open(tmp_path / "store", embedder="other")
    with pytest.raises(StoreMismatch, match="ingest rebuild"):
        ingest_folder(folder, tmp_path / "store", fake_embedder, ChunkerSettings(max_tokens=50))


def test_chunks_longer_than_the_embedder_reads_are_refused(folder, tmp_path, fake_embedder):
    with pytest.raises(IngestError, match="reads 256 tokens"):
        ingest_folder(folder, tmp_path / "s", fake_embedder, ChunkerSettings(max_tokens=250))


def test_a_folder_that_is_missing_or_a_file(run, folder, tmp_path):
    with pytest.raises(IngestError, match="no such folder"):
        run(root=tmp_path / "nowhere")
    with pytest.raises(IngestError, match="it is a file"):
        run(root=folder / "leave.txt")


def test_a_directory_with_other_things_is_not_taken_for_a_store(folder, tmp_path, fake_embedder):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("x")
    with pytest.raises(StoreError, match=r"thesis\.doc"):
        ingest_folder(folder, tmp_path / "mine", fake_embedder, SIZES)
    with pytest.raises(StoreMissing, match="ingest FOLDER"):
        Store.open(tmp_path / "mine")


def test_a_damaged_manifest_and_a_newer_schema_are_told_apart(run, tmp_path):
    run()
    file = tmp_path / "store" / "manifest.json"
    good = file.read_text()
    file.write_text("{broken")
    with pytest.raises(StoreError, match="damaged"):
        Store.open(tmp_path / "store")
    file.write_text(json.dumps({**json.loads(good), "schema_version": 99}))
    with pytest.raises(StoreMismatch, match="schema 99"):
        Store.open(tmp_path / "store")


def test_one_writer_at_a_time(run, tmp_path):
    run()
    store = Store.open(tmp_path / "store")
    with store.writing(), pytest.raises(StoreLocked, match="another process"):
        run()
    run()


def test_a_reader_keeps_its_version_while_documents_are_replaced(run, folder, tmp_path):
    run()
    snapshot = Store.open(tmp_path / "store").snapshot()
    (folder / "leave.txt").write_text("Employees get 30 days of leave.", encoding="utf-8")
    run()
    ids, _, _, _ = snapshot.vectors()
    old = " ".join(chunk.text for chunk in snapshot.chunks(ids).values())
    assert "25 days" in old
    assert "30 days" not in old
    found = snapshot.text_search(["25"], 10)
    assert found
    assert "25 days" in snapshot.chunks([found[0][0]])[found[0][0]].text


def test_chunks_without_a_document_row_are_never_seen_and_then_cleaned(run, folder, tmp_path, fake_embedder):
    """The state between the two writes of a commit, as a killed run leaves it."""
    run()
    store = Store.open(tmp_path / "store")
    document = load_bytes(b"Ghost text about unicorns.", "ghost.txt")
    chunks = chunk_document(document, fake_embedder.token_starts, SIZES)
    store._table("documents").delete("name = 'leave.txt'")
    ChunkWriter(store, fake_embedder).add(chunks, {"ghost.txt": "an edition that no document has"})
    assert set(contents(tmp_path / "store")) == {"a/readme.md", "b/readme.md"}
    assert store.snapshot().text_search(["unicorn"], 10) == []
    run()
    assert set(contents(tmp_path / "store")) == on_disk(folder)
    rows = Store.open(tmp_path / "store")._table("chunks").to_arrow()["document"].to_pylist()
    assert "ghost.txt" not in rows


def _endless(folder: str, store: str) -> None:
    from tests.conftest import FakeEmbedder

    while True:
        ingest_folder(Path(folder), Path(store), FakeEmbedder(), SIZES)
        for path in Path(folder).glob("n*.txt"):
            path.write_text(f"Changed at {time.time_ns()}. The number is {time.time_ns()}.", encoding="utf-8")


@pytest.mark.parametrize("delay", [0.8, 1.3, 1.9])
def test_kill_at_any_moment_then_run_again(run, folder, tmp_path, delay):
    for number in range(40):
        (folder / f"n{number}.txt").write_text(f"Start {number}.", encoding="utf-8")
    worker = multiprocessing.get_context("spawn").Process(target=_endless, args=(str(folder), str(tmp_path / "store")))
    worker.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / "store" / "manifest.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(delay)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    run()
    now = contents(tmp_path / "store")
    assert set(now) == on_disk(folder)
    for name, text in now.items():
        assert text == (folder / name).read_text(encoding="utf-8").strip()
