"""What a run shows while it works: bars for people, JSON lines for programs, and which files took longest."""

import json
import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ingest.intake import Step

_SLOW_S = 2.0
_MAX_SLOW = 5
_KEYS = {  # of the event of each stage; one that is 0 is told too
    "open": ("done", "total", "document"),
    "read": ("done", "total", "document", "seconds"),
    "failed": ("document", "reason"),
    "embed": ("done", "total"),
    "store": ("done", "total"),
    "removed": ("document",),
}
_UNITS = {"read": "files", "embed": "chunks", "store": "chunks"}


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Pieces a second, or what there is to see before the second one is done."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f} {task.fields['unit']}/s" if speed else "", style="progress.data.speed")


class Display:
    """A context that listens to the steps of a run: bars on a terminal, else nothing; JSON lines on stdout with `as_events`.

    `slow` gives the seconds that the slowest files took to read, where that is worth telling.
    """

    def __init__(self, errors: Console, *, as_events: bool) -> None:
        self._as_events = as_events
        self._seconds: dict[str, float] = {}
        self._bars = Progress(
            TextColumn("{task.description:5}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[name]}", markup=False),
            console=errors,
            transient=True,
            disable=as_events or not errors.is_terminal,
        )
        self._tasks = {
            stage: self._bars.add_task(stage, total=None, unit=unit, name="", visible=stage == "read")
            for stage, unit in _UNITS.items()
        }

    def __enter__(self) -> "Display":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def listen(self, step: Step) -> None:
        """Show a step."""
        if step.stage == "read":
            self._seconds[step.document] = step.seconds
        if self._as_events:
            line = {"event": step.stage} | {key: getattr(step, key) for key in _KEYS[step.stage]}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        elif step.stage in ("open", "read"):
            self._bars.update(self._tasks["read"], completed=step.done, total=step.total, name=_short(step.document))
        elif step.stage in _UNITS:
            self._bars.update(self._tasks[step.stage], completed=step.done, total=step.total, visible=True)

    @property
    def slow(self) -> dict[str, float]:
        """Seconds by file, the slowest first."""
        slow = {name: seconds for name, seconds in self._seconds.items() if seconds >= _SLOW_S}
        return dict(sorted(slow.items(), key=lambda item: -item[1])[:_MAX_SLOW])


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"…{name[-39:]}"
