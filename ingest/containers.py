"""Files that hold files: ZIP and TAR archives, mailboxes, and e-mail with attachments, one inside the other.

A part has a name of its own, `mail.eml!/report.pdf` or `a.zip!/b.eml!/c.pdf`. Nothing is ever written to disk: a path inside
an archive is a name, whatever it looks like. What a part says is not known here. All of it is bounded, as a few kilobytes can
stand for terabytes: number of parts, bytes unpacked, how far a part may expand, and depth.
"""

import bz2
import gzip
import io
import lzma
import mmap
import re
import stat
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Protocol

from ingest.errors import LoadError
from ingest.loaders import BROKEN, NAMES, SUFFIXES, mail, msg
from ingest.loaders.package import BROKEN_ZIP

SEPARATOR = "!/"
ARCHIVES = frozenset(".zip .tar .tgz .tbz2 .txz .tar.gz .tar.bz2 .tar.xz .mbox".split())
MAILS = frozenset((".eml", ".msg"))
_DOUBLE = tuple(suffix for suffix in ARCHIVES if suffix.count(".") > 1)

MAX_DEPTH = 4
MAX_PARTS = 50_000
MAX_BYTES = 2_000_000_000  # of all parts together
MAX_PART_BYTES = 500_000_000
# What people write shrinks to a twentieth or a fiftieth; a bomb to a thousandth. Small parts may be as empty as they like.
MAX_RATIO = 200
_FREE_BYTES = 10_000_000

_BROKEN_TAR = (tarfile.TarError, lzma.LZMAError, *BROKEN)
_DRIVE = re.compile(r"[A-Za-z]:")
_FROM_LINE = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_MAX_NAME_CHARS = 400


@dataclass(frozen=True)
class Part:
    """A part under its whole name: its bytes, or the `reason` why there are none."""

    name: str
    data: bytes = b""
    reason: str = ""


@dataclass
class Limits:
    """How much of one file of a folder is unpacked."""

    max_parts: int = MAX_PARTS
    max_bytes: int = MAX_BYTES
    max_part_bytes: int = MAX_PART_BYTES


class _Full(Exception):
    """A limit of the whole file is reached."""


Bytes = bytes | mmap.mmap  # a file may be mapped from the disk instead of read: it may be larger than memory
Entries = Iterator[tuple[str, bytes | LoadError]]


def suffix_of(name: str) -> str:
    """Suffix of a name in lower case; `.tar.gz` is one, and `README` has that of what it is read as."""
    lowered = name.lower().rpartition("/")[2]
    if lowered.endswith(_DOUBLE):
        return next(suffix for suffix in _DOUBLE if lowered.endswith(suffix))
    stem, dot, suffix = lowered.rpartition(".")
    return dot + suffix if stem and suffix else NAMES.get(lowered, "")


def is_container(name: str) -> bool:
    """True for names of archives and of e-mail."""
    return suffix_of(name) in ARCHIVES | MAILS


def owners(name: str) -> list[str]:
    """Names of all files that could hold a part of this name, the outermost first."""
    steps = name.split(SEPARATOR)
    return [SEPARATOR.join(steps[:n]) for n in range(1, len(steps))]


def why_hidden(name: str) -> str:
    """What a file is that is never read, by the last step of its path: hidden, lock, temporary; empty for any other."""
    if name.startswith(("~$", ".~lock.")) or name.endswith((".lock", ".lck")):
        return "lock"
    if name.endswith(("~", ".tmp", ".temp", ".swp", ".part", ".partial", ".crdownload", ".download")):
        return "temporary"
    return "hidden" if name.startswith(".") or name.lower() == "thumbs.db" else ""


