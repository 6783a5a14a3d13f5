"""`rag search`, `rag ask` and `rag chat`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ingest.errors import ConfigError
from rag.answers import Answer, Passage
from rag.batch import Job
from rag.commands.common import Commands, Parents, filters, jobs, print_all, tell_if_empty
from rag.config import RagConfig
from rag.display import show_answer, show_events, show_passages

if TYPE_CHECKING:
    from rag.pipeline import Event


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommands."""
    family = [parents.asked, parents.stored, parents.common]
    search = commands.add_parser("search", parents=family, help="find passages")
    search.add_argument("--top-k", type=int, default=10)
    search.set_defaults(run=_search)
    ask = commands.add_parser("ask", parents=family, help="answer a question")
    _add_answering(ask)
    ask.add_argument("--show-draft", action="store_true", help="also print what the language model wrote before the check")
    ask.add_argument("--schema", type=Path, metavar="FILE", help="answer with JSON that keeps to this JSON Schema")
    ask.add_argument("--stream", action="store_true", help="print each claim as soon as it is checked")
    ask.set_defaults(run=_ask)
    chat = commands.add_parser(
        "chat", parents=[parents.narrowed, parents.stored, parents.common], help="ask and follow up, in the terminal"
    )
    _add_answering(chat)
    chat.set_defaults(run=_chat)


def _add_answering(parser: argparse.ArgumentParser) -> None:
    """Add what says how questions are answered."""
    parser.add_argument("--top-k", type=int)
    parser.add_argument(
        "--generator", dest="generator.kind", choices=["quote", "llamacpp", "openai", "gpt-oss"], help="what writes the draft"
    )
    parser.add_argument("--model", dest="generator.model", metavar="MODEL", help="path or name of the generator's model")
    parser.add_argument(
        "--effort", dest="generator.reasoning_effort", choices=["low", "medium", "high"], help="how much a model is to reason"
    )
    parser.add_argument("--base-url", dest="generator.base_url", metavar="URL", help="address of an OpenAI-compatible server")
    parser.add_argument(
        "--policy",
        dest="answer.policy",
        choices=["strict", "mark", "off"],
        help="withhold unsupported claims, mark them, or check nothing",
    )


def _search(options: argparse.Namespace, config: RagConfig) -> int:
    from ingest.analysis import detect_language
    from rag.engine import build_retriever
    from rag.questions import checked_question, search_text

    if not 1 <= options.top_k <= 1000:
        raise ConfigError(f"cannot search with --top-k `{options.top_k}`: it must lie between 1 and 1000.")
    asked, wanted = jobs(options), filters(options)
    retriever = build_retriever(config)
    tell_if_empty(wanted, retriever.snapshot())

    def one(job: Job) -> list[Passage]:
        question = checked_question(job.question, config.answer.max_question_chars)
        language = detect_language(question)
        return retriever.find(search_text(question, job.turns), options.top_k, wanted, language)

    def as_json(job: Job, passages: list[Passage]) -> dict[str, Any]:
        return {"id": job.identity, "passages": [passage.to_json() for passage in passages]}

    return print_all(options, asked, one, as_json, lambda out, passages: show_passages(out, passages))


def _ask(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.engine import build_engine
    from rag.pipeline import answer
    from rag.questions import Options
    from rag.schema import read_schema
    from rag.streaming import answer_events
    from rag.structured import require_writer

    if options.stream and (options.json or options.show_draft or options.schema):
        raise ConfigError("cannot run: --stream prints for people as it goes. Leave --json, --show-draft or --schema out.")
    schema = read_schema(options.schema) if options.schema else None
    asked, wanted = jobs(options), filters(options)
    engine = build_engine(config)
    if schema is not None:
        require_writer(engine.generator)
    tell_if_empty(wanted, engine.retriever.snapshot())

    def with_question(job: Job) -> Options:
        return Options(job.turns, wanted, options.top_k, job.identity, schema=schema)

    def one(job: Job) -> Answer:
        return answer(engine, job.question, with_question(job))

    def show(out: Console, result: Answer) -> None:
        show_answer(out, result, with_draft=options.show_draft)

    def streamed(job: Job) -> Iterator["Event"]:
        return answer_events(engine, job.question, with_question(job))

    if options.stream:
        return print_all(options, asked, streamed, lambda job, events: {}, lambda out, events: show_events(out, events))
    return print_all(options, asked, one, lambda job, result: result.to_json(), show)


def _chat(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.chat import chat
    from rag.engine import build_engine

    if options.json:
        raise ConfigError('cannot run: a chat is for people. For programs: `rag ask --json --questions` with "turns".')
    wanted = filters(options)
    engine = build_engine(config)
    tell_if_empty(wanted, engine.retriever.snapshot())
    return chat(engine, wanted, options.top_k)
