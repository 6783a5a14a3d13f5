"""The `ingest` command: reconcile a folder with a store, and look after the store.

Results go to stdout (one JSON object with --json, and one for each step before it with --events), progress and messages to
stderr. Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ingest.config import IngestConfig, load_config
from ingest.errors import ConfigError, IngestError
from ingest.intake import Report
from ingest.pipeline import ingest_folder, rebuild, remove_documents
from ingest.progress import Display
from ingest.sql import Query, ingest_query
from ingest.store import Store

_COMMANDS = ("status", "list", "remove", "rebuild", "sql")
_SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parse(arguments)
    errors = Console(stderr=True, highlight=False)
    try:
        flags = {"store": {"path": options.store}}
        config = load_config(IngestConfig, options.config, flags)
        return int(options.run(options, config, errors))
    except ConfigError as error:
        errors.print(f"ingest: {error}", markup=False, soft_wrap=True)
        return 2
    except IngestError as error:
        errors.print(f"ingest: {error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        errors.print("ingest: stopped. What was stored stays; run it again to go on.")
        return 130


def entry() -> None:
    """Console script: exit with the status of `main`."""
    sys.exit(main())


def _parse(arguments: list[str]) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--store", type=Path, help="directory of the store (default: data/store)")
    common.add_argument("--config", type=Path, help="TOML file; configs/default.toml lists every key")
    common.add_argument("--json", action="store_true", help="one JSON object on stdout")
    steps = argparse.ArgumentParser(add_help=False)
    steps.add_argument("--events", action="store_true", help="one JSON object for each step on stdout, then that of --json")
    if arguments and arguments[0] in _COMMANDS:
        parser = argparse.ArgumentParser(prog="ingest")
        commands = parser.add_subparsers(required=True)
        commands.add_parser("status", parents=[common], help="what the store holds").set_defaults(run=_status)
        commands.add_parser("list", parents=[common], help="its documents and failed files").set_defaults(run=_list)
        remove = commands.add_parser("remove", parents=[common], help="take documents out of the store")
        remove.add_argument("documents", nargs="+")
        remove.set_defaults(run=_remove)
        commands.add_parser("rebuild", parents=[common, steps], help="ingest every source anew").set_defaults(run=_rebuild)
        sql = commands.add_parser("sql", parents=[common, steps], help="make a source equal to the rows of a database query")
        sql.add_argument("url", help="as SQLAlchemy writes it, without a password: set RAG_SQL_PASSWORD for that")
        sql.add_argument("--query", required=True, help="a SELECT; each row becomes a document")
        sql.add_argument("--source", required=True, help="name of the source")
        sql.add_argument("--id", default="", help="column that tells rows apart (default: their content)")
        sql.set_defaults(run=_sql)
        return parser.parse_args(arguments)
    parser = argparse.ArgumentParser(
        prog="ingest",
        parents=[common, steps],
        description="Make a store equal to a folder: new and changed files are read, deleted ones disappear.",
        epilog=f"Other commands: ingest {' | '.join(_COMMANDS)}. Write ./status for a folder of such a name.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", help="name of the source (default: known by its path, else the folder's name)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and write nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a file failed")
    parser.set_defaults(run=_ingest)
    return parser.parse_args(arguments)


def _ingest(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    if not options.folder.is_dir():
        why = "it is a file" if options.folder.exists() else "there is no such folder"
        errors.print(f"ingest: cannot ingest `{options.folder}`: {why}. Name a folder.", markup=False, soft_wrap=True)
        return 2
    with Display(errors, as_events=options.events) as display:
        report = ingest_folder(
            options.folder,
            config.store.path,
            config.embedder.embedder(),
            config.chunker.settings(),
            limits=config.loader.limits(),
            source_name=options.source,
            dry_run=options.dry_run,
            listen=display.listen,
        )
    _print_report(report, display.slow, options, config.store.path)
    return 1 if options.strict and report.failed else 0


def _sql(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    with Display(errors, as_events=options.events) as display:
        report = ingest_query(
            Query(options.url, options.query, options.source, options.id),
            config.store.path,
            config.embedder.embedder(),
            config.chunker.settings(),
            listen=display.listen,
        )
    _print_report(report, display.slow, options, config.store.path)
    return 0


def _rebuild(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    with Display(errors, as_events=options.events) as display:
        reports = rebuild(
            config.store.path,
            config.embedder.embedder(),
            config.chunker.settings(),
            limits=config.loader.limits(),
            listen=display.listen,
        )
    for report in reports:
        _print_report(report, display.slow, options, config.store.path)
    return 0


def _remove(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    removed = remove_documents(config.store.path, options.documents)
    print(json.dumps({"removed": removed}) if options.json else f"removed {len(removed)} document(s)")
    return 0


def _status(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    store = Store.open(config.store.path)
    states = store.states().values()
    stored = [state for state in states if state.status == "stored"]
    numbers = {
        "store": str(config.store.path),
        "embedder": store.manifest.embedder,
        "dim": store.manifest.dim,
        "sources": [asdict(source) for source in store.manifest.sources],
        "documents": len(stored),
        "chunks": sum(state.n_chunks for state in stored),
        "pages": sum(state.n_pages for state in stored),
        "failed": sum(state.status == "failed" for state in states),
    }
    if options.json:
        print(json.dumps(numbers, ensure_ascii=False))
        return 0
    for key, value in numbers.items():
        if key == "sources":
            value = ", ".join(f"{source.name} ({source.root})" for source in store.manifest.sources) or "none"
        print(f"{key:10} {value}")
    return 0


def _list(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    states = sorted(Store.open(config.store.path).states().values(), key=lambda state: state.name)
    if options.json:
        for state in states:
            print(json.dumps({**asdict(state), "document": state.name}, ensure_ascii=False))
        return 0
    table = Table("document", "language", "pages", "chunks", "status", box=None)
    for state in states:
        pages = str(state.n_pages) if state.n_pages else ""
        status = f"{state.status}: {state.reason}" if state.reason else state.status
        table.add_row(_plain(state.name), state.language, pages, str(state.n_chunks), _plain(status))
    _out().print(table)
    return 0


def _print_report(report: Report, slow: Mapping[str, float], options: argparse.Namespace, store: Path) -> None:
    if options.json or options.events:
        print(json.dumps(asdict(report), ensure_ascii=False))
        return
    out = _out()
    would = "would be " if report.is_dry_run else ""
    table = Table(box=None, show_header=False)
    for label, names in (("added", report.added), ("changed", report.changed), ("removed", report.removed)):
        table.add_row(would + label, str(len(names)), _plain(_some(names)))
    table.add_row("unchanged", str(len(report.unchanged)), "")
    table.add_row("failed", str(len(report.failed)), "")
    skipped = ", ".join(f"{count} {suffix}" for suffix, count in sorted(report.skipped.items()))
    table.add_row("skipped", str(sum(report.skipped.values())), _plain(skipped))
    out.print(table)
    _print_notes(out, "slow", {name: f"took {seconds:,.0f} s to read" for name, seconds in slow.items()})
    _print_notes(out, "partly read", dict(sorted(report.partly.items())))
    _print_notes(out, "note", dict(sorted(report.warnings.items())))
    _print_notes(out, "failed", dict(sorted(report.failed.items())))
    if report.failed and not report.is_dry_run:
        out.print("What failed is read again when it changes. `ingest list` shows it until then.", markup=False, soft_wrap=True)
    if not report.is_dry_run:
        out.print(f"{report.n_chunks} chunks written to {store} in {report.seconds:.1f} s", markup=False, soft_wrap=True)


def _print_notes(out: Console, label: str, notes: Mapping[str, str]) -> None:
    for name, note in list(notes.items())[:_SHOWN]:
        out.print(f"  {label} {name}: {note}", markup=False, soft_wrap=True)
    if len(notes) > _SHOWN:
        out.print(f"  {label}: {len(notes) - _SHOWN} more", markup=False)


def _out() -> Console:
    return Console(highlight=False)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _plain(text: str) -> str:
    """Escape what rich would take for markup."""
    return text.replace("[", r"\[")


if __name__ == "__main__":
    entry()
