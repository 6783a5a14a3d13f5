"""The `rag` command: search, ask, check, verify, calibrate, serve, doctor.

Results go to stdout (one JSON object a line with --json), messages to stderr. Exit status: 0 done (an abstention too),
1 failed, 2 wrong usage or configuration. In a batch one line comes out for every line that goes in; a bad one says so in
`error`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import track

from ingest.config import load_config
from ingest.errors import ConfigError, IngestError
from rag.answers import Answer, Passage
from rag.batch import Job, Kept, Pair, read_answers, read_labelled, read_pairs, read_questions
from rag.config import RagConfig
from rag.display import show_answer, show_check, show_events, show_passages, show_verification
from rag.errors import InputError, QuestionError, RagError

if TYPE_CHECKING:
    from rag.pipeline import Event
    from rag.retriever import Filters
    from rag.verification import Verification

Work = TypeVar("Work", Job, Pair, Kept)
Result = TypeVar("Result")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, load_config(RagConfig, options.config, _flags(options))))
    except (ConfigError, QuestionError) as error:
        return _fail(error, 2)
    except (RagError, IngestError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped.", 130)
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        sys.stderr.close()
        return 0


def entry() -> None:
    """Console script: exit with the status of `main`."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rag", description="Ask your documents; every claim of an answer is checked.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, help="TOML file; configs/default.toml lists every key")
    common.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    stored = argparse.ArgumentParser(add_help=False)
    stored.add_argument("--store", type=Path, help="directory of the store (default: data/store)")
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("question", nargs="?")
    asked.add_argument("--questions", type=Path, metavar="Q.jsonl", help='lines with "question" or "turns"')
    asked.add_argument("--document", action="append", default=[], help="only documents of this name or glob; may be repeated")
    asked.add_argument("--language", action="append", default=[], help="only documents in this language, such as es")
    asked.add_argument("--type", action="append", default=[], help="only files of this type, such as pdf")
    asked.add_argument("--source", action="append", default=[], help="only documents of this source")

    search = commands.add_parser("search", parents=[asked, stored, common], help="find passages")
    search.add_argument("--top-k", type=int, default=10)
    search.set_defaults(run=_search)
    ask = commands.add_parser("ask", parents=[asked, stored, common], help="answer a question")
    ask.add_argument("--top-k", type=int)
    ask.add_argument("--generator", choices=["quote", "llamacpp", "openai"], help="what writes the draft")
    ask.add_argument("--model", help="path or name of the generator's model")
    ask.add_argument("--show-draft", action="store_true", help="also print what the language model wrote before the check")
    ask.add_argument("--base-url", help="address of an OpenAI-compatible server")
    ask.add_argument(
        "--policy", choices=["strict", "mark", "off"], help="withhold unsupported claims, mark them, or check nothing"
    )
    ask.add_argument("--stream", action="store_true", help="print each claim as soon as it is checked")
    ask.set_defaults(run=_ask)
    check = commands.add_parser("check", parents=[common], help="check any answer against any sources")
    check.add_argument("--pairs", type=Path, metavar="P.jsonl", help='lines with "answer" and "sources"')
    check.add_argument("--answer", help="the text to check")
    check.add_argument("--source", type=Path, action="append", default=[], help="a file to check it against; may be repeated")
    check.set_defaults(run=_check)
    verify = commands.add_parser("verify", parents=[stored, common], help="check answers that were kept against the store")
    verify.add_argument("answers", type=Path, metavar="ANSWER.json", help="an answer object, or one a line; - for stdin")
    verify.set_defaults(run=_verify)
    calibrate = commands.add_parser("calibrate", parents=[stored, common], help="find the confidence below which to abstain")
    calibrate.add_argument(
        "--questions", type=Path, metavar="Q.jsonl", required=True, help='lines with "answerable" and "answers"'
    )
    calibrate.add_argument("--risk", type=float, default=0.05, help="share of wrong answers that is allowed (default: 0.05)")
    calibrate.add_argument(
        "--of", choices=["questions", "answers"], default="questions", help="share of what (default: questions)"
    )
    calibrate.add_argument(
        "--confidence",
        type=float,
        help="certainty with which the risk is kept (default: 0.9 of answers; of questions it is kept on average)",
    )
    calibrate.add_argument("--limit", type=int, metavar="N", help="ask N of the questions, drawn at random with a fixed seed")
    calibrate.add_argument("--out", type=Path, metavar="FILE.toml", help="write a configuration file with the threshold")
    calibrate.set_defaults(run=_calibrate)
    serve = commands.add_parser("serve", parents=[stored, common], help="start the HTTP API")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.set_defaults(run=_serve)
    doctor = commands.add_parser("doctor", parents=[stored, common], help="say what works here and what does not")
    doctor.set_defaults(run=_doctor)
    return parser


