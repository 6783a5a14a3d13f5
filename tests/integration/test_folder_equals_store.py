"""The invariant: after `ingest`, the store holds what the folder holds, exactly once, whatever happened before."""

import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import ingest.intake
import ingest.pipeline
import ingest.plan
import ingest.reading
import ingest.store
from ingest.chunker import ChunkerSettings
from ingest.config import COMBINED
from ingest.errors import StoreError, StoreLocked
from ingest.intake import FoundFile
from ingest.manifest import disk_errors
from ingest.pipeline import ingest_folder, rebuild
from ingest.store import Store
from tests.conftest import ROOT, FakeEmbedder

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)


def readers_here(requests, limits):
    """Read in this process: what is tested is what is done with files that were read, by hundreds of runs."""
    return ReadHere((request, ingest.reading.read(request)) for request in requests)


class ReadHere(nullcontext):
    seconds = 0.0

    def __enter__(self):
        return self

    def __iter__(self):
        return iter(self.enter_result)


class Killed(BaseException):
    """A process that ends here and now; nothing in the product catches it."""


class Writes:
    """Counts the writes to a store, looks at it around each, and makes one of them fail, before or after it is done."""

    def __init__(self, look: Callable[[], None] = lambda: None) -> None:
        self.n_writes = 0
        self._look = look
        self._number, self._is_done, self._error = 0, False, BaseException()

    def fail(self, number: int, is_done: bool, error: BaseException) -> None:
        self.n_writes, self._number, self._is_done, self._error = 0, number, is_done, error

    @contextmanager
    def __call__(self, path: Path) -> Iterator[None]:
        with disk_errors(path):
            if sys._getframe(2).f_code.co_name == "_table":  # opens a table and writes nothing
                yield
                return
            self.n_writes += 1
            self._look()
            if (self.n_writes, False) == (self._number, self._is_done):
                raise self._error
            yield
            self._look()
            if (self.n_writes, True) == (self._number, self._is_done):
                raise self._error


def files_of(folder: Path) -> dict[str, str | None]:
    """Text of every file by its name, None for one that cannot be read."""
    found: dict[str, str | None] = {}
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here) / name
            found[path.relative_to(folder).as_posix()] = None if path.is_symlink() else path.read_text(encoding="utf-8")
    return found


def seen(store: Path) -> dict[str, str]:
    """Text of every document as a reader puts it together from its chunks, white space aside."""
    snapshot = Store.open(store).snapshot()
    ids, _, _, _ = snapshot.vectors()
    chunks = sorted(snapshot.chunks(ids).values(), key=lambda chunk: chunk.start)
    assert len(chunks) == len(ids), "every chunk exactly once"
    texts = dict.fromkeys(snapshot.states, "")
    for chunk in chunks:
        texts[chunk.document] += "".join(chunk.text.split())
    for name, text in texts.items():
        document = snapshot.document(name)
        assert document is not None
        assert "".join(document.text.split()) == text, "document and chunks are of one version"
    return texts


def assert_equal(folder: Path, store: Path) -> None:
    files = files_of(folder)
    assert seen(store) == {name: "".join(text.split()) for name, text in files.items() if text is not None and text.strip()}
    states = Store.open(store).states()
    failed = {name for name, state in states.items() if state.status == "failed"}
    assert failed == {name for name, text in files.items() if text is None or not text.strip()}
    live = {state.edition for state in states.values() if state.status == "stored"}
    rows = Store.open(store)._table("chunks").to_arrow()
    assert set(rows["edition"].to_pylist()) == live, "nothing is left of what was replaced"
    assert rows.num_rows == sum(state.n_chunks for state in states.values())


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(ingest.pipeline, "Readers", readers_here)


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "docs"
    (root / "a").mkdir(parents=True)
    (root / "b").mkdir()
    for name, text in {
        "a/same.txt": "The alpha valve opens.",
        "b/same.txt": "The beta valve closes.",
        "c.txt": "Gamma.",
    }.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def change(folder: Path) -> None:
    """An edit, a removal, a new file, a rename and a move at once."""
    (folder / "c.txt").write_text("\n\n".join(f"Delta {n} is a paragraph of its own, {n} times {n}." for n in range(9)))
    (folder / "b" / "same.txt").unlink()
    (folder / "new.txt").write_text("Epsilon is new.", encoding="utf-8")
    (folder / "a" / "same.txt").rename(folder / "moved.txt")


