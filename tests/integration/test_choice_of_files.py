"""Which files of a folder are read: --include, --exclude, .ragignore, and what is left out by itself."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from ingest.chunker import ChunkerSettings
from ingest.errors import ConfigError, IngestError
from ingest.manifest import Source
from ingest.pipeline import ingest_folder, rebuild
from ingest.scan import Patterns, Scan, settled_ctime
from ingest.store import Store

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    for name in ("a.md", "b.txt", "drafts/a.md", "drafts/keep.md", "deep/drafts/c.md", "deep/d.txt"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Text of {name}.", encoding="utf-8")
    return root


@pytest.fixture
def run(folder, tmp_path, fake_embedder):
    def ingest(**options):
        ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES, **options)
        return set(Store.open(tmp_path / "store").states())

    return ingest


def scanned(folder, **patterns):
    scan = Scan(folder, Source("docs", str(folder), **patterns), folder / "store")
    return {entry.name for entry in scan.entries()}, scan.skipped


@pytest.mark.parametrize(
    ("patterns", "names", "skipped"),
    [
        ({"include": ("*.txt",)}, {"b.txt", "deep/d.txt"}, {"not included": 4}),
        ({"include": ("/*.md", "deep/")}, {"a.md", "deep/drafts/c.md", "deep/d.txt"}, {"not included": 3}),
        ({"exclude": ("drafts/",)}, {"a.md", "b.txt", "deep/d.txt"}, {"excluded folder": 2}),
        ({"exclude": ("/drafts", "*.txt")}, {"a.md", "deep/drafts/c.md"}, {"excluded folder": 1, "excluded": 2}),
        ({"exclude": ("*.md", "!a.md")}, {"a.md", "b.txt", "drafts/a.md", "deep/d.txt"}, {"excluded": 2}),
        (
            {"include": ("drafts/",), "exclude": ("keep.md",)},
            {"drafts/a.md", "deep/drafts/c.md"},
            {"excluded": 1, "not included": 3},
        ),
    ],
)
def test_patterns_choose_as_git_does(folder, patterns, names, skipped):
    assert scanned(folder, **patterns) == (names, skipped)


def test_ignore_files_hold_below_their_folder_and_the_deepest_decides(folder):
    (folder / ".ragignore").write_text("# not these\ndrafts/*\n!drafts/keep.md\n*.txt\n", encoding="utf-8-sig")
    (folder / "deep" / ".ragignore").write_text("!d.txt\n", encoding="utf-8")
    names, skipped = scanned(folder)
    assert names == {"a.md", "drafts/keep.md", "deep/d.txt", "deep/drafts/c.md"}
    assert skipped == {"ignored": 2}
    assert scanned(folder, exclude=("deep",))[0] == {"a.md", "drafts/keep.md"}, "the command line stands above"


def test_an_ignore_file_that_cannot_be_read_stops_the_run(run, folder):
    run()
    (folder / ".ragignore").mkdir()
    assert len(run()) == 6, "a folder of that name is none"
    (folder / ".ragignore").rmdir()
    (folder / ".ragignore").symlink_to(".ragignore")
    with pytest.raises(IngestError, match=r"\.ragignore.*Nothing was changed"):
        run()


def test_what_is_ignored_later_is_removed_and_comes_back(run, folder):
    assert len(run()) == 6
    (folder / ".ragignore").write_text("drafts/\n", encoding="utf-8")
    assert run() == {"a.md", "b.txt", "deep/d.txt"}
    (folder / ".ragignore").unlink()
    assert len(run()) == 6


def test_patterns_are_remembered_until_they_are_given_anew(run, tmp_path, fake_embedder):
    only_md = {"a.md", "drafts/a.md", "drafts/keep.md", "deep/drafts/c.md"}
    assert run(patterns=Patterns(include=("*.md",))) == only_md
    assert run() == only_md
    rebuild(tmp_path / "store", fake_embedder, SIZES)
    assert run() == only_md
    assert run(patterns=Patterns(exclude=("drafts/",))) == {"a.md"}, "the one that is not given stays"
    assert run(patterns=Patterns(include=("*.txt",))) == {"b.txt", "deep/d.txt"}
    assert len(run(patterns=Patterns(include=("",), exclude=("",)))) == 6


def test_a_dry_run_uses_patterns_and_forgets_them(run, folder, tmp_path, fake_embedder):
    run()
    patterns = Patterns(exclude=("drafts/",))
    report = ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES, patterns=patterns, dry_run=True)
    assert report.removed == ["deep/drafts/c.md", "drafts/a.md", "drafts/keep.md"]
    assert len(run()) == 6


def test_a_pattern_that_is_none_is_refused_before_anything_is_made(run, tmp_path):
    for pattern in ("!", "[z-a]"):
        with pytest.raises(ConfigError, match=r"--exclude.*\.gitignore"):
            run(patterns=Patterns(exclude=(pattern,)))
    assert not (tmp_path / "store").exists()


def test_what_is_no_file_is_left_out_and_counted(folder):
    os.mkfifo(folder / "pipe.md")
    (folder / "link").symlink_to(folder / "deep", target_is_directory=True)
    (folder / ".git").mkdir()
    for name in (".~lock.b.odt#", "~$b.docx", "b.txt~", "c.md.part", ".hidden.md"):
        (folder / name).write_text("x", encoding="utf-8")
    names, skipped = scanned(folder)
    assert len(names) == 6
    assert skipped == {
        "device, pipe or socket": 1,
        "link to a folder": 1,
        "hidden folder": 1,
        "lock": 2,
        "temporary": 2,
        "hidden": 1,
    }


@pytest.fixture
def deep_folder():
    """1,200 folders in each other; Python's own means cannot remove them."""
    root = tempfile.mkdtemp()
    here = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("deep.md", os.O_CREAT, dir_fd=here))
    os.close(here)
    yield Path(root)
    subprocess.run(["rm", "-rf", root], check=True)


