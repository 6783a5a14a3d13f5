"""The main path of ingestion: scan -> read -> chunk -> embed -> store, for one folder.

It makes the store's documents of one source equal to the folder: what is new or changed is read, what is gone is removed,
what is the same is left alone. One bad file is recorded with its reason and stops nothing.
"""

import shlex
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ingest.chunker import ChunkerSettings
from ingest.containers import SEPARATOR, owners
from ingest.embedder import Embedder
from ingest.errors import IngestError, StoreError, StoreMismatch, StoreMissing
from ingest.intake import FoundFile, Intake, Listener, Report, Step, ignore
from ingest.journal import UNREAD_SIZE, FileState
from ingest.limits import ReadLimits
from ingest.manifest import Source, lock
from ingest.plan import Plan, make_plan, with_tries
from ingest.readers import Readers
from ingest.scan import AS_REMEMBERED, Patterns, Scan
from ingest.sources import Choice, as_it_is, choose_source, require_name, why_away
from ingest.store import Batch, Store, next_tables

_TRIES = 3  # to read a file that is written to
_TRY_AGAIN_S = 0.2


def ingest_folder(
    folder: Path,
    store_path: Path,
    embedder: Embedder,
    settings: ChunkerSettings,
    *,
    limits: ReadLimits | None = None,
    source_name: str | None = None,
    patterns: Patterns = AS_REMEMBERED,
    dry_run: bool = False,
    listen: Listener = ignore,
) -> Report:
    """Reconcile one folder with its source in the store, which is made if there is none.

    `patterns` choose files; those that are not given are as the source remembers them. `listen` is told of each step, always in
    the calling thread. With `dry_run` nothing is written and nothing embedded.
    Raises: IngestError when the folder or the store cannot be used, ConfigError for a pattern that is none; a file that fails
    is in the report instead.
    """
    started = time.monotonic()
    limits = limits or ReadLimits()
    require_name(source_name)
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise IngestError(f"cannot ingest `{folder}`: {why}. Name a folder.")
    if dry_run:
        store = _opened(store_path, embedder, settings)
        report = _dry_run(store, folder, store_path, source_name, patterns, limits)
    else:
        patterns.applied_to(Source("", ""))  # a pattern that is none is refused before a store is made
        with writing_to(store_path, embedder, settings) as store:
            choice = choose_source(store, folder, source_name)
            report = Run(store, embedder, settings, limits, listen).reconcile(patterns.applied_to(choice.source))
            report.notes.extend(choice.notes)
    report.seconds = time.monotonic() - started
    return report


@dataclass(frozen=True)
class Run:
    """What making a source equal to its folder takes. The caller holds the lock. `donor`: the store that a rebuild replaces."""

    store: Store
    embedder: Embedder
    settings: ChunkerSettings
    limits: ReadLimits
    listen: Listener
    donor: Store | None = None

    def reconcile(self, source: Source) -> Report:
        """Make a source of the store equal to its folder."""
        source, store = as_it_is(source), self.store
        store.add_source(source)
        known = with_tries(store.states(source.name), self.limits)
        plan = make_plan(Scan(Path(source.root), source, (self.donor or store).path), known)
        report = Report(source.name, unchanged=list(plan.unchanged), skipped=plan.skipped, failed=dict(plan.failed_before))
        intake = Intake(store, source, known, self.embedder, self.settings, report, self.listen, self.donor)
        intake.remove(plan.removed)
        intake.note_closed(plan.closed)
        if self.donor is not None and plan.closed:
            there, here = self.donor.states(source.name), {*known, *plan.closed}
            inside = [name for name in there if name.startswith(tuple(plan.closed)) and name not in here]
            self._take_over(intake, inside, self.donor)
        self._take_all(intake, plan)
        intake.remove(plan.moved)
        intake.commit(is_end=True)
        if report.added or report.changed or report.removed or not store.is_finished():
            store.finish()
        return report

    def keep(self, source: Source, donor: Store, why: str) -> Report:
        """Take over what another store has of a source whose folder is not at hand; its texts are cut and embedded anew."""
        known, there = self.store.states(source.name), donor.states(source.name)
        report = Report(source.name)
        report.notes.append(
            f"folder `{source.root}` {why}: its {len(there)} documents and files were kept as the store has them. "
            f"`ingest remove --source {shlex.quote(source.name)}` takes them out for good."
        )
        self.store.add_source(source)
        intake = Intake(self.store, source, known, self.embedder, self.settings, report, self.listen, donor)
        intake.remove(sorted(set(known) - set(there)))
        self._take_over(intake, there, donor)
        intake.commit(is_end=True)
        self.store.finish()
        return report

    def _take_over(self, intake: Intake, wanted: Collection[str], donor: Store) -> None:
        for done, (document, state) in enumerate(donor.snapshot().files(wanted), start=1):
            intake.keep(document, state)
            intake.commit()
            self.listen(Step("read", done, len(wanted), state.name))

    def _take_all(self, intake: Intake, plan: Plan) -> None:
        like_parts = frozenset(name for name in plan.present if SEPARATOR in name)
        self._take(intake, plan.read, like_parts, self.listen)
        for _ in range(_TRIES):
            unsettled, intake.unsettled = intake.unsettled, []
            if unsettled:
                time.sleep(_TRY_AGAIN_S)
                self._take(intake, [found.found_again() for found in unsettled], like_parts, ignore)
        for found in intake.unsettled:
            intake.give_up(found)

    def _take(self, intake: Intake, files: list[FoundFile], like_parts: frozenset[str], listen: Listener) -> None:
        requests = [intake.request(found, self.limits, like_parts) for found in files]
        total = len(requests)
        with Readers(requests, self.limits) as readers:
            for done, (found, (request, tellings)) in enumerate(zip(files, readers, strict=True)):
                listen(Step("open", done, total, found.name))
                intake.take(found, request, tellings)
                intake.commit()
                listen(Step("read", done + 1, total, found.name, readers.seconds))


