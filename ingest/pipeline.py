"""The main path of ingestion: scan -> read -> chunk -> embed -> store, for one folder.

It makes the store's documents of one source equal to the folder: what is new or changed is read, what is gone is removed,
what is the same is left alone. One bad file is recorded with its reason and stops nothing.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ingest.chunker import ChunkerSettings
from ingest.containers import ARCHIVES, SEPARATOR, is_hidden_file, owners, suffix_of
from ingest.embedder import Embedder
from ingest.errors import IngestError, StoreMismatch, StoreMissing
from ingest.intake import UNREAD_SIZE, UNREAD_VERSION, FoundFile, Intake, Listener, Report, Step, ignore
from ingest.limits import ReadLimits
from ingest.loaders import LOADERS_VERSION, SUFFIXES, may_be_read_now
from ingest.manifest import ACCESS_FILE, UPLOADS, Source, lock, read_manifest
from ingest.readers import Readers
from ingest.store import Batch, FileState, Store


@dataclass
class Plan:
    """What is to be done to make the store equal to the folder."""

    read: list[FoundFile] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed_before: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
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
    limits: ReadLimits | None = None,
    source_name: str | None = None,
    dry_run: bool = False,
    listen: Listener = ignore,
) -> Report:
    """Reconcile one folder with its source in the store, which is made if there is none.

    `listen` is told of each step, always in the calling thread. With `dry_run` nothing is written and nothing embedded.
    Raises: IngestError when the folder or the store cannot be used; a file that fails is in the report instead.
    """
    started = time.monotonic()
    limits = limits or ReadLimits()
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise IngestError(f"cannot ingest `{folder}`: {why}. Name a folder.")
    try:
        store = open_for_writing(store_path, embedder, settings) if dry_run else open_or_create(store_path, embedder, settings)
    except StoreMissing:
        return _dry_report(folder.name, make_plan(folder, "", {}, store_path), {}, started)
    source = choose_source(store, folder, source_name)
    if dry_run:
        known = with_tries(store.states(source.name), limits)
        return _dry_report(source.name, make_plan(folder, source.prefix, known, store_path), known, started)
    with store.writing():
        store.add_source(source)
        known = with_tries(store.states(source.name), limits)
        plan = make_plan(folder, source.prefix, known, store_path)
        report = Report(source.name, unchanged=list(plan.unchanged), skipped=plan.skipped, failed=dict(plan.failed_before))
        intake = Intake(store, source, known, embedder, settings, report, listen)
        intake.remove(plan.removed)
        _read_all(plan, intake, limits, listen)
        intake.commit(is_end=True)
        if report.added or report.changed or report.removed:
            store.finish()
    report.seconds = time.monotonic() - started
    return report


def open_or_create(path: Path, embedder: Embedder, settings: ChunkerSettings) -> Store:
    """Open a store to add to it, or make an empty one.

    Raises: IngestError when it was made with another embedder or chunker, or the settings do not fit the embedder.
    """
    try:
        return open_for_writing(path, embedder, settings)
    except StoreMissing:
        check_settings(settings, embedder)
        with lock(path):
            return Store.create(path, embedder=embedder.name, dim=embedder.dim, chunker=asdict(settings))


def _read_all(plan: Plan, intake: Intake, limits: ReadLimits, listen: Listener) -> None:
    like_parts = frozenset(name for name in plan.present if SEPARATOR in name)
    requests = [intake.request(found, limits, like_parts) for found in plan.read]
    total = len(requests)
    with Readers(requests, limits) as readers:
        for done, (found, (request, tellings)) in enumerate(zip(plan.read, readers, strict=True)):
            listen(Step("open", done, total, found.name))
            intake.take(found, request, tellings)
            intake.commit()
            listen(Step("read", done + 1, total, found.name, readers.seconds))


def with_tries(known: dict[str, FileState], limits: ReadLimits) -> dict[str, FileState]:
    """States in which what another try may read counts as unread, and so do the containers that hold it.

    These are what failed for a reason outside of the file, or by limits that have been raised since.
    """
    again = {
        state.name
        for state in known.values()
        if state.status == "failed" and (state.loaders_version == UNREAD_VERSION or limits.are_wider(state.reason, state.size))
    }
    holders = {owner for name in again for owner in owners(name) if owner in known}
    unread = {name: replace(known[name], size=UNREAD_SIZE) for name in holders}
    return known | unread | {name: replace(known[name], loaders_version=UNREAD_VERSION) for name in again}


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
    """The source that a folder is: the one that has its path, or else a new one; only the first has no prefix.

    Raises: IngestError when the folder has access rules that cannot be read, or the name is that of a database query.
    """
    root, access = str(folder.resolve()), _access_of(folder)
    for source in store.manifest.sources:
        if source.name == name and source.query:
            raise IngestError(f"cannot ingest `{folder}` as source `{name}`: that is a database query. Choose another name.")
        if source.name == name or (name is None and source.root == root):
            return replace(source, root=root, access=access)
    new = new_source(store, name or folder.resolve().name or "root", root, is_uploads=name == UPLOADS)
    return replace(new, access=access)


def new_source(store: Store, wanted: str, root: str, *, is_uploads: bool = False) -> Source:
    """A source under a name that no other has; only the first has no prefix, and that of uploads is kept for them."""
    known = store.manifest.sources
    taken = {source.name for source in known} | (set() if is_uploads else {UPLOADS})
    wanted = wanted.replace(":", "-")
    unique, count = wanted, 2
    while unique in taken:
        unique, count = f"{wanted}-{count}", count + 1
    is_first = unique != UPLOADS and all(source.name == UPLOADS for source in known)
    return Source(unique, root, "" if is_first else f"{unique}:")


def _access_of(folder: Path) -> str:
    """Text of a folder's access rules; recorded with the source, they hold where the folder is not at hand."""
    file = folder / ACCESS_FILE
    try:
        return file.read_text(encoding="utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise IngestError(f"cannot read access rules `{file}`: {why}. Correct the file, or remove it.") from error


def make_plan(folder: Path, prefix: str, known: dict[str, FileState], store_path: Path) -> Plan:
    """Compare the folder with what the store knows of it, by size and time stamp."""
    plan = Plan()
    changed = set()
    for found in scan(folder, prefix, store_path, plan.skipped):
        plan.present.add(found.name)
        state = known.get(found.name)
        same = (
            state is not None
            and (state.size, state.mtime_ns) == (found.size, found.mtime_ns)
            and state.loaders_version == LOADERS_VERSION
            and state.sha256 != ""  # it could not even be opened: its bytes may be the same, its permissions not
            and not may_be_read_now(state.reason)
        )
        if not same or state is None:
            plan.read.append(found)
            changed.add(found.name)
        else:
            plan.keep(state)
    for state in known.values():
        if state.name in plan.present:
            continue
        container = next((owner for owner in owners(state.name) if owner in plan.present), None)
        if container is None:
            plan.removed.append(state.name)
        elif container not in changed:  # else what becomes of its parts is known once it is read
            plan.keep(state)
    plan.removed.sort()
    return plan


def scan(folder: Path, prefix: str, store_path: Path, skipped: dict[str, int]) -> Iterator[FoundFile]:
    """Files of a folder in the order of their names; those that no loader reads are counted by suffix in `skipped`.

    Hidden, lock and temporary files are left out, and so is the store when it lies inside. Links to folders are not followed.
    """
    inside = store_path.resolve()
    for directory, subfolders, files in os.walk(folder):
        here = Path(directory)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and (here / name).resolve() != inside)
        for file in sorted(files):
            if is_hidden_file(file):
                skipped["hidden or temporary"] = skipped.get("hidden or temporary", 0) + 1
                continue
            path = here / file
            suffix = suffix_of(file)
            if suffix not in SUFFIXES and suffix not in ARCHIVES:
                skipped[suffix or "no suffix"] = skipped.get(suffix or "no suffix", 0) + 1
                continue
            relative = path.relative_to(folder).as_posix()
            name = prefix + relative.encode("utf-8", "backslashreplace").decode("utf-8")
            try:
                status = path.stat()
            except OSError:  # gone since it was listed, or a dangling link: reading it will say so
                yield FoundFile(name, path, -1, -1)
                continue
            yield FoundFile(name, path, status.st_size, status.st_mtime_ns)