@pytest.mark.parametrize(
    ("mtime", "age", "is_settled"),
    [(5_000_000_001, 1_000_000, False), (5_000_000_001, 100_000_000, True), (5_000_000_000, 100_000_000, False)],
)
def test_a_stamp_counts_only_when_the_clock_has_moved_on(mtime, age, is_settled):
    """A file may be written to twice within one tick: of milliseconds, or of seconds where no stamp tells more."""
    assert settled_ctime(mtime, mtime, mtime + age) == (mtime if is_settled else -1)


def test_folders_may_lie_deeper_than_python_calls(deep_folder):
    assert scanned(deep_folder)[0] == {"d/" * 1200 + "deep.md"}


def test_a_folder_that_cannot_be_listed_keeps_its_documents_and_a_failing_disk_removes_nothing(
    run, tmp_path, monkeypatch, fake_embedder
):
    found = run()
    scandir = os.scandir

    def failing(error):
        def listed(path):
            if str(path).endswith("drafts"):
                raise error
            return scandir(path)

        return listed

    monkeypatch.setattr(os, "scandir", failing(OSError(5, "Input/output error")))
    with pytest.raises(IngestError, match=r"Input/output error.*Nothing was removed"):
        run()
    monkeypatch.setattr(os, "scandir", failing(PermissionError(13, "Permission denied")))
    for _ in range(2):
        assert run() == {*found, "drafts/", "deep/drafts/"}, "what cannot be looked at is kept, and the folder is told"
    told = Store.open(tmp_path / "store").states()["drafts/"]
    assert (told.status, "Permission denied" in told.reason) == ("failed", True)
    rebuild(tmp_path / "store", fake_embedder, SIZES)
    assert run() == {*found, "drafts/", "deep/drafts/"}
    monkeypatch.undo()
    assert run() == found


def test_a_mount_point_that_is_empty_now_removes_nothing(run, folder, tmp_path, monkeypatch):
    with monkeypatch.context() as mounted:
        mounted.setattr(os.path, "ismount", lambda path: str(path) == str(folder))
        assert len(run()) == 6
    away = folder.rename(tmp_path / "away")
    folder.mkdir()
    with pytest.raises(IngestError, match="Mount it again"):
        run()
    assert len(Store.open(tmp_path / "store").states()) == 6
    folder.rmdir()
    away.rename(folder)
    assert len(run()) == 6


def test_a_folder_with_access_rules_below_the_top_is_not_opened_to_all(folder, run, tmp_path):
    (folder / "drafts" / ".ragaccess").write_text("*: editors\n", encoding="utf-8")
    names = run()
    states = Store.open(tmp_path / "store").states()
    assert names == {"a.md", "b.txt", "deep/d.txt", "deep/drafts/c.md", "drafts/"}
    assert states["drafts/"].status == "failed"
    assert ".ragaccess" in states["drafts/"].reason
    (folder / "drafts" / ".ragaccess").unlink()
    assert {"drafts/a.md", "drafts/keep.md"} < run()
