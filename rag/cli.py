"""The `rag` command: search, ask, chat, check, verify, eval, calibrate, serve, mcp, doctor, keys, users, monitor.

Results go to stdout (one JSON object a line with --json), messages to stderr. Exit status: 0 done (an abstention too),
1 failed, 2 wrong usage or configuration. In a batch one line comes out for every line that goes in; a bad one says so in
`error`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from ingest.config import load_config
from ingest.errors import ConfigError, IngestError
from rag.commands import accounts, asking, calibrating, checking, evaluating, monitoring, serving
from rag.commands.common import fail, parents
from rag.config import RagConfig
from rag.errors import QuestionError, RagError, SchemaError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, load_config(RagConfig, options.config, _settings(options))))
    except (ConfigError, QuestionError, SchemaError) as error:
        return fail(error, 2)
    except (RagError, IngestError) as error:
        return fail(error, 1)
    except KeyboardInterrupt:
        return fail("stopped.", 130)
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def entry() -> None:
    """Console script: exit with the status of `main`."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rag", description="Ask your documents; every claim of an answer is checked.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = parents()
    for family in (asking, checking, evaluating, calibrating, serving, accounts, monitoring):
        family.add(commands, shared)
    return parser


def _settings(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Settings given on the command line, by table and key: options whose destination is `table.key`."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in vars(options).items():
        table, dot, key = name.partition(".")
        if dot:
            found.setdefault(table, {})[key] = value
    return found


if __name__ == "__main__":
    entry()
