"""A process that calls one function again and again for another process, and can be lost without loss.

Arguments come through a pipe; what the function yields goes back, then an end mark. It ends with its parent, has a bound on its
memory and no network. It knows nothing of files.
"""

import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any

READY, VALUE, END, OUT_OF_MEMORY = "ready", "value", "end", "out of memory"
_PR_SET_PDEATHSIG = 1  # Source: linux/prctl.h
_NETWORK = frozenset(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind"))


def main() -> None:
    """Serve until the pipe closes. Arguments: descriptor of the pipe, id of the parent, bytes of memory, module, function."""
    descriptor, parent, max_bytes = map(int, sys.argv[1:4])
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    function = getattr(importlib.import_module(sys.argv[4]), sys.argv[5])
    _bound_memory(max_bytes)
    sys.addaudithook(_refuse_network)
    connection.send((READY, None))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 2)  # what libraries print is nobody's to read; until here it told why a start failed
    while True:
        try:
            argument = connection.recv()
        except (EOFError, OSError):
            return
        _serve(connection, function, argument)


def _serve(connection: Connection, function: Callable[[Any], Iterable[Any]], argument: Any) -> None:
    try:
        for value in function(argument):
            connection.send((VALUE, value))
        connection.send((END, None))
    except MemoryError:  # nothing in this process can be relied on any more
        connection.send((OUT_OF_MEMORY, None))
        os._exit(1)


def _end_with(parent: int) -> None:
    """Let the system end this process when its parent is gone; where it cannot, the pipe closes when the file is read."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # gone before it was asked
            os._exit(1)


def _bound_memory(max_bytes: int) -> None:
    """Bound private memory, so that one huge request fails at once; the parent watches what is in use.

    RLIMIT_AS would count the mapped libraries and files too.
    """
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = max_bytes if hard == resource.RLIM_INFINITY else min(max_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Loaders fetch nothing; a library that tries it fails here."""
    if event in _NETWORK:
        raise PermissionError("no network while a file is read")


if __name__ == "__main__":
    main()
