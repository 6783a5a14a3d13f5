"""What a run has to do: compares a folder with what the store knows of it. It reads no file and writes nothing."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.containers import owners
from ingest.intake import FoundFile
from ingest.journal import UNREAD_SIZE, UNREAD_VERSION, FileState
from ingest.limits import ReadLimits
from ingest.loaders import LOADERS_VERSION, may_be_read_now
from ingest.scan import Entry, Scan


@dataclass
class Plan:
    """What is to be done to make the store equal to the folder.

    `moved` are removed too, but not before everything is read: a new file may be one of them under another name. `closed` gives
    why a folder may not be looked into; what the store has of it stays.
    """

    read: list[FoundFile] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed_before: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    closed: dict[str, str] = field(default_factory=dict)

    def keep(self, state: FileState) -> None:
        """Leave a file or part as the store has it."""
        if state.status == "failed":
            self.failed_before[state.name] = state.reason
        elif state.status == "stored":
            self.unchanged.append(state.name)


def make_plan(scan: Scan, known: dict[str, FileState]) -> Plan:
    """Compare the folder with what the store knows of it, by size and time stamps."""
    plan = Plan(skipped=scan.skipped, closed=scan.failed)
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
        if state.name in plan.present or state.name in plan.closed:
            continue
        if state.name.startswith(tuple(plan.closed)):
            plan.keep(state)
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
        and not (state.reason and may_be_read_now(state.reason))
    )


def with_tries(known: dict[str, FileState], limits: ReadLimits) -> dict[str, FileState]:
    """States in which what another try may read counts as unread, and so do the containers that hold it.

    These are what failed for a reason outside of the file, or by limits that have been raised since.
    """
    again = {
        state.name
        for state in known.values()
        if state.status == "failed" and (state.loaders_version == UNREAD_VERSION or limits.are_wider(state.reason, state.size))
    }
    if not again:
        return known
    holders = {owner for name in again for owner in owners(name) if owner in known}
    unread = {name: replace(known[name], size=UNREAD_SIZE) for name in holders}
    return known | unread | {name: replace(known[name], loaders_version=UNREAD_VERSION) for name in again}
