"""`rag serve`, `rag mcp` and `rag doctor`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.terminal import Terminal
from rag.commands.common import Commands, Parents, print_json
from rag.config import RagConfig
from rag.errors import RagError

if TYPE_CHECKING:
    from rag.doctor import Finding


def add(commands: Commands, parents: Parents) -> None:
    """Add the subcommands."""
    serve = commands.add_parser("serve", parents=[parents.stored, parents.common], help="start the HTTP API")
    serve.add_argument("--host", dest="server.host", metavar="HOST")
    serve.add_argument("--port", dest="server.port", type=int, metavar="PORT")
    serve.set_defaults(run=_serve)
    mcp = commands.add_parser("mcp", parents=[parents.stored, parents.common], help="serve MCP tools over stdin and stdout")
    mcp.set_defaults(run=_mcp)
    doctor = commands.add_parser(
        "doctor", parents=[parents.stored, parents.common], help="say what works here and what does not"
    )
    doctor.add_argument(
        "--generator", dest="is_probing", action="store_true", help="ask the configured generator a few things as well"
    )
    doctor.set_defaults(run=_doctor)


def _serve(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.api.server import serve

    return serve(config)


def _mcp(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.engine import build_engine
    from rag.mcp import LocalDesk, serve_stdio

    serve_stdio(LocalDesk(build_engine(config), config.server.timeout_s))
    return 0


def _doctor(options: argparse.Namespace, config: RagConfig) -> int:
    from rag.doctor import examine

    findings = [*examine(config), *(_probed(config) if options.is_probing else ())]
    if options.json:
        print_json({"ok": all(finding.is_ok for finding in findings), "findings": [f.to_json() for f in findings]})
    else:
        out = Terminal(highlight=False)
        for finding in findings:
            mark = "[green]ok  [/]" if finding.is_ok else "[red]FAIL[/]"
            out.print(mark, end=" ")
            out.print(f"{finding.part}: {finding.detail}", markup=False, soft_wrap=True)
    return 0 if all(finding.is_ok for finding in findings) else 1


def _probed(config: RagConfig) -> "Iterator[Finding]":
    from rag.doctor import Finding
    from rag.engine import build_generator
    from rag.generators.probe import probe
    from rag.generators.quote import QuoteGenerator

    try:
        generator = build_generator(config.generator, QuoteGenerator(None))
    except RagError as error:
        yield Finding("answer", False, str(error))
        return
    yield from probe(generator, config.generator.max_prompt_tokens)
