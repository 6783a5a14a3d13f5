"""The monitoring log: what a reasoning model thought, for whoever watches over the system. Never part of an answer.

Off unless `monitor.path` is set. Reasoning is unfiltered by design of the models: it may be false, harmful, or repeat what
stands in documents. So the file is for its owner alone (mode 0600), entries older than `monitor.retention_days` go, and
`rag monitor purge --all` empties it. One JSON object a line: `at` (UTC), `question`, `generator`, `analysis`, `call`, counts.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rag.errors import MonitorError

if TYPE_CHECKING:
    from rag.generators.harmony.parsing import Reply


class Monitor:
    """A log at a path. Old entries are dropped at the first entry of a process and by `purge`."""

    def __init__(self, path: Path, retention_days: int) -> None:
        """Nothing is written yet."""
        self.path = path.expanduser()
        self._retention_days = retention_days
        self._is_fresh = True

    def record(self, question: str, generator: str, reply: "Reply") -> None:
        """Add what the model thought in one run.

        Raises: MonitorError when it cannot be written: whoever turned it on relies on it.
        """
        if self._is_fresh:
            self.purge()
            self._is_fresh = False
        call = f"{reply.call.name} {reply.call.arguments}" if reply.call else None
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "question": question,
            "generator": generator,
            "analysis": reply.analysis,
            "call": call,
            "reasoning_tokens": reply.n_reasoning_tokens,
            "output_tokens": reply.n_tokens,
            "malformed": reply.n_malformed,
        }
        with self._opened() as file:
            file.seek(0, os.SEEK_END)
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def purge(self, *, everything: bool = False) -> tuple[int, int]:
        """Drop entries that are too old, or all; returns how many went and how many are left.

        Raises: MonitorError.
        """
        if not self.path.exists():
            return 0, 0
        oldest = (datetime.now(UTC) - timedelta(days=self._retention_days)).isoformat(timespec="seconds")
        with self._opened() as file:
            lines = file.readlines()
            kept = [] if everything else [line for line in lines if _time_of(line) >= oldest]
            if len(kept) < len(lines):
                file.seek(0)
                file.truncate()
                file.writelines(kept)
        return len(lines) - len(kept), len(kept)

    @contextmanager
    def _opened(self) -> Iterator[IO[str]]:
        """The file for its owner alone, locked against other processes."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise MonitorError(
                f"cannot write the monitoring log `{self.path}`: {error.strerror or error}. Set monitor.path to a file that "
                "can be written, or leave it empty to keep no log."
            ) from error


def _time_of(line: str) -> str:
    """When an entry was made; a line that cannot be read counts as old."""
    try:
        return str(json.loads(line)["at"])
    except (ValueError, KeyError, TypeError):
        return ""
