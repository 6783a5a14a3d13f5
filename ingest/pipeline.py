"""The main path of ingestion: scan -> load -> chunk -> embed -> store, for one folder.

It makes the store's documents of one source equal to the folder: what is new or changed is read, what is gone is removed,
what is the same is left alone. One bad file is recorded with its reason and stops nothing.
"""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ingest.chunker import ChunkerSettings
from ingest.containers import SEPARATOR, owners
from ingest.embedder import Embedder
from ingest.errors import IngestError, StoreError, StoreMismatch, StoreMissing
from ingest.intake import UNREAD_SIZE, FoundFile, Intake, Report
from ingest.journal import FileState
from ingest.loaders import LOADERS_VERSION
from ingest.manifest import Source, lock
from ingest.scan import AS_REMEMBERED, Entry, Patterns, Scan
from ingest.store import Batch, Store, next_tables

Progress = Callable[[int, int, str], None]
_TRIES = 3  # to read a file that is written to
_TRY_AGAIN_S = 0.2


def _silent(done: int, total: int, name: str) -> None:
    pass


@dataclass
class Plan:
    """What is to be done to make the store equal to the folder.

    `moved` are removed too, but not before everything is read: a new file may be one of them under another name.
    """

    read: list[FoundFile] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed_before: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)

    def keep(self, state: FileState) -> None:
        """Leave a file or part as the store has it."""
        if state.status == "failed":
            self.failed_before[state.name] = state.reason
        elif state.status == "stored":
            self.unchanged.append(state.name)


def ingest_folder(
    folder: Path,
    store_path: Path,
    embedder: Embedder,
    settings: ChunkerSettings,
    *,
    source_name: str | None = None,
    patterns: Patterns = AS_REMEMBERED,
    dry_run: bool = False,
    progress: Progress = _silent,
) -> Report:
    """Reconcile one folder with its source in the store, which is made if there is none.

    `patterns` choose files; those that are not given are as the source remembers them. `progress(done, total, name)` is called
    after each file. With `dry_run` nothing is written and nothing embedded.
    Raises: IngestError when the folder or the store cannot be used, ConfigError for a pattern that is none; a file that fails
    is in the report instead.
    """
    started = time.monotonic()
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise IngestError(f"cannot ingest `{folder}`: {why}. Name a folder.")
    if dry_run:
        report = _dry_run(folder, store_path, embedder, settings, source_name, patterns)
    else:
        patterns.applied_to(Source("", ""))  # a pattern that is none is refused before a store is made
        with suppress(StoreMissing):
            Store.open(store_path)  # brings a store of an older schema up to date, for which it takes the lock itself
        with lock(store_path):
            store = _open_or_create(store_path, embedder, settings)
            source = patterns.applied_to(choose_source(store, folder, source_name))
            report = _reconcile(store, source, embedder, settings, progress)
    report.seconds = time.monotonic() - started
    return report


def _reconcile(
    store: Store,
    source: Source,
    embedder: Embedder,
    settings: ChunkerSettings,
    progress: Progress,
    donor: Store | None = None,
) -> Report:
    """Make a source of the store equal to its folder. The caller holds the lock."""
    source = _with_mount(source)
    store.add_source(source)
    known = store.states(source.name)
    plan = make_plan(Scan(Path(source.root), source, store.path if donor is None else donor.path), known)
    report = Report(source.name, unchanged=list(plan.unchanged), skipped=plan.skipped, failed=dict(plan.failed_before))
    like_parts = {name for name in plan.present if SEPARATOR in name}
    intake = Intake(store, source, known, embedder, settings, report, like_parts, donor)
    intake.remove(plan.removed)
    _take_all(intake, plan.read, progress)
    intake.remove(plan.moved)
    intake.commit(is_end=True)
    if report.added or report.changed or report.removed or not store.is_finished():
        store.finish()
    return report


def _take_all(intake: Intake, files: list[FoundFile], progress: Progress) -> None:
    for done, found in enumerate(files, start=1):
        intake.take(found)
        intake.commit()
        progress(done, len(files), found.name)
    for _ in range(_TRIES):
        unsettled, intake.unsettled = intake.unsettled, []
        if unsettled:
            time.sleep(_TRY_AGAIN_S)
        for found in unsettled:
            intake.take(found.found_again())
    for found in intake.unsettled:
        intake.give_up(found)


def _open_or_create(path: Path, embedder: Embedder, settings: ChunkerSettings) -> Store:
    try:
        return open_for_writing(path, embedder, settings)
    except StoreMissing:
        check_settings(settings, embedder)
        return Store.create(path, embedder=embedder.name, dim=embedder.dim, chunker=asdict(settings))


def _with_mount(source: Source) -> Source:
    """A source that remembers whether its folder is a mount point.

    Raises: IngestError when it was one and is an empty folder now: what was mounted is not gone, only away.
    """
    is_mount = os.path.ismount(source.root)
    if source.is_mount and not is_mount and os.access(source.root, os.R_OK) and not os.listdir(source.root):  # noqa: PTH208
        raise IngestError(
            f"cannot ingest `{source.root}`: something was mounted there, and now it is an empty folder. Nothing was removed. "
            "Mount it again; if it is meant to be empty, put a file into it."
        )
    return replace(source, is_mount=is_mount)


def check_settings(settings: ChunkerSettings, embedder: Embedder) -> None:
    """Refuse chunk sizes that the embedder would cut off in silence.

    Raises: IngestError.
    """
    needed = settings.max_tokens + settings.max_context_tokens + 4  # two special tokens, and the joint of both parts
    if needed > embedder.max_tokens:
        raise IngestError(
            f"cannot use chunker.max_tokens `{settings.max_tokens}` with chunker.max_context_tokens "
            f"`{settings.max_context_tokens}`: embedder `{embedder.name}` reads {embedder.max_tokens} tokens and would "
            f"drop the rest. Set them so that their sum is at most {embedder.max_tokens - 4}."
        )


