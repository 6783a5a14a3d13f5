"""What the subcommands of `rag` share: common options, batches that go in, lines that come out."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from ingest.errors import ConfigError
from ingest.terminal import Terminal
from rag.batch import Job, Kept, Pair, read_questions
from rag.errors import InputError, QuestionError

if TYPE_CHECKING:
    from ingest.snapshot import Snapshot
    from rag.retriever import Filters

Work = TypeVar("Work", Job, Pair, Kept)
Result = TypeVar("Result")
_MAX_NAMED = 8  # of what a store has
# The `add_subparsers` of argparse gives an object whose class has no public name.
Commands = Any


@dataclass(frozen=True)
class Parents:
    """Options that several subcommands take.

    `stored` is for those that open a store, `narrowed` for those that search it, `asked` for those that take questions.
    An option whose destination is `table.key` sets that key of the configuration.
    """

    common: argparse.ArgumentParser
    stored: argparse.ArgumentParser
    narrowed: argparse.ArgumentParser
    asked: argparse.ArgumentParser


def parents() -> Parents:
    """Make the parsers that subcommands inherit from."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help="TOML file; configs/default.toml lists every key")
    common.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    stored = argparse.ArgumentParser(add_help=False)
    stored.add_argument(
        "--store", type=Path, dest="store.path", metavar="DIR", help="directory of the store (default: data/store)"
    )
    narrowed = argparse.ArgumentParser(add_help=False)
    narrowed.add_argument(
        "--document", action="append", default=[], help="only documents of this name or glob; may be repeated"
    )
    narrowed.add_argument("--language", action="append", default=[], help="only documents in this language, such as es")
    narrowed.add_argument("--type", action="append", default=[], help="only files of this type, such as pdf")
    narrowed.add_argument("--source", action="append", default=[], help="only documents of this source")
    for name, told in (("since", "or later"), ("until", "or earlier")):
        narrowed.add_argument(
            f"--{name}", type=_day, metavar="DATE", help=f"only files last changed on this day (UTC) {told}, as 2026-01-31"
        )
    asked = argparse.ArgumentParser(add_help=False, parents=[narrowed])
    asked.add_argument("question", nargs="?")
    asked.add_argument("--questions", type=Path, metavar="Q.jsonl", help='lines with "question" or "turns"')
    return Parents(common, stored, narrowed, asked)


def _day(text: str) -> date:
    """A day as people write it in commands. Raises: ArgumentTypeError, which argparse shows."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"`{text}` is no day. Write year, month and day, such as 2026-01-31.") from error


def filters(options: argparse.Namespace) -> "Filters":
    """The filters given on the command line.

    Raises: ConfigError when no day lies between `--since` and `--until`.
    """
    from rag.retriever import Filters

    if options.since and options.until and options.since > options.until:
        raise ConfigError(
            f"cannot search from --since `{options.since}` to --until `{options.until}`: no day lies between. Exchange them."
        )
    return Filters(
        tuple(options.document),
        tuple(language.lower() for language in options.language),
        tuple(options.type),
        tuple(options.source),
        since=options.since,
        until=options.until,
    )


def tell_if_empty(wanted: "Filters", snapshot: "Snapshot") -> None:
    """Tell people when no document of the store passes the filters: else nothing found reads as nothing known."""
    from rag.retriever import Filters

    states = snapshot.states.values()
    if not states or any(wanted.admits(state) for state in states):
        return
    types = [PurePosixPath(state.name).suffix.lower().lstrip(".") for state in states]
    for name, given, alone, there in (
        ("document", wanted.documents, Filters(documents=wanted.documents), [state.name for state in states]),
        ("language", wanted.languages, Filters(languages=wanted.languages), [state.language for state in states]),
        ("type", wanted.types, Filters(types=wanted.types), types),
        ("source", wanted.sources, Filters(sources=wanted.sources), [state.source for state in states]),
    ):
        if given and not any(alone.admits(state) for state in states):
            values, known = "`, `".join(given), sorted(set(there) - {""})
            more = f" and {len(known) - _MAX_NAMED} more" if len(known) > _MAX_NAMED else ""
            tell(f"no document of the store matches --{name} `{values}`. It has: {', '.join(known[:_MAX_NAMED])}{more}.")
            return
    tell("no document of the store matches all of the filters together. Leave one out, or see `ingest list`.")


def jobs(options: argparse.Namespace) -> Iterator[Job | InputError]:
    """The questions to run: the one given, or those of a file."""
    require_one(options.question, options.questions, "a question or --questions FILE")
    return iter([Job(None, options.question)]) if options.questions is None else read_questions(options.questions)


def print_all(
    options: argparse.Namespace,
    jobs: Iterable[Work | InputError],
    one: Callable[[Work], Result],
    as_json: Callable[[Work, Result], dict[str, Any]],
    show: Callable[[Console, Result], None],
) -> int:
    """Do every job and print its result, as JSON or for people; 1 if one of a batch was an error."""
    out = Terminal(highlight=False, soft_wrap=not sys.stdout.isatty())
    is_batch = bool(getattr(options, "questions", None) or getattr(options, "pairs", None) or getattr(options, "answers", None))
    failed = False
    for job in jobs:
        try:
            if isinstance(job, InputError):
                raise job
            result = one(job)
        except (InputError, QuestionError) as error:
            if not is_batch:
                raise
            failed = True
            if options.json:
                print_json({"id": job.identity, "error": str(error)})
            else:
                tell(error)
            continue
        if options.json:
            print_json(as_json(job, result))
        else:
            show(out, result)
    return 1 if failed else 0


def require_one(single: object, batch: object, what: str) -> None:
    """Raises: ConfigError unless exactly one of both is given."""
    if (single is None) == (batch is None):
        raise ConfigError(f"cannot run: give {what}, and not both. See --help.")


def print_json(value: dict[str, Any]) -> None:
    """Print one object on a line of its own, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def tell(message: object) -> None:
    """Print a message for people on stderr, where it is in nobody's way."""
    print(f"rag: {message}", file=sys.stderr)


def fail(error: object, status: int) -> int:
    """Tell of an error; returns the status."""
    tell(error)
    return status
