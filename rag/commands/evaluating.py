"""`rag eval` and `rag eval compare`."""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from ingest.errors import ConfigError
from ingest.terminal import Terminal
from rag.batch import LabelledPair, labelled_pairs, labelled_questions
from rag.commands.common import Commands, Parents, print_json, require_one, tell
from rag.config import RagConfig
from rag.errors import InputError
from rag.evaluation.table import show_comparison, show_result

# A result, and what makes a page of it.
Outcome = tuple[dict[str, Any], Callable[[], str]]
_PARTS = ("retrieval", "answers", "abstention", "citations")
_ARMS = ("closed", "retrieved", "checked")
Item = TypeVar("Item")


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommand and the one below it."""
    help_text = "measure search, answers, abstention, citations and checking on labelled data"
    evaluate = commands.add_parser("eval", parents=[parents.stored, parents.common], help=help_text)
    evaluate.add_argument(
        "--questions", type=Path, metavar="Q.jsonl", help='lines with "question" and what is known of its answer'
    )
    evaluate.add_argument("--pairs", type=Path, metavar="P.jsonl", help='lines with "answer", "sources" and "label"')
    evaluate.add_argument("--only", metavar="PART,...", help=f"measure only these: {', '.join(_PARTS)}")
    evaluate.add_argument("--arms", metavar="ARM,...", help=f"compare ways to answer: {', '.join(_ARMS)}")
    evaluate.add_argument("--limit", type=int, metavar="N", help="take N of the lines, drawn at random with a fixed seed")
    evaluate.add_argument("--out", type=Path, metavar="FILE.json", help="keep the result, to compare it later")
    evaluate.add_argument("--html", type=Path, metavar="FILE.html", help="write a report with plots and the worst failures")
    evaluate.set_defaults(run=_evaluate)
    below = evaluate.add_subparsers(metavar="compare")
    compare = below.add_parser("compare", parents=[parents.common], help="what differs between two kept results")
    compare.add_argument("first", type=Path, metavar="A.json")
    compare.add_argument("second", type=Path, metavar="B.json")
    compare.set_defaults(run=_compare)


def _evaluate(options: argparse.Namespace, config: RagConfig) -> int:
    require_one(options.questions, options.pairs, "--questions FILE or --pairs FILE")
    named = [option for option in (options.only, options.arms) if option is not None]
    if len(named) > 1 or (named and options.pairs is not None):
        raise ConfigError("cannot evaluate: --only and --arms go with --questions, and not both of them.")
    for file, suffix in ((options.out, ".json"), (options.html, ".html")):
        _require_writable(file, suffix)
    run = _pairs if options.pairs is not None else _questions if options.arms is None else _arms
    result, page = run(options, config)
    if options.out is not None:
        _write(options.out, json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    if options.html is not None:
        _write(options.html, page())
    if options.json:
        print_json(result)
        return 0
    show_result(_out(), result)
    for file in filter(None, (options.out, options.html)):
        print(f"Written to {file}")
    return 0


def _questions(options: argparse.Namespace, config: RagConfig) -> Outcome:
    from rag.evaluation.asking import examine, open_subject, usable
    from rag.evaluation.gold import misplaced_gold, warnings_of
    from rag.evaluation.page import question_page
    from rag.evaluation.results import about, question_result, settings_of, store_of, system_of

    parts = list(_PARTS) if options.only is None else _chosen(options.only, _PARTS, "--only")
    kept, notes = usable(labelled_questions(options.questions), config.answer.max_question_chars)
    questions = _some(kept, options, notes)
    subject = open_subject(config, is_answering=parts != ["retrieval"])
    gold = misplaced_gold(questions, subject.snapshot.states, subject.document_of)
    for warning in warnings_of(gold):  # before the questions are asked, which may take hours
        tell(warning)
    rows = _progress(examine(subject, questions, parts), len(questions))
    system, settings, store = system_of(config, subject.engine), settings_of(config), store_of(subject.snapshot)
    known = about(options.questions, options.limit, parts=parts, system=system, settings=settings, store=store, gold=gold)
    result = question_result(rows, parts, known, notes)
    return result, lambda: question_page(result, subject.document_of)


def _arms(options: argparse.Namespace, config: RagConfig) -> Outcome:
    from rag.engine import build_engine
    from rag.evaluation.arms import arms_result, examine_arms, is_comparable, require_memory
    from rag.evaluation.asking import reader_of, usable
    from rag.evaluation.caching import remembering
    from rag.evaluation.page import arms_page
    from rag.evaluation.results import about, settings_of, store_of, system_of

    arms = _chosen(options.arms, _ARMS, "--arms")
    kept, notes = usable(labelled_questions(options.questions), config.answer.max_question_chars)
    notes += [f"{q.job.identity}: no short answer, so its text alone cannot be graded." for q in kept if not is_comparable(q)]
    questions = _some([question for question in kept if is_comparable(question)], options, notes)
    require_memory(config)
    engine = build_engine(config, remembering(config.embedder.embedder()))
    rows = _progress(examine_arms(engine, questions, arms, notes), len(questions))
    system, settings, store = system_of(config, engine), settings_of(config), store_of(engine.retriever.snapshot())
    known = about(options.questions, options.limit, system=system, settings=settings, store=store)
    result = arms_result(rows, arms, known, notes)
    return result, lambda: arms_page(result, reader_of(engine.retriever.snapshot()))


def _pairs(options: argparse.Namespace, config: RagConfig) -> Outcome:
    from rag.checker.check import check_answer
    from rag.engine import build_checker
    from rag.evaluation.page import pair_page
    from rag.evaluation.results import about, checker_names, examine_pairs, pair_result, settings_of

    items = list(labelled_pairs(options.pairs))
    notes = [str(item) for item in items if isinstance(item, InputError)]
    pairs = _some([item for item in items if isinstance(item, LabelledPair)], options, notes)
    checker = build_checker(config)

    def check(pair: LabelledPair) -> dict[str, Any]:
        return check_answer(pair.job.answer, pair.job.sources, checker, pair.job.question)

    rows = _progress(examine_pairs(pairs, check), len(pairs))
    system, settings = checker_names(checker), settings_of(config, ("checker",))
    result = pair_result(rows, about(options.pairs, options.limit, system=system, settings=settings), notes)
    return result, lambda: pair_page(result, pairs)


def _compare(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.evaluation.compare import compare, read_result

    found = compare(read_result(options.first), read_result(options.second))
    if options.json:
        print_json(found)
    else:
        show_comparison(_out(), found, (options.first.name, options.second.name))
    return 0


def _some(items: Sequence[Item], options: argparse.Namespace, notes: Sequence[str]) -> list[Item]:
    """The lines to evaluate.

    Raises: InputError when no line can be used, with the reason of the first; ConfigError for a limit below 1.
    """
    from rag.evaluation.rows import sampled

    if not items:
        why = notes[0] if notes else "it is empty. Write a question or pair a line, with its label."
        raise InputError(f"cannot evaluate `{options.questions or options.pairs}`: no line can be used: {why}")
    return sampled(items, options.limit)


def _chosen(given: str, known: Sequence[str], option: str) -> list[str]:
    """The names given, in the order in which they are known. Raises: ConfigError for another name."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if strange := [name for name in names if name not in known]:
        raise ConfigError(f"cannot evaluate {option} `{strange[0]}`: there is no such name. Choose from {', '.join(known)}.")
    if not names:
        raise ConfigError(f"cannot evaluate {option} `{given}`: it names nothing. Choose from {', '.join(known)}.")
    return [name for name in known if name in names]


def _progress(rows: Iterable[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    errors = Terminal(stderr=True)
    return list(track(rows, "evaluating", total=n, console=errors, transient=True, disable=not errors.is_terminal))


def _out() -> Console:
    return Terminal(highlight=False, soft_wrap=True)


def _require_writable(file: Path | None, suffix: str) -> None:
    """Raises: ConfigError, before anything is asked, for a file that should not or cannot be written."""
    if file is None:
        return
    if file.suffix != suffix:
        raise ConfigError(f"cannot write `{file}`: a result of this kind goes into a file that ends in {suffix}. Rename it.")
    if not file.parent.is_dir():
        raise ConfigError(f"cannot write `{file}`: there is no folder `{file.parent}`. Make it first.")
    if file.is_dir():
        raise ConfigError(f"cannot write `{file}`: it is a folder. Name a file.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write `{file}`: {error.strerror}. Name another file.") from error