@dataclass
class Unpacking:
    """Takes one file apart. `skipped` counts what no loader reads, by suffix or kind; `stopped` says which limit ended it.

    `taken`: names that no part may get, because files of the folder have them.
    """

    taken: Collection[str] = ()
    limits: Limits = field(default_factory=Limits)
    skipped: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    _seen: set[str] = field(default_factory=set)
    _n_bytes: int = 0

    def parts(self, data: Bytes, name: str) -> Iterator[Part]:
        """Parts of the container `name` that a loader may read, in its order, those of inner containers included.

        Raises: LoadError when the container itself cannot be read, or no further; the parts before stand.
        """
        try:
            yield from self._parts(data, name, 1)
        except _Full as error:
            self.stopped = str(error)

    def _parts(self, data: Bytes, name: str, depth: int) -> Iterator[Part]:
        for inner, content in self._entries(data, name):
            part = self._name(name, inner)
            if isinstance(content, LoadError):
                yield Part(part, reason=str(content))
                continue
            suffix = suffix_of(part)
            if suffix in SUFFIXES:
                yield Part(part, content)
            if not is_container(part):
                continue
            if depth < MAX_DEPTH:
                try:
                    yield from self._parts(content, part, depth + 1)
                except LoadError as error:
                    if suffix in ARCHIVES:  # an e-mail is a document and gives its own reason
                        yield Part(part, reason=str(error))
            elif suffix in ARCHIVES:
                yield Part(part, reason=f"lies deeper than {MAX_DEPTH} files in each other. Unpack one of them")
            else:
                self._skip("attachments nested too deep")

    def _entries(self, data: Bytes, name: str) -> Entries:
        suffix = suffix_of(name)
        if suffix == ".zip":
            return self._zip(data)
        if suffix == ".mbox":
            return self._mailbox(data)
        if suffix in MAILS:
            return self._mail((mail.parse if suffix == ".eml" else msg.parse)(bytes(data)))
        return self._tar(data)

    def _zip(self, data: Bytes) -> Entries:
        try:
            archive = zipfile.ZipFile(_file(data))
            files = [info for info in archive.infolist() if not info.is_dir()]
        except BROKEN_ZIP as error:
            raise LoadError(f"is no ZIP file that can be read: {error}. Bring it back from a copy") from error
        if files and all(info.flag_bits & 1 for info in files):
            raise LoadError("is encrypted. Unpack it and put its files into the folder")
        size = sum(info.file_size for info in files)
        if size > self.limits.max_bytes - self._n_bytes:
            raise LoadError(f"unpacks to {size:,} bytes, more than the {self.limits.max_bytes:,} that are read. Unpack it")
        for info in files:
            if stat.S_ISLNK(info.external_attr >> 16):
                self._skip("link")
            elif self._is_wanted(info.filename):
                yield info.filename, self._zipped(archive, info)

    def _zipped(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | LoadError:
        if info.flag_bits & 1:
            return LoadError("is encrypted. Unpack it and put it into the folder")
        if info.file_size > self.limits.max_part_bytes:
            return _too_large(info.file_size, self.limits.max_part_bytes)
        if info.file_size > _FREE_BYTES and info.file_size > MAX_RATIO * max(1, info.compress_size):
            return LoadError(f"unpacks to {info.file_size:,} bytes from {info.compress_size:,}, as no document does")
        self._spend(info.file_size)
        try:
            return archive.read(info)
        except BROKEN_ZIP as error:
            return LoadError(f"is damaged in its archive: {error}. Bring it back from a copy")

    def _tar(self, data: Bytes) -> Entries:
        most = min(self.limits.max_bytes - self._n_bytes, max(_FREE_BYTES, MAX_RATIO * len(data)))
        stream = _Bounded(_uncompressed(data), most)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]  # it only reads
                for member in archive:
                    if member.isdir():
                        continue
                    if not member.isreg() or member.issparse():
                        self._skip("link" if member.issym() or member.islnk() else "device or sparse file")
                    elif self._is_wanted(member.name):
                        yield member.name, self._tarred(archive, member)
        except _BROKEN_TAR as error:
            raise LoadError(f"is no TAR file that can be read to its end: {error}. Bring it back from a copy") from error

    def _tarred(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | LoadError:
        if member.size > self.limits.max_part_bytes:
            return _too_large(member.size, self.limits.max_part_bytes)
        self._spend(member.size)
        file = archive.extractfile(member)
        return file.read() if file is not None else b""

    def _mailbox(self, data: Bytes) -> Entries:
        starts = list(_FROM_LINE.finditer(data))
        if not starts:
            raise LoadError("is no mailbox: no message begins in it. Export it anew as MBOX")
        ends = [match.start() for match in starts[1:]] + [len(data)]
        for number, (match, end) in enumerate(zip(starts, ends, strict=True), start=1):
            self._spend(end - match.end())
            yield f"message-{number}.eml", _QUOTED_FROM.sub(rb"\1", data[match.end() : end])

    def _mail(self, message: Message) -> Entries:
        for name, data in mail.attachments(message):
            if self._is_wanted(name):
                self._spend(len(data))
                yield name, data

    def _is_wanted(self, path: str) -> bool:
        """True for what a loader reads; the rest is counted."""
        steps = _steps(path)
        hidden = "hidden" if not steps or "__MACOSX" in steps else next(filter(None, map(why_hidden, steps)), "")
        if hidden:
            self._skip(hidden)
            return False
        suffix = suffix_of(steps[-1])
        if suffix not in SUFFIXES and suffix not in ARCHIVES:
            self._skip(suffix or "no suffix")
            return False
        return True

    def _name(self, container: str, path: str) -> str:
        """Name of a part, unlike any other of this file."""
        steps = _steps(path)
        wanted = container + SEPARATOR + "/".join(steps)[-_MAX_NAME_CHARS:].encode("utf-8", "backslashreplace").decode()
        suffix = suffix_of(wanted)
        stem, name, count = wanted[: len(wanted) - len(suffix)], wanted, 2
        while name in self._seen or name in self.taken:
            name, count = f"{stem} ({count}){wanted[len(stem) :]}", count + 1
        self._seen.add(name)
        return name

    def _spend(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self.limits.max_bytes:
            raise _Full(f"unpacks to more than {self.limits.max_bytes:,} bytes: what comes after was not read. Unpack it")
        if len(self._seen) >= self.limits.max_parts:
            raise _Full(f"has more than {self.limits.max_parts:,} parts: what comes after was not read. Unpack it")

    def _skip(self, what: str) -> None:
        self.skipped[what] = self.skipped.get(what, 0) + 1


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def _file(data: Bytes) -> Any:
    """Bytes as a file to read from; those that are mapped from the disk are one."""
    return io.BytesIO(data) if isinstance(data, bytes) else data


def _uncompressed(data: Bytes) -> _Readable:
    """A TAR as a stream, by what it begins with: its name may say anything."""
    file = _file(data)
    if data[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)
    if data[:3] == b"BZh":
        return bz2.BZ2File(file)
    if data[:5] == b"\xfd7zXZ":
        return lzma.LZMAFile(file)
    return file  # type: ignore[no-any-return]


class _Bounded:
    """A stream that ends in an error where it gives more than is good."""

    def __init__(self, stream: _Readable, most: int) -> None:
        self._stream = stream
        self._left = most

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes.

        Raises: LoadError when the limit is passed.
        """
        data = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise LoadError("unpacks to far more bytes than its size allows for, as no archive of documents does. Unpack it")
        return data


def _steps(path: str) -> list[str]:
    """Steps of a path inside a container, without any that would lead out of it."""
    steps = path.replace("\\", "/").replace("\0", "").split("/")
    return [step for step in steps if step.strip() and step not in (".", "..") and not _DRIVE.fullmatch(step)]


def _too_large(size: int, most: int) -> LoadError:
    return LoadError(f"unpacks to {size:,} bytes, more than the {most:,} that are read of one file. Split it")