def _dry_report(source: str, plan: Plan, known: dict[str, FileState], started: float) -> Report:
    report = Report(source, removed=plan.removed, unchanged=plan.unchanged, skipped=plan.skipped, is_dry_run=True)
    report.failed = dict(plan.failed_before)
    for found in plan.read:
        (report.changed if found.name in known else report.added).append(found.name)
    report.seconds = time.monotonic() - started
    return report


def rebuild(
    store_path: Path,
    embedder: Embedder,
    settings: ChunkerSettings,
    *,
    limits: ReadLimits | None = None,
    listen: Listener = ignore,
) -> list[Report]:
    """Ingest every source of a store anew with other settings; the old store stays until the new one is complete.

    Raises: IngestError when a source's folder is gone, its query fails, or the store cannot be written.
    """
    import shutil

    from ingest.sql import Query, ingest_query

    manifest = read_manifest(store_path, any_schema=True)
    missing = [source.root for source in manifest.sources if not source.query and not Path(source.root).is_dir()]
    if missing:
        raise IngestError(f"cannot rebuild `{store_path}`: folder `{missing[0]}` is gone. Bring it back, or ingest anew.")
    fresh = store_path.with_name(f"{store_path.name}.rebuilding")
    old = store_path.with_name(f"{store_path.name}.old")
    with lock(store_path):
        shutil.rmtree(fresh, ignore_errors=True)
        reports = [
            ingest_query(Query.of(source), fresh, embedder, settings, listen=listen)
            if source.query
            else ingest_folder(
                Path(source.root), fresh, embedder, settings, limits=limits, source_name=source.name, listen=listen
            )
            for source in manifest.sources
        ]
        shutil.rmtree(old, ignore_errors=True)
        store_path.rename(old)
        fresh.rename(store_path)
    shutil.rmtree(old, ignore_errors=True)
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
