"""Reads one file of a folder: its bytes, its document, the documents of its parts. This is what a worker process runs.

What was read is told piece by piece, so that a part that ends the process costs that part only: asked again with what was
`done`, it goes on behind it. It knows no store.
"""

import hashlib
import mmap
import os
import stat
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.containers import ARCHIVES, Bytes, Unpacking, is_container, suffix_of
from ingest.documents import Document
from ingest.errors import LoadError, ReadInterrupted
from ingest.limits import ReadLimits
from ingest.loaders import load_bytes


@dataclass(frozen=True)
class Request:
    """What to read. `taken`: names that no part may get; `done`: names of what was told before; `prefix`: that of the source.

    `known`: SHA-256 by name of what need not be read again; a container goes with all its parts unless it `is_unread`.
    """

    name: str
    path: Path
    size: int
    limits: ReadLimits
    known: Mapping[str, str] = field(default_factory=dict)
    is_unread: bool = False
    taken: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    prefix: str = ""


@dataclass(frozen=True)
class Opened:
    """The bytes of a file or part are at hand; what is told next is about it."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Outcome:
    """How reading a file or part ended: with a document, with an error, or with neither because it is known."""

    name: str
    sha256: str
    size: int
    document: Document | None = None
    error: LoadError | None = None

    @property
    def is_same(self) -> bool:
        """True for what is known and was not read again."""
        return self.document is None and self.error is None


@dataclass(frozen=True)
class Unpacked:
    """The end of a container: what was skipped, the limit that stopped it, and the error that ended it."""

    skipped: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""
    error: LoadError | None = None

    def why_partly(self) -> str:
        """Why parts are missing, empty if none are."""
        return self.stopped or str(self.error or "")


Told = Opened | Outcome | Unpacked


def read(request: Request) -> Iterator[Told]:
    """Tell of a file that it is open, then how it ended; of a container also how each part ended, and last that it is unpacked.

    An archive has no document of its own: of one that changed, parts and the end are told.
    """
    try:
        data = _map(request.path)
    except OSError as error:
        yield Outcome(
            request.name,
            "",
            0,
            error=ReadInterrupted(f"cannot be opened: {error.strerror or error}. Check it and its permissions"),
        )
        return
    opened = Opened(request.name, hashlib.sha256(data).hexdigest(), len(data))
    yield opened
    if request.known.get(opened.name) == opened.sha256 and not request.is_unread:
        yield Outcome(opened.name, opened.sha256, opened.size)
        return
    if suffix_of(opened.name) not in ARCHIVES and opened.name not in request.done:
        yield _load(data, opened, request)
    if is_container(opened.name):
        yield from _unpack(data, request)


def _unpack(data: Bytes, request: Request) -> Iterator[Told]:
    unpacking = Unpacking(taken=request.taken)
    problem = None
    try:
        for part in unpacking.parts(data, request.name):
            if part.name in request.done:
                continue
            opened = Opened(part.name, "" if part.reason else hashlib.sha256(part.data).hexdigest(), len(part.data))
            yield opened
            if part.reason:
                yield Outcome(part.name, "", 0, error=LoadError(part.reason))
            else:
                yield _load(part.data, opened, request)
    except LoadError as error:
        problem = error
    except MemoryError:  # what is left of this process is not to be trusted: whoever watches it knows what was open
        raise
    except Exception as error:  # noqa: BLE001  the outermost edge of this process
        problem = _fault(error)
    yield Unpacked(unpacking.skipped, unpacking.stopped, problem)


def _load(data: Bytes, opened: Opened, request: Request) -> Outcome:
    document: Document | None = None
    problem: LoadError | None = None
    if request.known.get(opened.name) == opened.sha256:
        return Outcome(opened.name, opened.sha256, opened.size)
    try:
        # What tells where a document comes from is no part of its title, which may be made of its name.
        document = replace(load_bytes(bytes(data), opened.name.removeprefix(request.prefix)), name=opened.name)
        if len(document.text) > request.limits.max_text_chars:
            document, problem = None, request.limits.too_long()
    except LoadError as error:
        problem = error
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  the outermost edge of this process
        problem = _fault(error)
    return Outcome(opened.name, opened.sha256, opened.size, document, problem)


def _fault(error: Exception) -> LoadError:
    """What no loader foresaw; it says where, as its traceback ends with this process."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return LoadError(f"met a fault of this program: {type(error).__name__} at {where}: {str(error)[:200]}. Please report it")


class _Mapped(mmap.mmap):
    def seekable(self) -> bool:
        """Say so, as `zipfile` asks and Python before 3.13 has no answer."""
        return True


def _map(path: Path) -> Bytes:
    """Bytes of a regular file, left on the disk until they are used: an archive may be larger than a worker's memory.

    A pipe would let its reader wait for ever. Raises: OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no regular file")
        return _Mapped(descriptor, 0, access=mmap.ACCESS_READ) if status.st_size else b""
    finally:
        os.close(descriptor)
