"""Which files of a folder count: walks it, leaves out what is hidden, temporary, ignored or excluded, and counts it.

Patterns are those of Git's ignore files, everywhere: in `--include` and `--exclude`, relative to the folder, and in every
`.ragignore`, relative to its own. The deepest `.ragignore` that has something to say of a path decides; `--exclude` stands
above all of them. What lies in an ignored folder is not looked at. It knows no store but the place where it lies.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.containers import ARCHIVES, suffix_of, why_hidden
from ingest.errors import ConfigError, IngestError
from ingest.loaders import SUFFIXES
from ingest.manifest import ACCESS_FILE, Source

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".ragignore"
_SETTLED_NS = 50_000_000  # longer than any clock tick of a file system that counts finer than seconds
_SETTLED_COARSE_NS = 2_000_000_000
_Specs = tuple[tuple[int, "GitIgnoreSpec"], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that counts, `path` as text; -1 for what could not be told of it."""

    name: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True)
class Patterns:
    """What a user says anew of the choice of files; None leaves it as the source remembers it, an empty pattern is none."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None

    def applied_to(self, source: Source) -> Source:
        """A source that remembers these patterns.

        Raises: ConfigError for a pattern that is none.
        """
        changed: dict[str, Any] = {}
        for name in ("include", "exclude"):
            if (given := getattr(self, name)) is not None:
                changed[name] = tuple(pattern for pattern in given if pattern.strip())
                _spec(changed[name], f"--{name}")
        return replace(source, **changed)


AS_REMEMBERED = Patterns()
_RULES_BELOW = (
    f"has access rules of its own, and a `{ACCESS_FILE}` counts at the top of the ingested folder alone. Nothing in here was "
    f"read. Write its rules there, with the way to this folder before each pattern, or ingest this folder as a source"
)


@dataclass
class Scan:
    """One walk over a folder. Afterwards `skipped` counts by reason or suffix.

    `failed` gives by name, which ends with `/`, why a folder was not looked into.
    """

    folder: Path
    source: Source
    store_path: Path
    skipped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    _include: "GitIgnoreSpec | None" = None
    _exclude: "GitIgnoreSpec | None" = None

    def entries(self) -> Iterator[Entry]:
        """Files that count, folder by folder in the order of their names. Links to folders are not followed.

        Raises: ConfigError for a pattern that is none; IngestError where the disk fails or a .ragignore cannot be read.
        """
        self._include = _spec(self.source.include, "--include") if self.source.include else None
        self._exclude = _spec(self.source.exclude, "--exclude") if self.source.exclude else None
        waiting: list[tuple[str, str, _Specs]] = [(str(self.folder), "", ())]
        while waiting:  # no recursion: folders may lie deeper in each other than Python calls
            directory, inner, specs = waiting.pop()
            found = self._listed(directory, inner)
            if inner and any(entry.name == ACCESS_FILE for entry in found):
                self.failed[self._named(inner)] = _RULES_BELOW  # who wrote them does not want the folder open to all
                continue
            if any(entry.name == IGNORE_FILE and not entry.is_dir(follow_symlinks=False) for entry in found):
                specs = (*specs, (len(inner), _ignore_file(Path(directory, IGNORE_FILE))))
            subfolders = [entry for entry in found if entry.is_dir(follow_symlinks=False)]
            if subfolders:
                walked = [entry for entry in subfolders if self._is_walked(entry, inner + entry.name, specs)]
                waiting.extend((entry.path, f"{inner}{entry.name}/", specs) for entry in reversed(walked))
                found = [entry for entry in found if not entry.is_dir(follow_symlinks=False)]
            for entry in found:
                if self._is_wanted(entry, inner + entry.name, specs):
                    yield from self._file(entry, inner + entry.name)

    def _listed(self, directory: str, inner: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as listed:
                return sorted(listed, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError) as error:
            if inner:  # gone since it was listed
                return []
            raise IngestError(f"cannot read `{self.folder}`: it is gone. Nothing was removed from the store.") from error
        except PermissionError as error:
            self._close(inner, error)
            return []
        except OSError as error:  # a disk or a network that fails: what is not seen may well be there
            raise IngestError(f"cannot list `{directory}`: {error.strerror}. Nothing was removed; run it again.") from error

    def _is_walked(self, entry: os.DirEntry[str], relative: str, specs: _Specs) -> bool:
        if entry.name == self.store_path.name and os.path.realpath(entry.path) == os.path.realpath(self.store_path):
            return False
        if entry.name.startswith("."):
            return self._skip("hidden folder")
        why = self._why_ignored(f"{relative}/", specs)
        return not why or self._skip(f"{why} folder")

    def _is_wanted(self, entry: os.DirEntry[str], relative: str, specs: _Specs) -> bool:
        if entry.name in (IGNORE_FILE, ACCESS_FILE):
            return False
        if entry.is_symlink() and os.path.isdir(entry.path):  # noqa: PTH112
            return self._skip("link to a folder")
        why = why_hidden(entry.name) or self._why_ignored(relative, specs)
        if not why and self._include is not None and not self._include.match_file(relative):
            why = "not included"
        if not why:
            suffix = suffix_of(entry.name)
            why = "" if suffix in SUFFIXES or suffix in ARCHIVES else suffix or "no suffix"
        return not why or self._skip(why)

    def _why_ignored(self, relative: str, specs: _Specs) -> str:
        if self._exclude is not None and self._exclude.match_file(relative):
            return "excluded"
        for start, spec in reversed(specs):
            is_ignored = spec.check_file(relative[start:]).include
            if is_ignored is not None:
                return "ignored" if is_ignored else ""
        return ""

    def _file(self, entry: os.DirEntry[str], relative: str) -> Iterator[Entry]:
        name = self._named(relative)
        try:
            status = entry.stat()
        except OSError as error:
            if isinstance(error, PermissionError) and not entry.is_symlink():
                self._close(relative.removesuffix(entry.name), error)
            else:  # gone since it was listed, or a link that leads nowhere: reading it will say so
                yield Entry(name, entry.path, -1, -1, -1)
            return
        if stat.S_ISREG(status.st_mode):
            yield Entry(name, entry.path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        else:
            self._skip("device, pipe or socket")

    def _named(self, relative: str) -> str:
        if not relative.isascii():
            relative = relative.encode("utf-8", "backslashreplace").decode("utf-8")
        return self.source.prefix + relative

    def _close(self, inner: str, error: PermissionError) -> None:
        """Note a folder that may not be looked into: what it holds is not known, and nothing of it is gone."""
        if not inner:
            raise IngestError(f"cannot read `{self.folder}`: {error.strerror}. Check its permissions.") from error
        self.failed[self._named(inner)] = (
            f"cannot be looked into: {error.strerror}. What the store has of it stays; check its permissions"
        )

    def _skip(self, why: str) -> bool:
        self.skipped[why] = self.skipped.get(why, 0) + 1
        return False


def settled_ctime(mtime_ns: int, ctime_ns: int, now_ns: int) -> int:
    """Time stamp to remember of a file; -1, which no file has, where another write at once could leave it the same."""
    tick = _SETTLED_COARSE_NS if mtime_ns % 1_000_000_000 == 0 else _SETTLED_NS
    return ctime_ns if max(mtime_ns, ctime_ns) < now_ns - tick else -1


def _spec(patterns: Sequence[str], where: str) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(patterns)
    except (ValueError, re.error) as error:
        raise ConfigError(f"cannot use the patterns of {where}: {error}. They are written as in a .gitignore.") from error


def _ignore_file(path: Path) -> "GitIgnoreSpec":
    """Rules of an ignore file.

    Raises: IngestError when it cannot be read: what it names must not get into the store.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig", "surrogateescape").splitlines()
    except OSError as error:
        raise IngestError(f"cannot read `{path}`: {error.strerror}. Nothing was changed; mend it or delete it.") from error
    return _spec(lines, f"`{path}`")
