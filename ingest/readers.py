"""Reads the files of a run in several worker processes at once and tells what they hold in the order that was asked for.

Whatever a file does to its process costs that file, or that part of it, alone. Reading goes on while its results are used; how
much waits is bounded. Nothing that is told depends on timing.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType

from ingest.containers import ARCHIVES, is_container, suffix_of
from ingest.errors import LoadError, ReadInterrupted
from ingest.limits import ReadLimits
from ingest.processes import Function, Worker, WorkerLost
from ingest.reading import Opened, Outcome, Request, Told, Unpacked, read

# A further process costs a third of a second to start: it comes with so much to read for each.
_FILES_A_WORKER = 32
_BYTES_A_WORKER = 2_000_000
_WAITING_CHARS = 20_000_000  # of documents that were read and not yet taken, together and of one file
_BASE_CHARS = 1_000  # what anything that is told counts as, beside its text
_MAX_LOST = 10  # an archive in which so many parts end their process is one of bombs


class Readers:
    """A context in which `requests` are read; iterating gives each with what is told of it, which must be used up in turn.

    `seconds` is how long the one that was used up last took to read.
    """

    def __init__(self, requests: Sequence[Request], limits: ReadLimits, function: Function = read) -> None:
        """Nothing is started before the context is entered; `function` reads one request."""
        self._requests = requests
        self._limits = limits
        n_bytes = sum(max(0, request.size) for request in requests)
        n_useful = 1 + max(len(requests) // _FILES_A_WORKER, n_bytes // _BYTES_A_WORKER)
        n = min(limits.workers or _n_cores(), n_useful, len(requests))
        self._workers = [Worker(function, limits.max_memory_mb) for _ in range(n)]
        self._threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in self._workers]
        self._changed = threading.Condition()
        self._next = 0
        self._told: dict[int, deque[Told | float]] = {}  # at the end of each how many seconds it took
        self._chars: dict[int, int] = {}  # what waits, by number of the request
        self._problem: BaseException | None = None
        self._is_closed = False
        self.seconds = 0.0

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.close()
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[tuple[Request, Iterator[Told]]]:
        for number, request in enumerate(self._requests):
            yield request, self._take(number)

    def _take(self, number: int) -> Iterator[Told]:
        while True:
            with self._changed:
                while not self._told.get(number) and self._problem is None:
                    self._changed.wait()
                if self._problem is not None:
                    raise self._problem
                told = self._told[number].popleft()
                if isinstance(told, float):
                    del self._told[number], self._chars[number]
                    self.seconds = told
                else:
                    self._chars[number] -= _weight(told)
                self._changed.notify_all()
            if isinstance(told, float):
                return
            yield told

    def _work(self, worker: Worker) -> None:
        """Read one request after the other, each by whoever is free."""
        try:
            while (number := self._begin()) is not None:
                worker.start()  # what that takes is no file's time
                started, waited = time.monotonic(), 0.0
                for told in _read_whatever_happens(worker, self._requests[number], self._limits):
                    waited += self._put(number, told)
                self._put(number, time.monotonic() - started - waited)
        except BaseException as error:  # noqa: BLE001  it is raised again where the results are taken
            with self._changed:
                self._problem = self._problem or error
                self._changed.notify_all()
        finally:
            worker.stop()

    def _begin(self) -> int | None:
        """Number of the next request, once little enough waits; None when there is no more.

        What is begun never has to wait for what is not, so that the one whose turn it is always goes on.
        """
        with self._changed:
            while sum(self._chars.values()) > _WAITING_CHARS and not self._is_closed:
                self._changed.wait()
            if self._next == len(self._requests) or self._is_closed:
                return None
            self._next += 1
            self._told[self._next - 1], self._chars[self._next - 1] = deque(), 0
            return self._next - 1

    def _put(self, number: int, told: Told | float) -> float:
        """Hand over what was told, once little enough of that file waits; returns the seconds that took."""
        started = time.monotonic()
        with self._changed:
            while self._chars[number] > _WAITING_CHARS and not self._is_closed:
                self._changed.wait()
            self._told[number].append(told)
            self._chars[number] += 0 if isinstance(told, float) else _weight(told)
            self._changed.notify_all()
        return time.monotonic() - started


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _weight(told: Told) -> int:
    text = told.document.text if isinstance(told, Outcome) and told.document is not None else ""
    return _BASE_CHARS + len(text)


def _read_whatever_happens(worker: Worker, request: Request, limits: ReadLimits) -> Iterator[Told]:
    """What is told of one request; what ends its process is told as an error of the file or part that was open.

    A process that had read something before may have been lost through that: it is tried again in a fresh one.
    """
    done: set[str] = set()
    n_lost = 0
    while True:
        whole, part, n_read = Opened(request.name, "", request.size), None, 0
        try:
            for told in worker.call(replace(request, done=frozenset(done)), lambda told: limits.seconds(_size(told, request))):
                if isinstance(told, Outcome):
                    part, n_read = None, n_read + 1
                    done.add(told.name)
                elif isinstance(told, Opened):
                    whole, part = (told, part) if told.name == request.name else (whole, told)
                yield told
            return
        except WorkerLost as lost:
            if lost.how in ("large", "crashed", "killed") and (n_read or not lost.was_fresh):
                continue
            error = _explain(lost, (part or whole).size, limits)
        n_lost += 1
        if part is not None and n_lost <= _MAX_LOST:
            yield Outcome(part.name, part.sha256, part.size, error=error)
            done.add(part.name)
        elif suffix_of(whole.name) in ARCHIVES or whole.name in done:
            yield Unpacked(error=error)
            return
        else:
            yield Outcome(whole.name, whole.sha256, whole.size, error=error)
            done.add(whole.name)
            if not is_container(whole.name):
                return


def _size(told: Told | None, request: Request) -> int:
    return told.size if isinstance(told, Opened) else request.size


def _explain(lost: WorkerLost, n_bytes: int, limits: ReadLimits) -> LoadError:
    if lost.how == "slow":
        return limits.too_slow(n_bytes)
    if lost.how == "large":
        return limits.too_large()
    if lost.detail == "SIGBUS":
        return ReadInterrupted("was changed while it was read. The next run tries again")
    if lost.how == "crashed":
        return LoadError(f"broke the program that reads it ({lost.detail}). Save it anew, or in another format")
    if lost.how == "stalled":
        return ReadInterrupted(
            f"did not get on for {lost.detail}: the disk or the machine is too busy. The next run tries again"
        )
    return ReadInterrupted("the system ended the program that reads it, mostly for want of memory. The next run tries again")