@pytest.mark.parametrize("kind", ["killed", "disk full"])
@pytest.mark.parametrize("prepare", [lambda folder: None, change], ids=["first run", "changes"])
def test_a_run_that_fails_at_any_write_is_completed_by_the_next(here, folder, tmp_path, monkeypatch, kind, prepare):
    """Killed after any write of a run, or with a disk that is full at any of them."""
    store, before = tmp_path / "store", tmp_path / "before"
    if prepare is change:
        ingest_folder(folder, before, FakeEmbedder(), SIZES)
    prepare(folder)
    error, expected = (Killed(), Killed) if kind == "killed" else (OSError(errno.ENOSPC, "No space left"), StoreError)
    writes = Writes()
    monkeypatch.setattr(ingest.store, "disk_errors", writes)
    number, is_complete = 0, False
    while not is_complete:
        number += 1
        shutil.rmtree(store, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, store)
        writes.fail(number, kind == "killed", error)
        try:
            ingest_folder(folder, store, FakeEmbedder(), SIZES)
            is_complete = True
        except expected:
            writes.fail(0, False, error)
            ingest_folder(folder, store, FakeEmbedder(), SIZES)
        assert_equal(folder, store)
    assert number > 5, "there were writes to fail at"


def test_readers_see_the_old_or_the_new_version_at_every_moment(here, folder, tmp_path, monkeypatch, fake_embedder):
    """Also where only the loaders changed and not a byte of the files did."""
    store = tmp_path / "store"
    ingest_folder(folder, store, fake_embedder, SIZES)
    old = seen(store)
    looks: list[dict[str, str]] = []
    writes = Writes(lambda: looks.append(seen(store)))
    monkeypatch.setattr(ingest.store, "disk_errors", writes)

    load = ingest.reading.load_bytes
    monkeypatch.setattr(ingest.reading, "load_bytes", lambda data, name: load(data.upper(), name))
    monkeypatch.setattr(ingest.intake, "LOADERS_VERSION", 99)
    monkeypatch.setattr(ingest.plan, "LOADERS_VERSION", 99)
    report = ingest_folder(folder, store, fake_embedder, SIZES)
    assert sorted(report.changed) == sorted(old)
    new = {name: text.upper() for name, text in old.items()}
    assert seen(store) == new
    assert len(looks) > 5
    for look in looks:
        assert look.keys() == old.keys()
        assert all(look[name] in (old[name], new[name]) for name in old)
    assert looks[0] == old
    assert looks[-1] == new


def test_a_renamed_document_is_there_under_one_name_or_both_at_every_moment(here, folder, tmp_path, monkeypatch, fake_embedder):
    store = tmp_path / "store"
    ingest_folder(folder, store, fake_embedder, SIZES)
    (folder / "c.txt").rename(folder / "z.txt")
    looks: list[set[str]] = []
    monkeypatch.setattr(ingest.store, "disk_errors", Writes(lambda: looks.append(set(seen(store)))))
    monkeypatch.setattr(ingest.intake, "_CHUNKS_A_COMMIT", 1)
    ingest_folder(folder, store, fake_embedder, SIZES)
    assert looks[-1] >= {"z.txt"}
    assert all(look & {"c.txt", "z.txt"} for look in looks)


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_rebuild_that_is_killed_at_any_write_leaves_the_old_store_or_the_new(here, folder, tmp_path, monkeypatch, is_done):
    store = tmp_path / "store"
    ingest_folder(folder, store, FakeEmbedder(), SIZES)
    writes = Writes()
    monkeypatch.setattr(ingest.store, "disk_errors", writes)
    number, max_tokens, is_complete = 0, 60, False
    while not is_complete:
        number += 2
        max_tokens = 90 - max_tokens
        writes.fail(number, is_done, Killed())
        try:
            rebuild(store, FakeEmbedder(), replace(SIZES, max_tokens=max_tokens))
            is_complete = True
        except Killed:
            writes.fail(0, False, Killed())
            assert len(seen(store)) == 3
            rebuild(store, FakeEmbedder(), replace(SIZES, max_tokens=max_tokens))
        assert Store.open(store).manifest.chunker["max_tokens"] == max_tokens
        assert_equal(folder, store)
        assert len(list(store.glob("tables-*")) + list(store.glob("lance"))) == 1, "one set of tables is left"
    assert number > 10


