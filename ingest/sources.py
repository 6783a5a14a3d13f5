"""Sources of a store: which of them a folder is, under which name a new one goes, and what is remembered of its folder."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.checksum import file_sha256
from ingest.containers import SEPARATOR
from ingest.errors import ConfigError, IngestError
from ingest.manifest import ACCESS_FILE, TOOLS, UPLOADS, Source
from ingest.store import Store

_LOOKED_INTO = 20  # files whose bytes are compared: enough to tell another folder that has the same names and sizes


@dataclass(frozen=True)
class Choice:
    """The source that a folder is, and what whoever named the folder is to know of that."""

    source: Source
    notes: tuple[str, ...] = ()


def choose_source(store: Store, folder: Path, name: str | None) -> Choice:
    """The source that a folder is: the one that has its path, or that moved there, or else a new one.

    Only the first source has no prefix. Raises: IngestError when the name is that of a database query or of another folder, or
    kept for something else.
    """
    root, known = str(folder.resolve()), store.manifest.sources
    name = name if name is None else _written(name)
    for source in known:
        if source.name == name:
            return _named(store, source, folder)
        if name is None and source.root == root:
            return Choice(source)
    require_free(name)
    moved = [source for source in known if name is None and _is_gone(source) and _has_moved(store, source, folder)]
    if len(moved) == 1:
        return Choice(
            replace(moved[0], root=root), (f"`{moved[0].root}` is gone and its files are in `{root}`: it has moved.",)
        )
    source = new_source(store, name or folder.resolve().name or "root", root, is_uploads=name == UPLOADS)
    return Choice(source, tuple(_hints(known, source)))


def _named(store: Store, source: Source, folder: Path) -> Choice:
    """The source that was named, if the folder may take the place of its own."""
    root, named = str(folder.resolve()), shlex.quote(source.name)
    if source.query:
        raise IngestError(f"cannot ingest `{folder}` as source `{source.name}`: that is a database query. Choose another name.")
    if source.root == root:
        return Choice(source)
    if not _is_gone(source) and not _has_files(store, source, folder):
        raise IngestError(
            f"cannot ingest `{folder}` as source `{source.name}`: that is the folder `{source.root}`, which is still there and "
            "has other files; its documents would be removed. Choose another name; or take them out first with "
            f"`ingest remove --source {named}`."
        )
    return Choice(replace(source, root=root), (f"it was folder `{source.root}` and is `{root}` now.",))


def _is_gone(source: Source) -> bool:
    """True for a folder that is certainly not there; one that may not be looked at may well be."""
    try:
        os.stat(source.root)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return not source.query
    except OSError:
        return False
    return False


def _has_moved(store: Store, source: Source, folder: Path) -> bool:
    """True for the folder of a source that is gone under another path: with its files, or with its own name and theirs.

    One that has lost its access rules on the way is not taken for it: its documents must not be seen by more people for that.
    """
    if source.access and not (folder / ACCESS_FILE).exists():
        return False
    is_namesake = Path(source.root).name == folder.resolve().name
    n_files, there = _files(store, source, folder)
    return _has_files(store, source, folder) or (is_namesake and 2 * len(there) >= n_files)


def _has_files(store: Store, source: Source, folder: Path) -> bool:
    """True if half of a source's files or more are in a folder as they were; of some the bytes are compared."""
    n_files, there = _files(store, source, folder)
    same = [path for path, size in there.items() if path.stat().st_size == size]
    if not same or 2 * len(same) < n_files:
        return False
    known = store.states(source.name)
    looked_into = [(path, known[source.prefix + path.relative_to(folder).as_posix()]) for path in same[:_LOOKED_INTO]]
    return 2 * sum(_digest(path) == state.sha256 for path, state in looked_into) > len(looked_into)