def open_for_writing(path: Path, embedder: Embedder, settings: ChunkerSettings) -> Store:
    """Open a store to add to it.

    Raises: StoreMissing, StoreMismatch when embedder or chunker differ from what it was made with.
    """
    store = Store.open(path, embedder=embedder.name)
    if store.manifest.chunker != asdict(settings):
        raise StoreMismatch(
            f"cannot add to store `{path}`: it was made with chunker settings {store.manifest.chunker}, the configuration "
            f"has {asdict(settings)}. Run `ingest rebuild`, or set the chunker as it was."
        )
    return store


def choose_source(store: Store, folder: Path, name: str | None) -> Source:
    """The source that a folder is: the one that has its path, or else a new one; only the first has no prefix."""
    root = str(folder.resolve())
    known = store.manifest.sources
    for source in known:
        if source.name == name or (name is None and source.root == root):
            return replace(source, root=root)
    taken = {source.name for source in known}
    wanted = name or folder.resolve().name or "root"
    wanted = wanted.replace(":", "-")
    unique, count = wanted, 2
    while unique in taken:
        unique, count = f"{wanted}-{count}", count + 1
    return Source(unique, root, f"{unique}:" if known else "")


def make_plan(scan: Scan, known: dict[str, FileState]) -> Plan:
    """Compare the folder with what the store knows of it, by size and time stamps."""
    plan = Plan(skipped=scan.skipped, failed_before=scan.failed)
    changed = set()
    sizes = set()  # of new files
    for entry in scan.entries():
        plan.present.add(entry.name)
        state = known.get(entry.name)
        if state is not None and _is_same(entry, state):
            plan.keep(state)
            continue
        plan.read.append(FoundFile(entry.name, Path(entry.path), entry.size, entry.mtime_ns, entry.ctime_ns))
        changed.add(entry.name)
        if state is None:
            sizes.add(entry.size)
    for state in known.values():
        if state.name in plan.present:
            continue
        container = next((owner for owner in owners(state.name) if owner in plan.present), None)
        if container is None:
            (plan.moved if state.size in sizes else plan.removed).append(state.name)
        elif container not in changed:  # else what becomes of its parts is known once it is read
            plan.keep(state)
    plan.removed.sort()
    return plan


def _is_same(entry: Entry, state: FileState) -> bool:
    return (
        state.mtime_ns == entry.mtime_ns
        and state.size == entry.size
        and state.ctime_ns in (0, entry.ctime_ns)
        and state.loaders_version == LOADERS_VERSION
        and state.sha256 != ""  # it could not even be opened: its bytes may be the same, its permissions not
    )


def _dry_run(
    folder: Path, store_path: Path, embedder: Embedder, settings: ChunkerSettings, name: str | None, patterns: Patterns
) -> Report:
    known: dict[str, FileState] = {}
    try:
        store = open_for_writing(store_path, embedder, settings)
        source = _with_mount(choose_source(store, folder, name))
        known = store.states(source.name)
    except StoreMissing:
        source = Source(name or folder.resolve().name, str(folder.resolve()))
    plan = make_plan(Scan(folder, patterns.applied_to(source), store_path), known)
    report = Report(source.name, unchanged=plan.unchanged, skipped=plan.skipped, failed=plan.failed_before, is_dry_run=True)
    report.removed = sorted(plan.removed + plan.moved)
    for found in plan.read:
        (report.changed if found.name in known else report.added).append(found.name)
    return report


def rebuild(store_path: Path, embedder: Embedder, settings: ChunkerSettings, progress: Progress = _silent) -> list[Report]:
    """Ingest every source of a store anew with other settings; the old tables stay until the new ones are complete.

    A rebuild that was killed goes on where it was. Vectors of texts that stay the same are used again if the embedder does.
    Raises: IngestError when a source's folder is gone or the store cannot be written.
    """
    store = Store.open(store_path)
    with store.writing():
        missing = [source.root for source in store.manifest.sources if not Path(source.root).is_dir()]
        if missing:
            raise IngestError(f"cannot rebuild `{store_path}`: folder `{missing[0]}` is gone. Bring it back, or ingest anew.")
        check_settings(settings, embedder)
        inner_path = store_path / next_tables(store)
        try:
            inner = open_for_writing(inner_path, embedder, settings)
        except StoreError:
            shutil.rmtree(inner_path, ignore_errors=True)
            inner = Store.create(inner_path, embedder=embedder.name, dim=embedder.dim, chunker=asdict(settings))
        reports = [_reconcile(inner, source, embedder, settings, progress, store) for source in store.manifest.sources]
        store.use_tables(inner.manifest, f"{inner_path.name}/{inner.manifest.tables}")
        store.finish()
    return reports


def remove_documents(store_path: Path, names: list[str]) -> list[str]:
    """Remove documents by name, a container with all its parts; a later `ingest` brings back what the folder still has.

    Returns the names removed. Raises: IngestError when a name is unknown; then nothing is removed.
    """
    store = Store.open(store_path)
    with store.writing():
        known = store.states()
        unknown = [name for name in names if name not in known]
        if unknown:
            raise IngestError(f"cannot remove `{unknown[0]}`: the store has no such document. See `ingest list`.")
        parts = {part for part in known for owner in owners(part) if owner in names}
        removed = sorted({*names, *parts})
        holders = {owner for name in removed for owner in owners(name) if owner in known} - set(removed)
        store.commit(Batch(removed=removed))
        store.touch([replace(known[holder], size=UNREAD_SIZE) for holder in holders])
        store.finish()
    return removed
