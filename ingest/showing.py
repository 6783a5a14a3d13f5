"""What the `ingest` command shows of a run and of a store, as tables for people or as JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from ingest.containers import ARCHIVES, suffix_of
from ingest.intake import Report
from ingest.store import Store
from ingest.terminal import Terminal, on_one_line

_SHOWN = 20


def print_status(path: Path, *, as_json: bool) -> None:
    """Print what a store holds.

    Raises: IngestError when it cannot be opened.
    """
    store = Store.open(path)
    states = store.states().values()
    stored = [state for state in states if state.status == "stored"]
    numbers = {
        "store": str(path),
        "embedder": store.manifest.embedder,
        "dim": store.manifest.dim,
        "sources": [asdict(source) for source in store.manifest.sources],
        "documents": len(stored),
        "chunks": sum(state.n_chunks for state in stored),
        "pages": sum(state.n_pages for state in stored),
        "failed": sum(state.status == "failed" for state in states),
    }
    if as_json:
        print(json.dumps(numbers, ensure_ascii=False))
        return
    for key, value in numbers.items():
        if key == "sources":
            value = ", ".join(f"{source.name} ({source.root})" for source in store.manifest.sources) or "none"
        print(f"{key:10} {value}")


def print_files(path: Path, *, as_json: bool) -> None:
    """Print the documents of a store and the files that failed; where no terminal shows them, a line each with tabs between.

    Raises: IngestError when it cannot be opened.
    """
    states = sorted(Store.open(path).states().values(), key=lambda state: state.name)
    if as_json:
        for state in states:
            print(json.dumps({**asdict(state), "document": state.name}, ensure_ascii=False))
        return
    out = _out()
    table = Table(_folded("document"), "language", "pages", "chunks", _folded("status"), box=None)
    for state in states:
        pages = str(state.n_pages) if state.n_pages else ""
        status = f"{state.status}: {state.reason}" if state.reason else state.status
        row = (state.name, state.language, pages, str(state.n_chunks), status)
        if out.is_terminal:
            table.add_row(*map(_plain, row))
        else:
            print("\t".join(map(on_one_line, row)))
    if out.is_terminal:
        out.print(table)


def print_report(report: Report, slow: Mapping[str, float], store: Path, *, as_json: bool) -> None:
    """Print what a run did; `slow`: seconds that the slowest files took to read."""
    if as_json:
        print(json.dumps(asdict(report), ensure_ascii=False))
        return
    out = _out()
    would = "would be " if report.is_dry_run else ""
    table = Table("", "", _folded(""), box=None, show_header=False)
    for label, names in (("added", report.added), ("changed", report.changed), ("removed", report.removed)):
        table.add_row(would + label, str(len(names)), _plain(_some(names)))
    table.add_row("unchanged", str(len(report.unchanged)), "")
    table.add_row("failed", str(len(report.failed)), "")
    skipped = ", ".join(f"{count} {suffix}" for suffix, count in sorted(report.skipped.items()))
    table.add_row("skipped", str(sum(report.skipped.values())), _plain(skipped))
    out.print(table)
    for note in report.notes:
        out.print(f"  {report.source}: {note}", markup=False, soft_wrap=True)
    _print_notes(out, "slow", {name: f"took {seconds:,.0f} s to read" for name, seconds in slow.items()})
    _print_notes(out, "partly read", dict(sorted(report.partly.items())))
    _print_notes(out, "note", dict(sorted(report.warnings.items())))
    _print_notes(out, "failed", dict(sorted(report.failed.items())))
    if report.failed and not report.is_dry_run:
        out.print("What failed is read again when it changes. `ingest list` shows it until then.", markup=False, soft_wrap=True)
    if report.is_dry_run and any(suffix_of(name) in ARCHIVES for name in (*report.added, *report.changed)):
        out.print("An archive counts as one file here: what it holds is known once it is read.", markup=False, soft_wrap=True)
    if not report.is_dry_run:
        out.print(
            f"{report.n_chunks} chunks written to {store}, {report.n_embedded} embedded, in {report.seconds:.1f} s",
            markup=False,
            soft_wrap=True,
        )


def _print_notes(out: Console, label: str, notes: Mapping[str, str]) -> None:
    for name, note in list(notes.items())[:_SHOWN]:
        out.print(f"  {label} {name}: {note}", markup=False, soft_wrap=True)
    if len(notes) > _SHOWN:
        out.print(f"  {label}: {len(notes) - _SHOWN} more", markup=False)


def _folded(heading: str) -> Column:
    """A column that goes on in the next line and cuts nothing off: a name is of use whole only."""
    return Column(heading, overflow="fold")


def _out() -> Console:
    return Terminal(highlight=False)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _plain(text: str) -> str:
    """Escape what rich would take for markup."""
    return text.replace("[", r"\[")