def test_a_crash_costs_no_text_that_was_embedded(here, folder, tmp_path, monkeypatch):
    """Rows are written while a long document is embedded; the next run takes the vectors from them."""

    class Counting(FakeEmbedder):
        n_texts = 0

        def encode(self, texts):
            self.n_texts += len(texts)
            return super().encode(texts)

    text = "\n\n".join(
        f"Paragraph {n} tells of valve {n * n} and of twelve other things of no weight here." for n in range(300)
    )
    (folder / "long.txt").write_text(text, encoding="utf-8")
    embedder, store, writes = Counting(), tmp_path / "store", Writes()
    ingest_folder(folder, tmp_path / "whole", embedder, SIZES)
    total, embedder.n_texts = embedder.n_texts, 0
    monkeypatch.setattr(ingest.store, "disk_errors", writes)
    n_before_commit = 6  # manifest, two tables, manifest with its source, and then chunks
    writes.fail(n_before_commit, True, Killed())
    with pytest.raises(Killed):
        ingest_folder(folder, store, embedder, SIZES)
    assert 0 < embedder.n_texts < total
    writes.fail(0, False, Killed())
    ingest_folder(folder, store, embedder, SIZES)
    assert embedder.n_texts == total
    assert_equal(folder, store)


def test_a_file_that_changes_while_it_is_read_is_stored_as_one_version(here, folder, tmp_path, monkeypatch, fake_embedder):
    target = folder / "c.txt"
    read, n_reads = ingest.reading._map, 0

    def read_and_write(path):
        nonlocal n_reads
        data = bytes(read(path))
        if path == target and n_reads < 2:
            n_reads += 1
            target.write_text(f"Version {n_reads} is longer than the one before it.{'!' * n_reads}", encoding="utf-8")
        return data

    monkeypatch.setattr(ingest.reading, "_map", read_and_write)
    ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES)
    assert n_reads == 2
    assert_equal(folder, tmp_path / "store")


@pytest.mark.parametrize("moment", ["before its parts", "between its parts"])
def test_an_archive_that_changes_while_it_is_read_ends_as_it_is(here, folder, tmp_path, monkeypatch, fake_embedder, moment):
    target, store = folder / "a.zip", tmp_path / "store"
    told_of = "a.zip" if moment == "before its parts" else "a.zip!/two.txt"

    def write(*names):
        with zipfile.ZipFile(target, "w") as archive:
            for name in names:
                archive.writestr(name, f"Text of {name} in an archive of {len(names)}.")

    write("one.txt", "two.txt", "three.txt")
    read = ingest.reading.read

    def read_and_write(request):
        for told in read(request):
            yield told
            if getattr(told, "name", "") == told_of and not written:
                written.append(write("one.txt", "four.txt"))

    written = []
    monkeypatch.setattr(ingest.reading, "_map", lambda path: path.read_bytes())
    monkeypatch.setattr(ingest.reading, "read", read_and_write)
    report = ingest_folder(folder, store, fake_embedder, SIZES)
    assert written and report.is_unsettled == (moment == "between its parts")
    ingest_folder(folder, store, fake_embedder, SIZES)
    assert {name for name in seen(store) if "!" in name} == {"a.zip!/one.txt", "a.zip!/four.txt"}
    assert "of2." in seen(store)["a.zip!/one.txt"]
    assert ingest_folder(folder, store, fake_embedder, SIZES).n_chunks == 0


def test_a_file_that_never_rests_keeps_its_old_version_and_is_reported(here, folder, tmp_path, monkeypatch, fake_embedder):
    ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES)
    (folder / "c.txt").write_text("Half a new versi", encoding="utf-8")
    found_again = FoundFile.found_again
    monkeypatch.setattr(FoundFile, "found_again", lambda self: replace(found_again(self), size=time.time_ns()))
    monkeypatch.setattr(ingest.pipeline, "_TRY_AGAIN_S", 0.0)
    report = ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES)
    assert "at rest" in report.failed["c.txt"]
    assert seen(tmp_path / "store")["c.txt"] == "Gamma."
    monkeypatch.undo()
    assert ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES).changed == ["c.txt"]
    assert_equal(folder, tmp_path / "store")


