"""Sources of a store: which of them a folder is, under which name a new one goes, and what is remembered of its folder."""

import os
from dataclasses import replace
from pathlib import Path

from ingest.errors import IngestError
from ingest.manifest import ACCESS_FILE, TOOLS, UPLOADS, Source
from ingest.store import Store


def choose_source(store: Store, folder: Path, name: str | None) -> Source:
    """The source that a folder is: the one that has its path, or else a new one; only the first has no prefix.

    Raises: IngestError when the name is that of a database query, or kept for something else.
    """
    root = str(folder.resolve())
    for source in store.manifest.sources:
        if source.name == name and source.query:
            raise IngestError(f"cannot ingest `{folder}` as source `{name}`: that is a database query. Choose another name.")
        if source.name == name or (name is None and source.root == root):
            return replace(source, root=root)
    require_free(name)
    return new_source(store, name or folder.resolve().name or "root", root, is_uploads=name == UPLOADS)


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
    wanted = wanted.replace(":", "-")
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
