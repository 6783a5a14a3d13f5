"""Says what is wrong with a store whose tables cannot be read, and what helps.

The copy of what is known of each file (`ingest.journal`) also has the sizes of the tables' own files: with it a file that is
missing or cut short is found without opening a table. Damage inside of a file shows only in what LanceDB says of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import StoreError
from ingest.journal import lost_files
from ingest.manifest import is_disk_full, without_places

_INDEXES = "_indices"


@contextmanager
def reading(store: Path, tables: Path) -> Iterator[None]:
    """Turn what LanceDB raises where a table cannot be read into a StoreError that names the damage and the remedy."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # LanceDB raises any of these where a file is gone
        if is_disk_full(error):
            raise
        raise StoreError(_explained(store, lost_files(store, tables), str(error))) from error


def is_of_index(file: str) -> bool:
    """True for a file of a table that is made again from the others."""
    return _INDEXES in Path(file).parts


def _explained(store: Path, lost: list[str], text: str) -> str:
    data = [file for file in lost if not is_of_index(file)]
    if data:
        return (
            f"cannot read store `{store}`: it is damaged, `{data[0]}` is missing or not as it was written. Run "
            "`ingest rebuild`, which reads every source anew, or import a backup into a new directory with `ingest import`."
        )
    if lost or f"/{_INDEXES}/" in text:
        return (
            f"cannot search store `{store}`: its index for text search is damaged. Run `ingest compact`, or `ingest` with "
            "one of its folders: either makes it anew, no document is lost."
        )
    if "not found" in text.lower():
        return (
            f"cannot read store `{store}`: a file of it is gone; another process may have compacted or rebuilt it. Try again; "
            "if that does not help, run `ingest rebuild`."
        )
    return (
        f"cannot read store `{store}`: {without_places(text)}. Try again; if that does not help, the store is damaged: run "
        "`ingest rebuild`, or import a backup into a new directory with `ingest import`."
    )
