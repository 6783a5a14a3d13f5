"""What a worker process may be made to run in tests: files whose text says what reading them does to the process."""

import ctypes
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator

from ingest import reading
from ingest.reading import Request, Told

_load = reading.load_bytes


def read_and_obey(request: Request) -> Iterator[Told]:
    """Read as ever, but do what a document says that begins with `!`. Only to be called in a worker."""
    reading.load_bytes = _obey
    yield from reading.read(request)


def read_and_list_modules(request: Request) -> Iterator[list[str]]:
    """Read, then tell which modules that took."""
    for _ in reading.read(request):
        pass
    yield sorted(sys.modules)


def _obey(data: bytes, name: str):
    command, _, value = data.decode("utf-8", "replace").strip().partition(" ")
    if command.startswith("!"):
        _COMMANDS[command](value)
    return _load(data, name)


def _grow(value: str) -> None:
    kept = []
    while True:
        kept.append(b"x" * 4_000_000)


def _loop(value: str) -> None:
    while True:
        pass


_COMMANDS = {
    "!exit": lambda value: os._exit(int(value)),
    "!segfault": lambda value: ctypes.string_at(0),
    "!kill": lambda value: os.kill(os.getpid(), signal.SIGKILL),
    "!loop": _loop,
    "!loop-in-c": lambda value: re.match("(a+)+b", "a" * 60),
    "!grow": _grow,
    "!ask-for-a-terabyte": lambda value: len(bytearray(10**12)),
    "!raise": lambda value: (_ for _ in ()).throw(RuntimeError("nobody foresaw this")),
    "!sleep": lambda value: time.sleep(float(value)),
    "!connect": lambda value: socket.create_connection(("127.0.0.1", int(value)), timeout=2),
    "!print": lambda value: print("noise", flush=True),
}
