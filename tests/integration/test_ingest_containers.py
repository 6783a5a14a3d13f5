"""Folder equals store, through archives and mail: parts follow their container, and one bad part stops nothing."""

import io
import json
import os
import zipfile
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from ingest import intake
from ingest.chunker import ChunkerSettings
from ingest.errors import IngestError
from ingest.pipeline import ingest_folder, rebuild, remove_documents
from ingest.store import Store
from tests.integration.test_ingest_folder import contents

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)


def zipped(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def mail(text: str, **files: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@example.org", "Valves"
    message.set_content(text)
    for name, content in files.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return message.as_bytes()


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    (root / "plain.txt").write_text("The plain valve opens at 10 bar.")
    (root / "mail.eml").write_bytes(mail("The mail valve opens at 20 bar.", prices_csv=b"Part,Price\nDock,74.90\n"))
    inner = zipped({"deep.md": b"# Deep\n\nThe deep valve opens at 30 bar.\n", "m.eml": mail("Inside.", c_txt=b"Innermost.")})
    (root / "a.zip").write_bytes(zipped({"x/one.txt": b"The first valve opens at 40 bar.", "inner.zip": inner}))
    return root


@pytest.fixture
def run(folder, tmp_path, fake_embedder):
    def ingest(**options):
        return ingest_folder(options.pop("root", folder), tmp_path / "store", fake_embedder, SIZES, **options)

    return ingest


PARTS = {
    "plain.txt",
    "mail.eml",
    "mail.eml!/prices.csv",
    "a.zip!/x/one.txt",
    "a.zip!/inner.zip!/deep.md",
    "a.zip!/inner.zip!/m.eml",
    "a.zip!/inner.zip!/m.eml!/c.txt",
}


def test_parts_are_documents_and_an_unchanged_container_is_left_alone(run, folder, tmp_path):
    report = run()
    assert set(report.added) == PARTS
    assert report.failed == {}
    now = contents(tmp_path / "store")
    assert set(now) == PARTS
    assert "30 bar" in now["a.zip!/inner.zip!/deep.md"]
    assert "Part: Dock | Price: 74.90" in now["mail.eml!/prices.csv"]
    again = run()
    assert (again.added, again.changed, again.removed, again.n_chunks) == ([], [], [], 0)
    assert set(again.unchanged) == PARTS
    os.utime(folder / "a.zip", (1, 1))
    os.utime(folder / "mail.eml", (1, 1))
    touched = run()
    assert set(touched.unchanged) == PARTS
    assert (touched.added, touched.changed, touched.removed) == ([], [], [])
    assert set(run().unchanged) == PARTS


def test_parts_added_changed_and_removed(run, folder, tmp_path):
    run()
    (folder / "a.zip").write_bytes(zipped({"x/one.txt": b"The first valve opens at 99 bar.", "new.txt": b"A new part."}))
    (folder / "mail.eml").write_bytes(mail("The mail valve opens at 20 bar."))
    report = run()
    assert sorted(report.added) == ["a.zip!/new.txt"]
    assert sorted(report.changed) == ["a.zip!/x/one.txt", "mail.eml"]
    assert sorted(report.removed) == [
        "a.zip!/inner.zip!/deep.md",
        "a.zip!/inner.zip!/m.eml",
        "a.zip!/inner.zip!/m.eml!/c.txt",
        "mail.eml!/prices.csv",
    ]
    now = contents(tmp_path / "store")
    assert set(now) == {"plain.txt", "mail.eml", "a.zip!/x/one.txt", "a.zip!/new.txt"}
    assert "99 bar" in now["a.zip!/x/one.txt"]
    (folder / "a.zip").unlink()
    assert sorted(run().removed) == ["a.zip", "a.zip!/new.txt", "a.zip!/x/one.txt"]
    assert set(contents(tmp_path / "store")) == {"plain.txt", "mail.eml"}


def test_a_part_that_stays_the_same_is_not_read_again(run, folder, tmp_path):
    run()
    before = Store.open(tmp_path / "store").states()["a.zip!/x/one.txt"]
    with zipfile.ZipFile(folder / "a.zip", "a") as archive:
        archive.writestr("added.txt", "Added later.")
    report = run()
    assert report.added == ["a.zip!/added.txt"]
    assert report.changed == report.removed == []
    assert "a.zip!/x/one.txt" in report.unchanged
    assert Store.open(tmp_path / "store").states()["a.zip!/x/one.txt"] == before


def test_bad_parts_fail_under_their_own_names(run, folder, tmp_path):
    parts = {"bad.pdf": b"%PDF-1.4 rubbish", "bomb.txt": bytes(30_000_000), "in.zip": b"rubbish", "ok.txt": b"Good."}
    (folder / "a.zip").write_bytes(zipped(parts | {"../../up.txt": b"Up.", "p.gif": b"x"}))
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 cut off")
    (folder / "images.zip").write_bytes(zipped({"p.gif": b"x"}))
    report = run()
    assert set(report.failed) == {"a.zip!/bad.pdf", "a.zip!/bomb.txt", "a.zip!/in.zip", "broken.zip", "images.zip"}
    assert "1 .gif" in report.failed["images.zip"]
    assert report.skipped == {".gif": 2}
    assert {"a.zip!/ok.txt", "a.zip!/up.txt"} <= set(contents(tmp_path / "store"))
    assert not (folder.parent / "up.txt").exists()
    again = run()
    assert again.failed == report.failed
    assert again.added == again.changed == []
    os.utime(folder / "a.zip", (1, 1))
    assert run().failed == report.failed
    (folder / "a.zip").write_bytes(zipped(parts | {"bad.pdf": b"%PDF-1.4 other rubbish", "in.zip": zipped({"y.txt": b"Y."})}))
    mended = run()
    assert set(mended.failed) == {"a.zip!/bad.pdf", "a.zip!/bomb.txt", "broken.zip", "images.zip"}
    assert "a.zip!/in.zip!/y.txt" in mended.added
    assert "a.zip!/in.zip" not in Store.open(tmp_path / "store").states()


def test_a_container_that_breaks_takes_its_parts_along(run, folder, tmp_path):
    run()
    (folder / "a.zip").write_bytes(b"PK\x03\x04 cut off")
    report = run()
    assert list(report.failed) == ["a.zip"]
    assert set(contents(tmp_path / "store")) == {"plain.txt", "mail.eml", "mail.eml!/prices.csv"}


def test_a_run_that_is_stopped_among_the_parts_is_completed_by_the_next(run, folder, tmp_path, monkeypatch):
    run()
    (folder / "a.zip").write_bytes(zipped({f"{number}.txt": b"Valve %d." % number for number in range(9)}))
    take, seen = intake.Intake._take_document, []

    def failing(self, document, state, stopped):
        seen.append(document.name)
        if len(seen) == 5:
            raise KeyboardInterrupt
        take(self, document, state, stopped)

    monkeypatch.setattr(intake.Intake, "_take_document", failing)
    monkeypatch.setattr(intake, "_FILES_A_COMMIT", 2)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.undo()
    half = contents(tmp_path / "store")
    assert "a.zip!/0.txt" in half and "a.zip!/8.txt" not in half
    run()
    now = {name for name in contents(tmp_path / "store") if name.startswith("a.zip")}
    assert now == {f"a.zip!/{number}.txt" for number in range(9)}


def test_even_if_the_old_archive_comes_back_after_a_run_that_was_stopped(run, folder, tmp_path, monkeypatch):
    old, stat = (folder / "a.zip").read_bytes(), (folder / "a.zip").stat()
    run()
    (folder / "a.zip").write_bytes(zipped({"x/one.txt": b"Other words.", "two.txt": b"Two."}))

    def failing(self, document, state, stopped):
        raise KeyboardInterrupt

    monkeypatch.setattr(intake.Intake, "_take_document", failing)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.undo()
    (folder / "a.zip").write_bytes(old)
    os.utime(folder / "a.zip", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    run()
    assert set(contents(tmp_path / "store")) == PARTS


def test_removed_parts_come_back_and_a_removed_container_takes_its_parts_along(run, tmp_path):
    run()
    store = tmp_path / "store"
    assert remove_documents(store, ["a.zip!/inner.zip!/deep.md"]) == ["a.zip!/inner.zip!/deep.md"]
    assert run().added == ["a.zip!/inner.zip!/deep.md"]
    remove_documents(store, ["mail.eml!/prices.csv"])
    assert run().added == ["mail.eml!/prices.csv"]
    remove_documents(store, ["a.zip", "mail.eml"])
    assert set(contents(store)) == {"plain.txt"}
    assert set(run().added) == PARTS - {"plain.txt"}
    with pytest.raises(IngestError, match="no such document"):
        remove_documents(store, ["a.zip!/nothing.txt"])


def test_a_file_of_the_folder_that_is_named_like_a_part(run, folder, tmp_path):
    (folder / "a.zip!" / "x").mkdir(parents=True)
    (folder / "a.zip!" / "x" / "one.txt").write_text("A real file.")
    for _ in range(3):
        report = run()
        now = contents(tmp_path / "store")
        assert now["a.zip!/x/one.txt"] == "A real file."
        assert "40 bar" in now["a.zip!/x/one (2).txt"]
    assert report.added == report.changed == report.removed == []
    (folder / "a.zip").unlink()
    run()
    assert "a.zip!/x/one.txt" in contents(tmp_path / "store")
    assert "a.zip!/x/one (2).txt" not in contents(tmp_path / "store")


def test_a_second_source_and_a_rebuild_know_parts_too(run, tmp_path, folder, fake_embedder):
    run()
    other = tmp_path / "wiki"
    other.mkdir()
    (other / "a.zip").write_bytes(zipped({"one.txt": b"Another one."}))
    assert run(root=other).added == ["wiki:a.zip!/one.txt"]
    assert run(root=other).unchanged == ["wiki:a.zip!/one.txt"]
    (folder / "a.zip").unlink()
    run()
    assert "wiki:a.zip!/one.txt" in contents(tmp_path / "store")
    rebuild(tmp_path / "store", fake_embedder, SIZES)
    assert set(contents(tmp_path / "store")) == {"plain.txt", "mail.eml", "mail.eml!/prices.csv", "wiki:a.zip!/one.txt"}


def test_structure_and_warnings_come_through_the_store(run, folder, tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in (["Part", "Price"], ["Dock", 74.9], ["SECRET", 1]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.save(folder / "prices.xlsx")
    report = run()
    assert report.warnings == {"prices.xlsx": "left out 7 characters that a reader does not see"}
    document = Store.open(tmp_path / "store").snapshot().document("prices.xlsx")
    assert document is not None
    assert document.place_at(document.text.index("Dock")) == "sheet Prices, row 2"
    assert document.warnings and document.whole_lines
    assert "left out" in Store.open(tmp_path / "store").states()["prices.xlsx"].reason


def test_a_store_written_before_pages_had_labels_is_read(run, tmp_path):
    run()
    table = Store.open(tmp_path / "store")._table("documents")
    old = {"pages": [[1, 0, 5]], "headings": [], "metadata": {}}
    table.update(where="name = 'plain.txt'", values={"structure": json.dumps(old)})
    document = Store.open(tmp_path / "store").snapshot().document("plain.txt")
    assert document is not None
    assert document.place_at(0) == "page 1"
    assert (document.rows, document.whole_lines, document.warnings) == ((), False, ())
