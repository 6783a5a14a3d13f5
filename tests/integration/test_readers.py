"""Whatever a file does to the process that reads it costs that file alone, and is told with its reason and its remedy."""

import io
import multiprocessing
import os
import signal
import socket
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest import pipeline, processes, readers
from ingest.chunker import ChunkerSettings
from ingest.errors import IngestError, LimitPassed, LoadError, ReadInterrupted, UnsupportedFile
from ingest.intake import Step
from ingest.limits import ReadLimits
from ingest.pipeline import ingest_folder
from ingest.readers import Readers
from ingest.reading import Outcome, Request, Unpacked, read
from ingest.store import Store
from tests.conftest import SAMPLE, FakeEmbedder
from tests.integration.hostile import read_and_list_modules, read_and_obey
from tests.integration.test_ingest_folder import contents

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)
# The worker alone takes up to 140 MB when it first tells languages apart: the limit must be passed by files, not by that.
LIMITS = ReadLimits(timeout_s=2.0, max_memory_mb=256, max_text_chars=50_000, workers=2)


def zipped(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def requests(folder: Path, files: dict[str, str | bytes], limits: ReadLimits = LIMITS) -> list[Request]:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return [Request(name, folder / name, (folder / name).stat().st_size, limits) for name in files]


def told(wanted: list[Request], function=read_and_obey) -> dict[str, LoadError | str]:
    """Text or error of every document, in the order in which they were told."""
    found: dict[str, LoadError | str] = {}
    with Readers(wanted, wanted[0].limits, function) as reading:
        for request, tellings in reading:
            for one in tellings:
                if isinstance(one, Outcome):
                    assert one.name not in found, "nothing is told twice"
                    found[one.name] = one.document.text if one.document is not None else one.error
                elif isinstance(one, Unpacked) and one.error is not None:
                    found[request.name] = one.error
    return found


HARM = {
    "!exit 3": (LoadError, "broke the program that reads it (exit status 3). Save it anew"),
    "!segfault": (LoadError, "broke the program that reads it (SIGSEGV). Save it anew"),
    "!kill": (ReadInterrupted, "The next run tries again"),
    "!loop": (LimitPassed, "took longer than 2 s to read. Split it or save it anew, or raise loader.timeout_s"),
    "!loop-in-c": (LimitPassed, "took longer than 2 s to read"),
    "!grow": (LimitPassed, "needed more than 256 MB of memory. Split it, or raise loader.max_memory_mb"),
    "!ask-for-a-terabyte": (LimitPassed, "needed more than 256 MB of memory"),
    "!raise": (LoadError, "met a fault of this program: RuntimeError at hostile.py:"),
    "x" * 50_001: (LimitPassed, "holds more than 50,000 characters of text. Split it, or raise loader.max_text_chars"),
}


def test_whatever_a_file_does_costs_that_file_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_STALL_FACTOR", 100)  # nothing here hangs, whatever else the machine does
    files = {}
    for number, harm in enumerate(HARM):
        files[f"{number:02}-b.txt"] = harm
        files[f"{number:02}-c.txt"] = f"Innocent after {number}."
    found = told(requests(tmp_path / "docs", files))
    assert list(found) == list(files)
    for name, outcome in found.items():
        if name.endswith("b.txt"):
            kind, words = HARM[files[name]]
            assert type(outcome) is kind, (name, outcome)
            assert words in str(outcome)
        else:
            assert outcome == files[name]


def test_what_waits_for_ever_may_be_read_by_another_run(tmp_path):
    error = told(requests(tmp_path / "docs", {"a.txt": "!sleep 600"}))["a.txt"]
    assert isinstance(error, ReadInterrupted)
    assert "did not get on for 10 s" in str(error)


def test_errors_keep_their_class_and_words_on_the_way(tmp_path):
    wanted = requests(tmp_path / "docs", {"a.pdf": b"%PDF-1.7 rubbish", "b.docx": b"PK rubbish", "c.xyz": b"x", "d.txt": b"\0"})
    here = {one.name: one.error for request in wanted for one in read(request) if isinstance(one, Outcome)}
    there = told(wanted, read)
    assert {name: (type(error), str(error)) for name, error in there.items()} == {
        name: (type(error), str(error)) for name, error in here.items()
    }
    assert isinstance(there["c.xyz"], UnsupportedFile)


def test_the_order_is_that_of_the_folder_whoever_is_first(tmp_path):
    texts = {f"{number}.txt": f"!sleep {(9 - number) / 20}" for number in range(9)}
    wanted = requests(tmp_path / "docs", texts, ReadLimits(workers=3))
    assert list(told(wanted).items()) == list(texts.items())


def test_parts_of_an_archive_are_lost_one_by_one(tmp_path):
    parts = {"1.txt": "One.", "2.txt": "!exit 1", "3.txt": "Three.", "4.txt": "!loop", "5.txt": "Five."}
    found = told(requests(tmp_path / "docs", {"a.zip": zipped(parts), "b.txt": "After."}))
    assert list(found) == [*(f"a.zip!/{name}" for name in parts), "b.txt"]
    assert [found[f"a.zip!/{name}"] for name in ("1.txt", "3.txt", "5.txt")] == ["One.", "Three.", "Five."]
    assert "exit status 1" in str(found["a.zip!/2.txt"])
    assert "took longer" in str(found["a.zip!/4.txt"])


def test_a_part_that_asks_for_too_much_memory_costs_itself_alone(tmp_path):
    parts = {"1.txt": "One.", "2.txt": "!ask-for-a-terabyte", "3.txt": "Three."}
    found = told(requests(tmp_path / "docs", {"a.zip": zipped(parts)}))
    assert isinstance(found.pop("a.zip!/2.txt"), LimitPassed)
    assert found == {"a.zip!/1.txt": "One.", "a.zip!/3.txt": "Three."}


def test_an_archive_full_of_harm_is_given_up(tmp_path):
    found = told(requests(tmp_path / "docs", {"a.zip": zipped({f"{n:02}.txt": "!exit 1" for n in range(20)}), "b.txt": "B."}))
    assert "exit status 1" in str(found["a.zip"])
    assert len(found) == 10 + 2
    assert found["b.txt"] == "B."


def test_a_dense_scan_needs_less_memory_than_a_file_may_take(tmp_path):
    page, font = Image.new("RGB", (1700, 2200), "white"), ImageFont.load_default(22)
    pen, letters = ImageDraw.Draw(page), "the quick brown fox jumps over the lazy dog 1234567890"
    for number in range(145):  # lines of many lengths: each asks the networks for memory of another size
        pen.text((60 + number % 3 * 560, 60 + number // 3 * 44), letters[: 5 + number % 29], fill="black", font=font)
    page.save(scan := io.BytesIO(), "PNG")
    found = told(requests(tmp_path / "docs", {"scan.png": scan.getvalue()}, ReadLimits(max_memory_mb=800)), read)
    assert found["scan.png"].count("brown") > 50


def test_a_mail_that_harms_keeps_its_attachments(tmp_path):
    mail = (
        "From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHello.\n"
        "--b\nContent-Disposition: attachment; filename=x.txt\n\n!exit 2\n"
        "--b\nContent-Disposition: attachment; filename=y.txt\n\nFine.\n--b--\n"
    )
    found = told(requests(tmp_path / "docs", {"a.eml": mail}))
    assert "Hello." in found["a.eml"]
    assert "exit status 2" in str(found["a.eml!/x.txt"])
    assert found["a.eml!/y.txt"] == "Fine."


def test_what_waits_is_bounded_and_nothing_stands_still(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "_WAITING_CHARS", 2_000)
    files = {f"{n}.zip": zipped({f"{part}.txt": f"{n} {part} " * 200 for part in range(9)}) for n in range(4)}
    wanted = requests(tmp_path / "docs", files, ReadLimits(workers=3))
    most = 0
    names = []
    with Readers(wanted, wanted[0].limits) as reading:
        for _, tellings in reading:
            for one in tellings:
                most = max(most, sum(reading._chars.values()))
                names.append(one.name if isinstance(one, Outcome) else "")
    assert [name for name in names if name] == [f"{n}.zip!/{part}.txt" for n in range(4) for part in range(9)]
    assert most < 30_000


def children(pid: int) -> set[int]:
    return {int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, seconds=30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def test_a_run_that_is_stopped_ends_its_workers_at_once(tmp_path):
    before = children(os.getpid())
    wanted = requests(tmp_path / "docs", {"a.txt": "!loop", "b.txt": "!sleep 600"}, ReadLimits(workers=2))
    with pytest.raises(KeyboardInterrupt), Readers(wanted, wanted[0].limits, read_and_obey):
        assert until(lambda: children(os.getpid()) - before)
        raise KeyboardInterrupt
    assert children(os.getpid()) == before


def _read_for_ever(folder: str) -> None:
    told(requests(Path(folder), {"a.txt": "!loop"}, ReadLimits(workers=1)))


def test_a_killed_parent_leaves_no_worker(tmp_path):
    parent = multiprocessing.get_context("spawn").Process(target=_read_for_ever, args=(str(tmp_path / "docs"),))
    parent.start()
    assert until(lambda: children(parent.pid), 60)
    workers = children(parent.pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    assert until(lambda: not any(map(is_alive, workers)))


def test_no_worker_loads_the_embedder_or_reaches_the_network(tmp_path):
    files = [path for path in sorted(SAMPLE.rglob("*")) if path.is_file()]
    wanted = [Request(path.name, path, path.stat().st_size, ReadLimits(workers=1)) for path in files]
    modules: set[str] = set()
    with Readers(wanted, wanted[0].limits, read_and_list_modules) as reading:
        for _, tellings in reading:
            modules.update(*tellings)
    assert "docx" in modules and "pypdfium2" in modules
    assert not modules & {"torch", "transformers", "sentence_transformers", "lancedb", "faiss"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        found = told(requests(tmp_path / "docs", {"a.txt": f"!connect {server.getsockname()[1]}"}))
        assert "no network" in str(found["a.txt"])
        with pytest.raises(TimeoutError):
            server.accept()


def test_what_a_library_prints_disturbs_nothing(tmp_path, capfd):
    assert told(requests(tmp_path / "docs", {"a.txt": "!print"})) == {"a.txt": "!print"}
    assert capfd.readouterr() == ("", "")


def test_a_pipe_or_device_in_the_folder_is_told_and_not_waited_for(tmp_path):
    (tmp_path / "docs").mkdir()
    os.mkfifo(tmp_path / "docs" / "pipe.txt")
    found = told([Request("pipe.txt", tmp_path / "docs" / "pipe.txt", 0, LIMITS)])
    assert "no regular file" in str(found["pipe.txt"])


def test_a_worker_that_cannot_start_ends_the_run_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(read_and_obey, "__module__", "no_such_module")
    with pytest.raises(IngestError, match="no_such_module"):
        told(requests(tmp_path / "docs", {"a.txt": "A."}))


def test_the_start_of_a_process_is_not_the_time_of_a_file(tmp_path, monkeypatch):
    started = processes.Worker._started

    def slowly(worker):
        if worker._process is None:
            time.sleep(3)
        return started(worker)

    monkeypatch.setattr(processes.Worker, "_started", slowly)
    with Readers(requests(tmp_path / "docs", {"a.txt": "A."}), LIMITS, read_and_obey) as readers:
        for _, tellings in readers:
            assert list(tellings)
    assert readers.seconds < 3


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "Readers", partial(Readers, function=read_and_obey))

    def ingest(limits=LIMITS, **options):
        return ingest_folder(tmp_path / "docs", tmp_path / "store", FakeEmbedder(), SIZES, limits=limits, **options)

    return ingest


def test_the_journal_keeps_what_lasts_and_tries_again_what_may_pass(run, tmp_path):
    requests(tmp_path / "docs", {"good.txt": "Good.", "slow.txt": "!loop", "crash.txt": "!exit 1", "killed.txt": "!kill"})
    parts = {"one.txt": "One.", "killed.txt": "!kill", "long.txt": "y" * 50_001}
    (tmp_path / "docs" / "a.zip").write_bytes(zipped(parts))
    time.sleep(0.1)  # a file written a moment ago is read again at the next run: another write could leave the same time
    first = run()
    failed = {"slow.txt", "crash.txt", "killed.txt", "a.zip!/killed.txt", "a.zip!/long.txt"}
    assert set(first.failed) == failed
    assert set(contents(tmp_path / "store")) == {"good.txt", "a.zip!/one.txt"}

    steps: list[Step] = []
    second = run(listen=steps.append)
    opened = [step.document for step in steps if step.stage == "open"]
    assert opened == ["a.zip", "killed.txt"], "only what may pass is opened again"
    assert second.failed == first.failed
    assert (second.added, second.changed, second.removed) == ([], [], [])

    wider: list[Step] = []
    third = run(limits=ReadLimits(timeout_s=3.0, max_memory_mb=256, max_text_chars=60_000), listen=wider.append)
    assert [step.document for step in wider if step.stage == "open"] == ["a.zip", "killed.txt", "slow.txt"]
    assert third.added == ["a.zip!/long.txt"]
    assert set(third.failed) == failed - {"a.zip!/long.txt"}
    assert "longer than 3 s" in third.failed["slow.txt"]


def test_what_could_be_read_before_and_no_longer_can_is_gone(run, tmp_path):
    requests(tmp_path / "docs", {"a.txt": "The valve opens at 40 bar."})
    run()
    requests(tmp_path / "docs", {"a.txt": "!segfault valve"})
    assert list(run().failed) == ["a.txt"]
    assert contents(tmp_path / "store") == {}
    assert Store.open(tmp_path / "store").states()["a.txt"].status == "failed"


def test_steps_are_told_in_order(run, tmp_path):
    requests(tmp_path / "docs", {"a.txt": "A.", "b.txt": "!exit 1", "c.txt": "C."})
    steps: list[Step] = []
    run(listen=steps.append)
    assert [(step.stage, step.document) for step in steps] == [
        ("open", "a.txt"), ("read", "a.txt"), ("open", "b.txt"), ("failed", "b.txt"), ("read", "b.txt"), ("open", "c.txt"),
        ("read", "c.txt"), ("embed", ""), ("store", ""),
    ]  # fmt: skip
    assert [step.done for step in steps if step.stage == "read"] == [1, 2, 3]
    assert (steps[-2].done, steps[-2].total, steps[-1].done) == (2, 2, 2)
