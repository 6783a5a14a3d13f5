"""The `ingest` command: reconcile a folder with a store, and look after the store.

Results go to stdout (one JSON object with --json, and one for each step before it with --events), progress and messages to
stderr. Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console

from ingest.config import IngestConfig, load_config
from ingest.errors import ConfigError, IngestError
from ingest.intake import Report
from ingest.pipeline import ingest_folder, rebuild, remove_documents, remove_source
from ingest.progress import Display
from ingest.scan import Patterns
from ingest.showing import print_files, print_report, print_status
from ingest.sql import Query, ingest_query
from ingest.store import Store
from ingest.terminal import Terminal
from ingest.watch import watch

_COMMANDS = ("status", "list", "remove", "rebuild", "sql", "compact", "export", "import")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parse(arguments)
    errors = Terminal(stderr=True, highlight=False)
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
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does; nothing more is written, at the end neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


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
        return _parse_command(arguments, common, steps)
    return _parse_folder(arguments, [common, steps])


def _parse_command(arguments: list[str], common: argparse.ArgumentParser, steps: argparse.ArgumentParser) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ingest")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("status", parents=[common], help="what the store holds").set_defaults(run=_status)
    commands.add_parser("list", parents=[common], help="its documents and failed files").set_defaults(run=_list)
    remove = commands.add_parser("remove", parents=[common], help="take documents out of the store")
    remove.add_argument("documents", nargs="*")
    remove.add_argument("--source", help="take out a whole source instead: its documents, its failures and its name")
    remove.set_defaults(run=_remove)
    commands.add_parser("rebuild", parents=[common, steps], help="ingest every source anew").set_defaults(run=_rebuild)
    sql = commands.add_parser("sql", parents=[common, steps], help="make a source equal to the rows of a database query")
    sql.add_argument("url", help="as SQLAlchemy writes it, without a password: set RAG_SQL_PASSWORD for that")
    sql.add_argument("--query", required=True, help="a SELECT; each row becomes a document")
    sql.add_argument("--source", required=True, help="name of the source")
    sql.add_argument("--id", default="", help="column that tells rows apart (default: their content)")
    sql.set_defaults(run=_sql)
    commands.add_parser("compact", parents=[common], help="free the space of old versions").set_defaults(run=_compact)
    for name, run, text in (
        ("export", _export, "write the store into one file"),
        ("import", _import, "make a store of it"),
    ):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("file", type=Path)
        command.set_defaults(run=run)
    options = parser.parse_args(arguments)
    if options.run is _remove and bool(options.documents) == (options.source is not None):
        remove.error("name either documents or, with --source, one source")
    return options


def _parse_folder(arguments: list[str], parents: list[argparse.ArgumentParser]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ingest",
        parents=parents,
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
    options, unknown = parser.parse_known_args(arguments)
    if not options.folder.is_dir() and (meant := _command_meant(str(options.folder))):
        parser.error(f"there is no folder `{options.folder}`. If you mean the command, write it first: ingest {meant} ...")
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.watch and options.dry_run:
        parser.error("--dry-run writes nothing and --watch goes on writing: give one of them")
    return options


def _command_meant(word: str) -> str:
    """The command that a word is, or may be meant to be; empty for none."""
    return next(iter(get_close_matches(word, _COMMANDS, n=1)), "")


def _ingest(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    if not options.folder.is_dir():
        why = "it is a file" if options.folder.exists() else "there is no such folder"
        errors.print(f"ingest: cannot ingest `{options.folder}`: {why}. Name a folder.", markup=False, soft_wrap=True)
        return 2
    embedder = config.embedder.embedder()

    def reconcile() -> tuple[Report, dict[str, float]]:
        with Display(errors, as_events=options.events) as display:
            report = ingest_folder(
                options.folder,
                config.store.path,
                embedder,
                config.chunker.settings(),
                limits=config.loader.limits(),
                source_name=options.source,
                patterns=Patterns(_given(options.include), _given(options.exclude)),
                dry_run=options.dry_run,
                listen=display.listen,
            )
        return report, display.slow

    if options.watch:
        return _watch(options, config, errors, reconcile)
    report, slow = reconcile()
    print_report(report, slow, config.store.path, as_json=options.json or options.events)
    return 1 if options.strict and report.failed else 0


def _watch(
    options: argparse.Namespace,
    config: IngestConfig,
    errors: Console,
    reconcile: Callable[[], tuple[Report, dict[str, float]]],
) -> int:
    failed: dict[str, str] | None = None  # at the last look

    def look() -> bool:
        nonlocal failed
        report, slow = reconcile()
        if report.added or report.changed or report.removed or report.failed != failed:
            print_report(report, slow, config.store.path, as_json=options.json or options.events)
            sys.stdout.flush()
        failed = report.failed
        return report.is_unsettled

    ended = threading.Event()

    def end(number: int, frame: object) -> None:
        ended.set()
        signal.default_int_handler(number, None)

    def say(text: str) -> None:
        errors.print(f"ingest: {text}", markup=False, soft_wrap=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with suppress(KeyboardInterrupt):
        watch(options.folder, config.store.path, look, say, ended.is_set)
    if ended.is_set():
        errors.print("ingest: stopped watching. The store is as it was at the last look.")
    return 0


def _sql(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    with Display(errors, as_events=options.events) as display:
        report = ingest_query(
            Query(options.url, options.query, options.source, options.id),
            config.store.path,
            config.embedder.embedder(),
            config.chunker.settings(),
            listen=display.listen,
        )
    print_report(report, display.slow, config.store.path, as_json=options.json or options.events)
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
        print_report(report, display.slow, config.store.path, as_json=options.json or options.events)
    return 0


def _remove(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    path = config.store.path
    removed = remove_documents(path, options.documents) if options.source is None else remove_source(path, options.source)
    what = "" if options.source is None else f", and source `{options.source}`"
    print(json.dumps({"removed": removed}) if options.json else f"removed {len(removed)} document(s){what}")
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
    print_status(config.store.path, as_json=options.json)
    return 0


def _list(options: argparse.Namespace, config: IngestConfig, errors: Console) -> int:
    print_files(config.store.path, as_json=options.json)
    return 0


def _given(patterns: list[str] | None) -> tuple[str, ...] | None:
    return None if patterns is None else tuple(patterns)


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


if __name__ == "__main__":
    entry()