def _files(store: Store, source: Source, folder: Path) -> tuple[int, dict[Path, int]]:
    """How many files a source has, and the sizes that are known of those that a folder has too."""
    sizes = {state.name.removeprefix(source.prefix): state.size for state in store.states(source.name).values()}
    sizes = {name: size for name, size in sizes.items() if SEPARATOR not in name}
    return len(sizes), {folder / name: size for name, size in sizes.items() if os.path.isfile(folder / name)}  # noqa: PTH113


def _digest(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _hints(known: tuple[Source, ...], new: Source) -> Iterator[str]:
    """What may be amiss with a new source: its files may be in the store under another name already."""
    undo = f"`ingest remove --source {shlex.quote(new.name)}`"
    for source in known:
        if source.query:
            continue
        if Path(new.root).is_relative_to(source.root) or Path(source.root).is_relative_to(new.root):
            yield (
                f"`{new.root}` and `{source.root}`, which is source `{source.name}`, have files in common: these are in the "
                f"store twice. {undo} takes them out again."
            )
        elif _is_gone(source):
            yield (
                f"`{source.root}`, which is source `{source.name}`, is gone. If `{new.root}` is that folder, moved: "
                f"{undo}, then ingest it with `--source {shlex.quote(source.name)}`."
            )


def _written(name: str) -> str:
    """A name as a source has it: what stands before a colon in the name of a document has none."""
    return name.replace(":", "-")


def require_name(name: str | None) -> None:
    """Raises: ConfigError for a name of no letter, under which no source would be found again."""
    if name is not None and not name.strip():
        raise ConfigError("cannot use an empty name for a source. Name it, or leave --source out.")


def require_free(name: str | None) -> None:
    """Raises: IngestError for a name that no source may have."""
    if name == TOOLS:
        raise IngestError(
            f"cannot ingest source `{name}`: results of tools are cited as `{name}:NAME`, and no document may be called so. "
            "Choose another name."
        )


def new_source(store: Store, wanted: str, root: str, *, is_uploads: bool = False) -> Source:
    """A source under a name that no other has; only the first has no prefix, and that of uploads is kept for them."""
    known = store.manifest.sources
    taken = {source.name for source in known} | ({TOOLS} if is_uploads else {UPLOADS, TOOLS})
    wanted = _written(wanted)
    unique, count = wanted, 2
    while unique in taken:
        unique, count = f"{wanted}-{count}", count + 1
    is_first = unique != UPLOADS and all(source.name == UPLOADS for source in known)
    return Source(unique, root, "" if is_first else f"{unique}:")


def as_it_is(source: Source) -> Source:
    """A source that remembers its folder's access rules, and whether the folder is a mount point.

    Raises: IngestError when the rules cannot be read; when it was a mount point and is an empty folder now: what was mounted is
    not gone, only away.
    """
    if _is_unmounted(source):
        raise IngestError(
            f"cannot ingest `{source.root}`: something was mounted there, and now it is an empty folder. Nothing was removed. "
            "Mount it again; if it is meant to be empty, put a file into it."
        )
    return replace(source, is_mount=os.path.ismount(source.root), access=_access_of(Path(source.root)))


def why_away(source: Source) -> str:
    """Why the folder of a source is not at hand, so that what the store has of it is all there is; empty where it is."""
    if not os.path.isdir(source.root):  # noqa: PTH112  pathlib raises where a folder above may not be entered
        return "is gone"
    if not os.access(source.root, os.R_OK | os.X_OK):
        return "cannot be read"
    return "is empty now, and something was mounted there" if _is_unmounted(source) else ""


def _is_unmounted(source: Source) -> bool:
    is_mount = not source.is_mount or os.path.ismount(source.root)
    return not is_mount and os.access(source.root, os.R_OK) and not os.listdir(source.root)  # noqa: PTH208


def _access_of(folder: Path) -> str:
    """Text of a folder's access rules; recorded with the source, they hold where the folder is not at hand."""
    file = folder / ACCESS_FILE
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise IngestError(f"cannot read access rules `{file}`: {why}. Correct the file, or remove it.") from error