@contextmanager
def writing_to(path: Path, embedder: Embedder, settings: ChunkerSettings) -> Iterator[Store]:
    """Hold the write lock of a store to add to it; one that is not there is made.

    Raises: IngestError when it was made with another embedder or chunker, or the settings do not fit the embedder.
    """
    with suppress(StoreMissing):
        Store.open(path)  # brings a store of an older schema up to date, for which it takes the lock itself
    with lock(path):
        store = _opened(path, embedder, settings)
        if store is None:
            check_settings(settings, embedder)
            store = Store.create(path, embedder=embedder.name, dim=embedder.dim, chunker=asdict(settings))
        yield store


def _opened(path: Path, embedder: Embedder, settings: ChunkerSettings) -> Store | None:
    """A store opened to add to it, None if there is none."""
    try:
        return open_for_writing(path, embedder, settings)
    except StoreMissing:
        return None


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


def _dry_run(
    store: Store | None, folder: Path, store_path: Path, name: str | None, patterns: Patterns, limits: ReadLimits
) -> Report:
    known: dict[str, FileState] = {}
    choice = Choice(Source(name or folder.resolve().name, str(folder.resolve())))
    source = choice.source
    if store is not None:
        choice = choose_source(store, folder, name)
        source = as_it_is(choice.source)
        known = with_tries(store.states(source.name), limits)
    plan = make_plan(Scan(folder, patterns.applied_to(source), store_path), known)
    report = Report(source.name, unchanged=plan.unchanged, skipped=plan.skipped, is_dry_run=True)
    report.failed = plan.failed_before | plan.closed
    report.removed = sorted(plan.removed + plan.moved)
    report.notes.extend(choice.notes)
    for found in plan.read:
        (report.changed if found.name in known else report.added).append(found.name)
    return report


def rebuild(
    store_path: Path,
    embedder: Embedder,
    settings: ChunkerSettings,
    *,
    limits: ReadLimits | None = None,
    listen: Listener = ignore,
) -> list[Report]:
    """Ingest every source of a store anew with other settings; the old tables stay until the new ones are complete.

    A rebuild that was killed goes on where it was. Vectors of texts that stay the same are used again if the embedder does.
    A source whose folder is not at hand is kept as the store has it.
    Raises: IngestError when a source's query fails, or the store cannot be written.
    """
    store = Store.open(store_path)
    with store.writing():
        check_settings(settings, embedder)
        inner_path = store_path / next_tables(store)
        try:
            inner = open_for_writing(inner_path, embedder, settings)
        except StoreError:
            shutil.rmtree(inner_path, ignore_errors=True)
            inner = Store.create(inner_path, embedder=embedder.name, dim=embedder.dim, chunker=asdict(settings))
        run = Run(inner, embedder, settings, limits or ReadLimits(), listen, store)
        reports = [_rebuilt(run, source, store) for source in store.manifest.sources]
        store.use_tables(inner.manifest, f"{inner_path.name}/{inner.manifest.tables}")
        store.finish()
    return reports


def _rebuilt(run: Run, source: Source, donor: Store) -> Report:
    """Ingest one source of a store into the one that replaces it."""
    from ingest.sql import reconcile_query

    started = time.monotonic()
    if source.query:
        report = reconcile_query(run, source)
    elif why := why_away(source):
        report = run.keep(source, donor, why)
    else:
        report = run.reconcile(source)
    report.seconds = time.monotonic() - started
    return report


def read_again(store_path: Path, name: str) -> None:
    """Have the next `ingest` of its source read a document anew, a container with all its parts; until then it stays as it is.

    Raises: IngestError when the name is unknown, or the store cannot be written to.
    """
    store = Store.open(store_path)
    with store.writing():
        known = store.states()
        if name not in known:
            raise IngestError(f"cannot read `{name}` anew: the store has no such document. See `ingest list`.")
        store.mark_unread([name, *(part for part in known if name in owners(part))])


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


def remove_source(store_path: Path, name: str) -> list[str]:
    """Take a whole source out of a store: its documents, its failures, its name and what is remembered with it.

    The name goes last: a run that was killed is completed by the next, and no access rule of the source is forgotten while a
    document is there. Returns the names removed. Raises: IngestError when no source has the name.
    """
    store = Store.open(store_path)
    with store.writing():
        names = [source.name for source in store.manifest.sources]
        if name not in names:
            there = ", ".join(f"`{known}`" for known in names) or "none"
            raise IngestError(f"cannot remove source `{name}`: the store has no such source. It has: {there}.")
        removed = sorted(store.states(name))
        store.commit(Batch(removed=removed))
        store.drop_source(name)
        store.finish()
    return removed
