"""One worker process as its parent sees it: started when needed, watched while it works, killed when it passes a limit.

It knows nothing of files: a function at the top level of a module, its argument, and how long each step may take.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from ingest.errors import IngestError
from ingest.worker import END, OUT_OF_MEMORY

_LOOK_S = 0.05
_START_S = 120.0
# Work is the lesser of clock and processor time, and waiting for a processor is not waiting: a busy machine fails no file. What
# sleeps so many times as long as it may work hangs on something outside.
_STALL_FACTOR = 5
_MB = 1_048_576
# Touched memory is watched, reserved memory is bounded more widely: allocators and threads reserve more than they use.
_RESERVED_FACTOR = 2
_RESERVED_MB = 512
Function = Callable[[Any], Iterator[Any]]
Allow = Callable[[Any], float]  # what was told last, None at the start -> seconds until the next


class WorkerLost(Exception):
    """A worker ended before its work did.

    `how`: `slow`, `large`, or `crashed` through what it worked on; `stalled` or `killed` through something outside.
    `was_fresh`: it had served no call before.
    """

    def __init__(self, how: Literal["slow", "large", "crashed", "stalled", "killed"], detail: str, was_fresh: bool) -> None:
        super().__init__(f"{how}: {detail}")
        self.how = how
        self.detail = detail
        self.was_fresh = was_fresh


class Worker:
    """Calls a function in a process of its own, which is replaced when it is lost or has grown."""

    def __init__(self, function: Function, max_memory_mb: int) -> None:
        self._function = function
        self._max_bytes = max_memory_mb * _MB
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._n_served = 0

    def call(self, argument: Any, allow: Allow) -> Iterator[Any]:
        """Yield what the function yields for `argument`; `allow` says how many seconds each step may take.

        Raises: WorkerLost; IngestError when no process can be started.
        """
        connection = self._started()
        is_complete = False
        try:
            told = None
            try:
                connection.send(argument)
                while True:
                    self._wait(connection, allow(told))
                    kind, told = connection.recv()
                    if kind in (END, OUT_OF_MEMORY):
                        break
                    yield told
            except (EOFError, OSError) as error:
                raise self._death() from error
            if kind == OUT_OF_MEMORY:
                raise self._lost("large", "")
            self._n_served += 1
            is_complete = self._used() < self._max_bytes // 2  # what an earlier file left must not fail a later one
        finally:
            if not is_complete:
                self.stop()

    def start(self) -> None:
        """Start the process where there is none, so that the next call need not.

        Raises: IngestError when none can be started.
        """
        self._started()

    def close(self) -> None:
        """Kill the process, from any thread; whoever waits for it learns that it is gone, and no other is started."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                _kill(self._process)

    def stop(self) -> str:
        """End the process and all that it started; returns what it said if its start failed. The next call starts another."""
        with self._lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
        if process is None or connection is None:
            return ""
        _kill(process)
        said = process.stderr.read().decode("utf-8", "replace") if process.stderr and not process.stderr.closed else ""
        process.wait()
        connection.close()
        return said

    def _started(self) -> Connection:
        with self._lock:
            if self._is_closed:
                raise IngestError("cannot read on: reading was stopped.")
            if self._process is not None and self._connection is not None:
                return self._connection
            here, there = Pipe()
            with there:
                most = self._max_bytes * _RESERVED_FACTOR + _RESERVED_MB * _MB
                numbers = map(str, (there.fileno(), os.getpid(), most))
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "ingest.worker", *numbers, self._function.__module__, self._function.__name__],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=[there.fileno()],
                    process_group=0,  # so that what it starts can be ended with it, and Ctrl-C is the parent's
                    env=_environment(),
                )
            self._connection, self._n_served = here, 0
            process = self._process
        try:
            if not here.poll(_START_S):
                raise EOFError
            here.recv()
        except (EOFError, OSError) as error:
            said = self.stop().strip().rpartition("\n")[2]
            why = said or f"exit status {process.returncode}"
            raise IngestError(f"cannot start a process to read files: {why}. Free some memory, or run `make setup`.") from error
        if process.stderr is not None:
            process.stderr.close()
        return here

    def _wait(self, connection: Connection, max_s: float) -> None:
        """Wait for the next message, and look after the process meanwhile."""
        started = last = time.monotonic()
        before, asleep = self._worked(), 0.0
        while not connection.poll(_LOOK_S):
            if self._used() > self._max_bytes:
                raise self._lost("large", "")
            now, worked = time.monotonic(), self._worked()
            if worked is None or before is None:
                asleep, most = now - started, max_s
            else:
                asleep, most = asleep + (now - last if worked[1] else 0.0), max_s * _STALL_FACTOR
                if min(now - started, worked[0] - before[0]) > max_s:
                    raise self._lost("slow", "")
            if asleep > most:
                raise self._lost("stalled", f"{round(asleep):,} s")
            last = now

    def _lost(self, how: Literal["slow", "large", "stalled"], detail: str) -> WorkerLost:
        was_fresh = self._n_served == 0
        self.stop()
        return WorkerLost(how, detail, was_fresh)

    def _death(self) -> WorkerLost:
        """Why the process ended by itself."""
        process, was_fresh = self._process, self._n_served == 0
        if process is None:
            return WorkerLost("killed", "", was_fresh)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        status = process.poll()
        self.stop()
        if status in (None, -signal.SIGKILL, -signal.SIGTERM):
            return WorkerLost("killed", "", was_fresh)
        detail = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return WorkerLost("crashed", detail, was_fresh)

    def _used(self) -> int:
        """Bytes of memory of its own that the process has touched, files that it mapped not counted; 0 where unknown."""
        if self._process is None:
            return 0
        try:
            _, resident, shared, *_ = Path(f"/proc/{self._process.pid}/statm").read_text().split()
        except (OSError, ValueError):
            return 0
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

    def _worked(self) -> tuple[float, bool] | None:
        """Seconds of processor time of the process, and whether it waits for something else than a processor.

        None where the system does not tell.
        """
        if self._process is None:
            return None
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), fields[0] != "R"


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment() -> dict[str, str]:
    """The modules of this process and no others: a folder of documents must not be a folder of programs."""
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
