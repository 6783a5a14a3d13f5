"""Follows a folder: makes the store equal to it now and after every change, until it is told to stop.

It knows of changes only that there were some; what they are, a comparison tells. It survives that the folder goes and comes
back, as a mounted one may, and that a comparison fails; a slow look at everything finds what the system did not tell.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.errors import ConfigError, IngestError, StoreMismatch

_QUIET_MS = 500  # so long nothing must change before it is looked at,
_MOST_MS = 5000  # but a folder in which something always changes is looked at so often
_LOOK_MS = 1000  # how often it is checked that the folder is still there
_RETRY_S = 10.0
_RESCAN_S = 300.0  # network file systems tell nothing of what other machines change


def watch(
    folder: Path,
    store_path: Path,
    reconcile: Callable[[], bool],
    say: Callable[[str], None],
    is_ended: Callable[[], bool] = lambda: False,
) -> None:
    """Call `reconcile` now, whenever the folder has changed and was then quiet, and from time to time.

    `reconcile` returns True if it is to be tried again soon; an IngestError that it raises is said, and it is tried again.
    Ends by KeyboardInterrupt, and about a second after `is_ended` says so: code in between may swallow an exception.
    Raises: ConfigError, StoreMismatch.
    """
    say = _changed_only(say)
    is_gone = False
    while not is_ended():
        if not folder.is_dir():
            if not is_gone:
                say(f"`{folder}` is gone. The store stays as it is; waiting for the folder to come back.")
            is_gone = True
            time.sleep(_LOOK_MS / 1000)
            continue
        if is_gone:
            say(f"`{folder}` is back.")
        is_gone = False
        due = time.monotonic() + _attempt(folder, reconcile, say)
        for has_changed in _looks(folder, store_path.resolve(), say):
            if is_ended():
                return
            if has_changed or time.monotonic() >= due:
                due = time.monotonic() + _attempt(folder, reconcile, say)


def _attempt(folder: Path, reconcile: Callable[[], bool], say: Callable[[str], None]) -> float:
    """Reconcile once. Returns after how many seconds to do so again though nothing changes."""
    try:
        return _RETRY_S if reconcile() else _RESCAN_S
    except (ConfigError, StoreMismatch):  # waiting helps with neither
        raise
    except IngestError as error:
        if folder.is_dir():  # else that it is gone is all there is to say
            say(f"{error} It is tried again in {_RETRY_S:.0f} s.")
        return _RETRY_S


def _changed_only(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say nothing twice in a row."""
    last = ""

    def say_changed(text: str) -> None:
        nonlocal last
        if text != last:
            say(text)
        last = text

    return say_changed


def _looks(folder: Path, store: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Say about once a second whether something has changed; ends when the folder is another one or gone."""
    watched = _identity(folder)
    try:
        changes = _changes(folder, store)
        next(changes)
        yield True  # it may have changed before the system was asked to tell
        while watched is not None and _identity(folder) == watched:
            yield next(changes)
    except (OSError, RuntimeError) as error:
        if _identity(folder) != watched or watched is None:
            return
        say(f"the system does not tell of changes in `{folder}` ({error}): looking every {_RETRY_S:.0f} s.")
        due = time.monotonic() + _RETRY_S
        while _identity(folder) == watched:
            time.sleep(_LOOK_MS / 1000)
            if is_due := time.monotonic() >= due:
                due = time.monotonic() + _RETRY_S
            yield is_due


def _changes(folder: Path, store: Path) -> Iterator[bool]:
    from watchfiles import watch as changes_of

    inside = f"{store}{os.sep}"
    told = changes_of(
        folder,
        watch_filter=lambda change, path: not os.path.realpath(path).startswith(inside),
        debounce=_MOST_MS,
        step=_QUIET_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    return (bool(changes) for changes in told)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Changes when the folder is another one: deleted and made anew, or mounted over."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
