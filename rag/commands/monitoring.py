"""`rag monitor`: the log of what a reasoning model thought."""

import argparse

from ingest.errors import ConfigError
from rag.commands.common import Commands, Parents, print_json
from rag.config import RagConfig


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommand."""
    monitor = commands.add_parser("monitor", parents=[parents.common], help="purge the log of a model's reasoning")
    monitor.add_argument("action", choices=["purge"])
    monitor.add_argument("--all", action="store_true", help="drop every entry, not only those that are too old")
    monitor.set_defaults(run=_monitor)


def _monitor(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.engine import build_monitor

    monitor = build_monitor(config)
    if monitor is None:
        raise ConfigError("cannot purge the monitoring log: monitor.path is not set. Name the file that sets it with --config.")
    n_dropped, n_kept = monitor.purge(everything=options.all)
    if options.json:
        print_json({"path": str(monitor.path), "dropped": n_dropped, "kept": n_kept})
    else:
        print(f"{monitor.path}: {n_dropped} entries dropped, {n_kept} kept")
    return 0