def test_content_of_the_same_size_and_time_is_still_seen(folder, tmp_path, fake_embedder):
    """As `cp -p` and unpackers leave it: the time of the change of the file itself tells."""
    ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES)
    before = (folder / "c.txt").stat()
    (folder / "c.txt").write_text("Omega.", encoding="utf-8")
    os.utime(folder / "c.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (folder / "c.txt").stat().st_size == before.st_size
    assert ingest_folder(folder, tmp_path / "store", fake_embedder, SIZES).changed == ["c.txt"]
    assert_equal(folder, tmp_path / "store")


def _ingest_together(barrier, folder: str, store: str, results) -> None:
    barrier.wait()
    try:
        ingest_folder(Path(folder), Path(store), FakeEmbedder(), SIZES)
        results.put("done")
    except StoreLocked:
        results.put("locked")


def test_two_processes_at_once_on_a_new_store(folder, tmp_path, fake_embedder):
    context = multiprocessing.get_context("spawn")
    results, barrier = context.Queue(), context.Barrier(2)
    arguments = (barrier, str(folder), str(tmp_path / "store"), results)
    workers = [context.Process(target=_ingest_together, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    told = sorted(results.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    assert told in (["done", "done"], ["done", "locked"])
    assert_equal(folder, tmp_path / "store")


def test_many_files_and_a_second_run_that_loads_neither_the_tables_nor_the_model(tmp_path):
    class Packaged(FakeEmbedder):
        name, dim = COMBINED, 896

    folder, store = tmp_path / "docs", tmp_path / "store"
    for number in range(2000):
        path = folder / f"{number % 40}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Number {number}.", encoding="utf-8")
    ingest_folder(folder, store, Packaged(), ChunkerSettings())
    snapshot = Store.open(store).snapshot()
    ids, documents, _, _ = snapshot.vectors()
    assert {chunk.document: chunk.text for chunk in snapshot.chunks(ids).values()} == files_of(folder)
    assert len(documents) == 2000
    code = (
        "import sys; from ingest.cli import main; status = main(sys.argv[1:]); "
        "assert not {'torch', 'lancedb', 'pyarrow'} & sys.modules.keys(); sys.exit(status)"
    )
    for _ in range(2):  # the first may look again at what had been written just before
        command = [sys.executable, "-c", code, str(folder), "--store", str(store)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "2000" in done.stdout


NAMES = st.sampled_from(["a.txt", "b.txt", "d/a.txt", "d/b.txt", "e.txt"])
TEXTS = st.sampled_from(["Alpha one.", "Beta two.", "Alpha two.", "Gamma.\n\nAnd more of it.", " "])


class FolderMachine(RuleBasedStateMachine):
    """Any sequence of what people and programs do to a folder, with runs and crashes in between."""

    def __init__(self) -> None:
        super().__init__()
        self._root = Path(tempfile.mkdtemp())
        self._folder, self._store = self._root / "docs", self._root / "store"
        self._folder.mkdir()
        self._writes = Writes()
        ingest.store.disk_errors = self._writes
        self._readers, ingest.pipeline.Readers = ingest.pipeline.Readers, readers_here
        self._is_equal = False

    def teardown(self) -> None:
        ingest.store.disk_errors = disk_errors
        ingest.pipeline.Readers = self._readers
        shutil.rmtree(self._root)

    def _clear(self, name: str) -> Path:
        """Make room for a file: nothing of its name, and folders above it."""
        path = self._folder / name
        self._is_equal = False
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        return path

    @rule(name=NAMES, text=TEXTS)
    def write(self, name, text):
        self._clear(name).write_text(text, encoding="utf-8")

    @rule(name=NAMES)
    def delete(self, name):
        self._clear(name)

    @rule(old=NAMES, new=NAMES)
    def rename(self, old, new):
        if (self._folder / old).is_file() and old != new:
            path = self._folder / old
            path.rename(self._clear(new))

    @rule(name=NAMES)
    def make_unreadable(self, name):
        path = self._clear(name)
        path.symlink_to(path.name)  # a link to itself: root could read anything else

    @rule(name=NAMES, text=TEXTS)
    def replace_by_a_folder(self, name, text):
        path = self._clear(name)
        path.mkdir()
        (path / "inner.txt").write_text(text, encoding="utf-8")

    @rule(name=NAMES)
    def touch(self, name):
        if (self._folder / name).is_file():
            os.utime(self._folder / name)

    @rule()
    def ingest(self):
        self._writes.fail(0, False, Killed())
        ingest_folder(self._folder, self._store, FakeEmbedder(), SIZES)
        self._is_equal = True

    @rule(number=st.integers(1, 14), is_done=st.booleans())
    def crash(self, number, is_done):
        self._writes.fail(number, is_done, Killed())
        try:
            ingest_folder(self._folder, self._store, FakeEmbedder(), SIZES)
            self._is_equal = True
        except Killed:
            self._is_equal = False

    @invariant()
    def the_store_equals_the_folder(self):
        if self._is_equal:
            assert_equal(self._folder, self._store)


TestFolderMachine = FolderMachine.TestCase
TestFolderMachine.settings = settings(
    max_examples=12, stateful_step_count=16, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
