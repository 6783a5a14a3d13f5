"""The `ingest` command: reconcile a folder with a store, and look after the store.

Results go to stdout (one JSON object with --json), progress and messages to stderr. Exit status: 0 done, 1 failed, 2 wrong
usage or configuration.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ingest.config import IngestConfig, load_config
from ingest.errors import ConfigError, IngestError
from ingest.intake import Report
from ingest.pipeline import ingest_folder, rebuild, remove_documents
from ingest.scan import Patterns
from ingest.store import Store
from ingest.watch import watch

_COMMANDS = ("status", "list", "remove", "rebuild", "compact", "export", "import")
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
    if arguments and arguments[0] in _COMMANDS:
        parser = argparse.ArgumentParser(prog="ingest")
        commands = parser.add_subparsers(required=True)
        commands.add_parser("status", parents=[common], help="what the store holds").set_defaults(run=_status)
        commands.add_parser("list", parents=[common], help="its documents and failed files").set_defaults(run=_list)
        remove = commands.add_parser("remove", parents=[common], help="take documents out of the store")
        remove.add_argument("documents", nargs="+")
        remove.set_defaults(run=_remove)
        commands.add_parser("rebuild", parents=[common], help="ingest every source anew").set_defaults(run=_rebuild)
        commands.add_parser("compact", parents=[common], help="free the space of old versions").set_defaults(run=_compact)
        for name, run, text in (
            ("export", _export, "write the store into one file"),
            ("import", _import, "make a store of it"),
        ):
            command = commands.add_parser(name, parents=[common], help=text)
            command.add_argument("file", type=Path)
            command.set_defaults(run=run)
        return parser.parse_args(arguments)
    parser = argparse.ArgumentParser(
        prog="ingest",
        parents=[common],
        description="Make a store equal to a folder: new and changed files are read, deleted ones disappear.",
        epilog=f"Other commands: ingest {' | '.join(_COMMANDS)}. Write ./status for a folder of such a name.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", help="name of the source (default: known by its path, else the folder's name)")
    choice = "as in a .gitignore; may be given again; '' forgets what is remembered"
    parser.add_argument("--include", action="append", metavar="GLOB", help=f"read only such files, {choice}")
    parser.add_argument("--exclude", action="append", metavar="GLOB", help=f"leave such files and folders out, {choice}")
    parser.add_argument("--watch", action="store_true", help="follow the folder until stopped")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and write nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a file failed")
    parser.set_defaults(run=_ingest)
    options = parser.parse_args(arguments)
    if options.watch and options.dry_run:
        parser.error("--dry-run writes nothing and --watch goes on writing: give one of them")
    return options


def _ingest(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    if not options.folder.is_dir():
        why = "it is a file" if options.folder.exists() else "there is no such folder"
        errors.print(f"ingest: cannot ingest `{options.folder}`: {why}. Name a folder.", markup=False, soft_wrap=True)
        return 2
    embedder = config.embedder.embedder()

    def reconcile() -> Report:
        with _progress(errors) as bar:
            task = bar.add_task("reading", total=None)

            def progress(done: int, total: int, name: str) -> None:
                bar.update(task, completed=done, total=total, description=_short(name))

            return ingest_folder(
                options.folder,
                config.store.path,
                embedder,
                config.chunker.settings(),
                source_name=options.source,
                patterns=Patterns(_given(options.include), _given(options.exclude)),
                dry_run=options.dry_run,
                progress=progress,
            )

    if options.watch:
        return _watch(options, config, errors, reconcile)
    report = reconcile()
    _print_report(report, options.json, config.store.path)
    return 1 if options.strict and report.failed else 0


def _watch(options: argparse.Namespace, config: IngestConfig, errors: Console, reconcile: Callable[[], Report]) -> int:
    failed: dict[str, str] | None = None  # at the last look

    def look() -> bool:
        nonlocal failed
        report = reconcile()
        if report.added or report.changed or report.removed or report.failed != failed:
            _print_report(report, options.json, config.store.path)
            sys.stdout.flush()
        failed = report.failed
        return report.is_unsettled

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        watch(
            options.folder, config.store.path, look, lambda text: errors.print(f"ingest: {text}", markup=False, soft_wrap=True)
        )
    except KeyboardInterrupt:
        errors.print("ingest: stopped watching. The store is as it was at the last look.")
    return 0


def _rebuild(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    with _progress(errors) as bar:
        task = bar.add_task("reading", total=None)
        reports = rebuild(
            config.store.path,
            config.embedder.embedder(),
            config.chunker.settings(),
            lambda done, total, name: bar.update(task, completed=done, total=total, description=_short(name)),
        )
    for report in reports:
        _print_report(report, options.json, config.store.path)
    return 0


def _remove(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    removed = remove_documents(config.store.path, options.documents)
    print(json.dumps({"removed": removed}) if options.json else f"removed {len(removed)} document(s)")
    return 0


def _compact(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    store = Store.open(config.store.path)
    with store.writing():
        before, after = store.compact()
    numbers = {"bytes_before": before, "bytes_after": after, "bytes_freed": before - after}
    print(json.dumps(numbers) if options.json else f"{_megabytes(before - after)} freed: {_megabytes(after)} are left")
    return 0


def _export(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    from ingest.archive import export_store

    n_bytes = export_store(Store.open(config.store.path), options.file)
    print(
        json.dumps({"file": str(options.file), "bytes": n_bytes})
        if options.json
        else f"{_megabytes(n_bytes)} in {options.file}"
    )
    return 0


def _import(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    from ingest.archive import import_store

    import_store(options.file, config.store.path)
    return _status(options, config, errors)


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


def _print_report(report: Report, as_json: bool, store: Path) -> None:
    if as_json:
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
    for name, reason in sorted(report.partly.items()):
        out.print(f"  partly read {name}: {reason}", markup=False, soft_wrap=True)
    for name, warning in sorted(report.warnings.items()):
        out.print(f"  note {name}: {warning}", markup=False, soft_wrap=True)
    for name, reason in sorted(report.failed.items()):
        out.print(f"  failed {name}: {reason}", markup=False, soft_wrap=True)
    if not report.is_dry_run:
        out.print(
            f"{report.n_chunks} chunks written to {store}, {report.n_embedded} embedded, in {report.seconds:.1f} s",
            markup=False,
            soft_wrap=True,
        )


def _progress(errors: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


def _out() -> Console:
    return Console(highlight=False)


def _given(patterns: list[str] | None) -> tuple[str, ...] | None:
    return None if patterns is None else tuple(patterns)


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"…{name[-39:]}"


def _plain(text: str) -> str:
    """Escape what rich would take for markup."""
    return text.replace("[", r"\[")


if __name__ == "__main__":
    entry()