def _flags(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Settings given on the command line, by table and key."""
    given = vars(options)
    return {
        "store": {"path": given.get("store")},
        "generator": {"kind": given.get("generator"), "model": given.get("model"), "base_url": given.get("base_url")},
        "answer": {"policy": given.get("policy")},
        "server": {"host": given.get("host"), "port": given.get("port")},
    }


def _search(options: argparse.Namespace, config: RagConfig) -> int:
    from ingest.analysis import detect_language
    from rag.engine import build_retriever
    from rag.pipeline import checked_question, standalone

    if not 1 <= options.top_k <= 1000:
        raise ConfigError(f"cannot search with --top-k `{options.top_k}`: it must lie between 1 and 1000.")
    jobs = _jobs(options)
    retriever = build_retriever(config)
    filters = _filters(options)

    def one(job: Job) -> list[Passage]:
        question = checked_question(job.question, config.answer.max_question_chars)
        language = detect_language(question)
        return retriever.search(standalone(question, job.turns, language), options.top_k, filters, language)

    def as_json(job: Job, passages: list[Passage]) -> dict[str, Any]:
        return {"id": job.identity, "passages": [passage.to_json() for passage in passages]}

    return _print_all(options, jobs, one, as_json, lambda out, passages: show_passages(out, passages))


def _ask(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.engine import build_engine
    from rag.pipeline import answer
    from rag.streaming import answer_events

    if options.stream and (options.json or options.show_draft):
        raise ConfigError("cannot run: --stream prints for people as it goes. Leave --json or --show-draft out.")
    jobs = _jobs(options)
    engine = build_engine(config)
    filters = _filters(options)

    def one(job: Job) -> Answer:
        return answer(engine, job.question, turns=job.turns, filters=filters, top_k=options.top_k, identity=job.identity)

    def show(out: Console, result: Answer) -> None:
        show_answer(out, result, with_draft=options.show_draft)

    def streamed(job: Job) -> Iterator["Event"]:
        question, turns = job.question, job.turns
        return answer_events(engine, question, turns=turns, filters=filters, top_k=options.top_k, identity=job.identity)

    if options.stream:
        return _print_all(options, jobs, streamed, lambda job, events: {}, lambda out, events: show_events(out, events))
    return _print_all(options, jobs, one, lambda job, result: result.to_json(), show)


def _check(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.checker.check import check_answer
    from rag.engine import build_checker

    _require_one(options.answer, options.pairs, "--answer TEXT with --source FILE, or --pairs FILE")
    checker = build_checker(config)
    jobs: Iterator[Pair | InputError]
    if options.pairs is None:
        jobs = iter([Pair(None, options.answer, [_source(file) for file in options.source])])
    else:
        jobs = read_pairs(options.pairs)

    def one(pair: Pair) -> dict[str, Any]:
        return {"id": pair.identity, **check_answer(pair.answer, pair.sources, checker, pair.question)}

    return _print_all(options, jobs, one, lambda pair, result: result, show_check)


def _verify(options: argparse.Namespace, config: RagConfig) -> int:
    from ingest.store import Store
    from rag.engine import build_checker
    from rag.verification import verify

    try:
        answers = read_answers(options.answers)
    except InputError as error:
        return _fail(error, 2)
    snapshot = Store.open(Path(config.store.path)).snapshot()
    checker = build_checker(config)
    results: list[Verification] = []

    def one(kept: Kept) -> "Verification":
        results.append(verify(kept.answer, snapshot, checker))
        return results[-1]

    status = _print_all(options, answers, one, lambda kept, result: result.to_json(), show_verification)
    if not results:
        return 2
    if not options.json:
        print(f"Checked against store {config.store.path} as last ingested; files changed since then are not seen.")
    return status or int(not all(result.holds for result in results))


def _calibrate(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.calibration import choose, require_enough, target_for
    from rag.engine import build_engine
    from rag.evaluation.caching import CachingEmbedder
    from rag.evaluation.calibrate import (
        ask_and_grade,
        configuration,
        draw,
        report,
        require_free,
        show_report,
        write_configuration,
    )

    if config.answer.policy == "off":
        raise ConfigError("cannot calibrate with policy `off`: what is not checked has no confidence. Set answer.policy.")
    target = target_for(options.risk, options.of, options.confidence)
    if options.out is not None:
        require_free(options.out)
    questions, n_left_out = draw(read_labelled(options.questions), options.limit, config.answer.max_question_chars)
    require_enough(len(questions), target)
    engine = build_engine(config, CachingEmbedder(config.embedder.embedder()))
    errors = Console(stderr=True)
    asked = track(questions, "asking", console=errors, transient=True, disable=not errors.is_terminal)
    records = ask_and_grade(engine, asked)
    result = report(records, target, choose(records, target), n_left_out)
    is_met = result["threshold"] is not None
    if is_met:
        about = [f"From {len(records)} questions of {options.questions.name}.", result["guarantee"], result["assumes"]]
        result["configuration"] = configuration(config, result["threshold"], about)
    if is_met and options.out is not None:
        write_configuration(options.out, result["configuration"])
    if options.json:
        _print_json(result)
    else:
        show_report(Console(highlight=False, soft_wrap=True), result, options.out)
    return 0 if is_met else 1


def _filters(options: argparse.Namespace) -> "Filters":
    from rag.retriever import Filters

    return Filters(tuple(options.document), tuple(options.language), tuple(options.type), tuple(options.source))


def _jobs(options: argparse.Namespace) -> Iterator[Job | InputError]:
    """The questions to run: the one given, or those of a file."""
    _require_one(options.question, options.questions, "a question or --questions FILE")
    return iter([Job(None, options.question)]) if options.questions is None else read_questions(options.questions)


def _source(file: Path) -> tuple[str, str]:
    """A file to check against, read by the loader for its kind; its name is its id."""
    from ingest.loaders import load_file

    return file.name, load_file(file, file.name).text


def _serve(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.api.server import serve

    return serve(config)


def _doctor(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.doctor import examine

    findings = list(examine(config))
    if options.json:
        _print_json({"ok": all(finding.is_ok for finding in findings), "findings": [f.to_json() for f in findings]})
    else:
        out = Console(highlight=False)
        for finding in findings:
            mark = "[green]ok  [/]" if finding.is_ok else "[red]FAIL[/]"
            out.print(mark, end=" ")
            out.print(f"{finding.part}: {finding.detail}", markup=False, soft_wrap=True)
    return 0 if all(finding.is_ok for finding in findings) else 1


def _print_all(
    options: argparse.Namespace,
    jobs: Iterable[Work | InputError],
    one: Callable[[Work], Result],
    as_json: Callable[[Work, Result], dict[str, Any]],
    show: Callable[[Console, Result], None],
) -> int:
    """Do every job and print its result, as JSON or for people; 1 if one of a batch was an error."""
    out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
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
                _print_json({"id": job.identity, "error": str(error)})
            else:
                print(f"rag: {error}", file=sys.stderr)
            continue
        if options.json:
            _print_json(as_json(job, result))
        else:
            show(out, result)
    return 1 if failed else 0


def _require_one(single: object, batch: object, what: str) -> None:
    """Raises: ConfigError unless exactly one of both is given."""
    if (single is None) == (batch is None):
        raise ConfigError(f"cannot run: give {what}, and not both. See --help.")


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _fail(error: object, status: int) -> int:
    print(f"rag: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    entry()
