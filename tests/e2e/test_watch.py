"""`ingest FOLDER --watch` as a user runs it: a process that follows a folder until it is stopped."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.store import Store
from ingest.watch import watch as follow
from tests.conftest import ROOT

PATIENCE_S = 240.0  # the longest that anything may take on a busy machine; nothing is asserted of time


class Watcher:
    """The process, and what it says line by line."""

    def __init__(self, folder: Path, store: Path, *options: str) -> None:
        command = [sys.executable, "-m", "ingest.cli", str(folder), "--store", str(store), "--watch", "--json", *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "500"}
        )
        self._lines: dict[str, queue.Queue[str]] = {}
        for name, stream in (("out", self.process.stdout), ("err", self.process.stderr)):
            lines: queue.Queue[str] = queue.Queue()
            self._lines[name] = lines
            threading.Thread(
                target=lambda stream=stream, lines=lines: [lines.put(line) for line in stream], daemon=True
            ).start()

    def report(self) -> dict:
        return json.loads(self._lines["out"].get(timeout=PATIENCE_S))

    def until(self, key: str, name: str) -> dict:
        """The next report that names a file under `key`; two changes may come in one report or in two."""
        while True:
            report = self.report()
            if name in report[key]:
                return report

    def said(self, words: str) -> None:
        while words not in self._lines["err"].get(timeout=PATIENCE_S):
            pass

    def stop(self, how: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(how)
        status = self.process.wait(timeout=PATIENCE_S)
        time.sleep(0.2)
        rest = []
        while not self._lines["err"].empty():
            rest.append(self._lines["err"].get())
        return status, "".join(rest)


@pytest.fixture
def watch(tmp_path):
    started: list[Watcher] = []

    def start(*options: str) -> Watcher:
        started.append(Watcher(tmp_path / "docs", tmp_path / "docs" / "store", *options))
        return started[-1]

    yield start
    for watcher in started:
        watcher.process.kill()
        watcher.process.wait()


def names(store: Path) -> set[str]:
    return set(Store.open(store).states())


def test_a_folder_is_followed_through_changes_its_going_and_its_return(tmp_path, watch):
    folder = tmp_path / "docs"
    store = folder / "store"  # inside: its own writes must not wake the watcher
    folder.mkdir()
    (folder / "a.txt").write_text("The alpha valve opens at 40 bar.", encoding="utf-8")
    watcher = watch("--exclude", "drafts/")
    assert watcher.report()["added"] == ["a.txt"]

    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_text("The beta valve opens at 60 bar.", encoding="utf-8")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.4 rubbish")
    watcher.until("added", "sub/b.txt")
    (folder / "a.txt").write_text("The alpha valve opens at 45 bar.", encoding="utf-8")
    watcher.until("changed", "a.txt")
    (folder / "drafts").mkdir()
    (folder / "drafts" / "c.txt").write_text("Not to be read.", encoding="utf-8")
    (folder / "sub" / "b.txt").unlink()
    report = watcher.until("removed", "sub/b.txt")
    assert list(report["failed"]) == ["bad.pdf"]
    assert names(store) == {"a.txt", "bad.pdf"}

    away = folder.rename(tmp_path / "away")
    watcher.said("is gone")
    assert names(away / "store") == {"a.txt", "bad.pdf"}, "what is away is not deleted"
    (away / "d.txt").write_text("The delta valve is new.", encoding="utf-8")
    away.rename(folder)
    watcher.said("is back")
    watcher.until("added", "d.txt")
    assert names(store) == {"a.txt", "bad.pdf", "d.txt"}

    status, said = watcher.stop(signal.SIGINT)
    assert status == 0
    assert "stopped watching" in said
    assert "Traceback" not in said


def test_it_waits_for_a_store_that_another_process_writes_to_and_ends_on_a_stop_of_the_system(tmp_path, watch):
    from ingest.manifest import lock

    folder = tmp_path / "docs"
    folder.mkdir()
    with lock(folder / "store"):
        watcher = watch()
        watcher.said("another process is writing")
    status, said = watcher.stop(signal.SIGTERM)
    assert status == 0
    assert "Traceback" not in said


def test_watching_ends_though_what_it_calls_swallows_the_interruption(tmp_path):
    ended = threading.Event()

    def reconcile() -> bool:
        with suppress(KeyboardInterrupt):
            ended.set()
            raise KeyboardInterrupt
        return False

    follow(tmp_path, tmp_path / "store", reconcile, print, ended.is_set)  # or it would follow for ever
    assert ended.is_set()


def test_a_folder_that_vanishes_while_it_is_looked_at_is_told_once(tmp_path):
    folder, said = tmp_path / "docs", []
    folder.mkdir()

    def reconcile() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        raise IngestError("cannot read it: it is gone.")

    follow(folder, tmp_path / "store", reconcile, said.append, lambda: bool(said))
    assert said == [f"`{folder}` is gone. The store stays as it is; waiting for the folder to come back."]


def test_a_dry_run_cannot_watch(tmp_path):
    command = [sys.executable, "-m", "ingest.cli", str(tmp_path), "--dry-run", "--watch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "--dry-run" in done.stderr
    assert "Traceback" not in done.stderr
