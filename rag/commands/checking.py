"""`rag check` and `rag verify`: answers that exist already."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.batch import Kept, Pair, read_answers, read_pairs
from rag.commands.common import Commands, Parents, fail, print_all, require_one
from rag.config import RagConfig
from rag.display import show_check, show_verification
from rag.errors import InputError

if TYPE_CHECKING:
    from rag.verification import Verification


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommands."""
    check = commands.add_parser("check", parents=[parents.common], help="check any answer against any sources")
    check.add_argument("--pairs", type=Path, metavar="P.jsonl", help='lines with "answer" and "sources"')
    check.add_argument("--answer", help="the text to check")
    check.add_argument("--source", type=Path, action="append", default=[], help="a file to check it against; may be repeated")
    check.set_defaults(run=_check)
    verify = commands.add_parser(
        "verify", parents=[parents.stored, parents.common], help="check answers that were kept against the store"
    )
    verify.add_argument("answers", type=Path, metavar="ANSWER.json", help="an answer object, or one a line; - for stdin")
    verify.set_defaults(run=_verify)


def _check(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.checker.check import check_answer
    from rag.engine import build_checker

    require_one(options.answer, options.pairs, "--answer TEXT with --source FILE, or --pairs FILE")
    checker = build_checker(config)
    jobs: Iterator[Pair | InputError]
    if options.pairs is None:
        jobs = iter([Pair(None, options.answer, [_source(file) for file in options.source])])
    else:
        jobs = read_pairs(options.pairs)

    def one(pair: Pair) -> dict[str, Any]:
        return {"id": pair.identity, **check_answer(pair.answer, pair.sources, checker, pair.question)}

    return print_all(options, jobs, one, lambda pair, result: result, show_check)


def _source(file: Path) -> tuple[str, str]:
    """A file to check against, read by the loader for its kind; its name is its id."""
    from ingest.loaders import load_file

    return file.name, load_file(file, file.name).text


def _verify(options: argparse.Namespace, config: RagConfig) -> int:
    from ingest.store import Store
    from rag.engine import build_checker
    from rag.verification import verify

    try:
        answers = read_answers(options.answers)
    except InputError as error:
        return fail(error, 2)
    snapshot = Store.open(Path(config.store.path)).snapshot()
    checker = build_checker(config)
    results: list[Verification] = []

    def one(kept: Kept) -> "Verification":
        results.append(verify(kept.answer, snapshot, checker))
        return results[-1]

    status = print_all(options, answers, one, lambda kept, result: result.to_json(), show_verification)
    if not results:
        return 2
    if not options.json:
        print(f"Checked against store {config.store.path} as last ingested; files changed since then are not seen.")
    return status or int(not all(result.holds for result in results))
