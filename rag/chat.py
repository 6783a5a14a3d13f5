"""A conversation in the terminal: checked claims with numbered sources, and each source at its exact words when asked for.

Text of documents and of the language model is printed as text alone, without what steers a terminal. It knows no arguments.
"""

import contextlib
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from ingest.errors import IngestError
from ingest.terminal import Terminal
from rag.answers import Answer, Citation, Claim
from rag.display import STYLES, shortened, show_how
from rag.errors import RagError
from rag.messages import SIGNS, message, place
from rag.outgoing import plain
from rag.pipeline import Engine
from rag.questions import Options
from rag.retriever import Filters
from rag.streaming import answer_events

_AROUND = 400  # characters shown on either side of the words of a source
_MAX_TURNS = 20
_STAGES = {
    "retrieve": "Searching",
    "generate": "Reading",
    "check": "Checking",
    "repair": "Correcting what did not hold",
    "quote": "Looking for quotations instead",
}
_HELP = """Ask a question; a follow-up may lean on what was said before.
  /source N   the words that source [N] of the last answer cites, where they stand
  /new        forget what was said and begin anew
  /help       this
  /quit       leave (or Ctrl-D); Ctrl-C stops an answer"""


def chat(engine: Engine, filters: Filters, top_k: int | None = None) -> int:
    """Ask and answer until the input ends or `/quit`; returns the exit status, 1 if a question of a pipe failed."""
    is_person = sys.stdin.isatty()
    out = Terminal(highlight=False, soft_wrap=not sys.stdout.isatty())
    talk = Talk(engine, filters, top_k, out)
    if is_person:
        out.print(Text("Ask your documents. /help says what else there is.", style="dim"))
    for line in _lines(is_person):
        if line in ("/quit", "/exit"):
            break
        try:
            talk.take(line)
        except (RagError, IngestError) as error:
            talk.has_failed = True
            print(f"rag: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            out.print(Text("Stopped.", style="dim"))
    return 1 if talk.has_failed and not is_person else 0


class Talk:
    """What was said, and the sources of the last answer by their numbers."""

    def __init__(self, engine: Engine, filters: Filters, top_k: int | None, out: Console) -> None:
        self._engine = engine
        self._filters = filters
        self._top_k = top_k
        self._out = out
        self._turns: list[tuple[str, str]] = []
        self._sources: list[Citation] = []
        self._answer: Answer | None = None
        self.has_failed = False

    def take(self, line: str) -> None:
        """Do what a line asks for.

        Raises: RagError, IngestError when a question cannot be answered.
        """
        command, _, rest = line.partition(" ")
        if command == "/source":
            self._show_source(rest.strip().strip("[]"))
        elif line == "/new":
            self._turns, self._sources, self._answer = [], [], None
            self._out.print(Text("A new conversation.", style="dim"))
        elif line.startswith("/"):
            self._out.print(Text(_HELP if line == "/help" else f"There is no {command}. {_HELP}", style="dim"))
        else:
            self._ask(line)

    def _ask(self, question: str) -> None:
        options = Options(self._turns[-_MAX_TURNS:], self._filters, self._top_k)
        self._sources = []
        told = 0
        with (
            self._out.status("Searching") as status,
            contextlib.closing(answer_events(self._engine, question, options)) as events,
        ):
            for event in events:
                if event[0] == "status":
                    status.update(_STAGES.get(event[1], event[1]))
                elif event[0] == "claim":
                    self._show_claim(event[1])
                    told += 1
                else:
                    self._answer = event[1]
        if self._answer is not None:
            self._show_rest(self._answer, told)
            self._turns += [("user", question), ("assistant", self._answer.text)]

    def _numbered(self, citation: Citation) -> str:
        """The number of a citation in square brackets; the same words have the same number."""
        spans = [(known.document, known.start, known.end) for known in self._sources]
        span = (citation.document, citation.start, citation.end)
        if span not in spans:
            self._sources.append(citation)
            spans.append(span)
        return f"[{spans.index(span) + 1}]"

    def _show_claim(self, claim: Claim, indent: str = "") -> None:
        line = Text(f"{indent}{SIGNS[claim.verdict]} ", style=STYLES[claim.verdict])
        line.append(plain(claim.text), style="default")
        line.append(" " + "".join(map(self._numbered, claim.citations)) if claim.citations else "", style="cyan")
        self._out.print(line)

    def _show_rest(self, answer: Answer, told: int) -> None:
        """What could not be told before the answer was complete, and the sources by their numbers."""
        show_how(self._out, answer)
        if answer.abstained or not told:
            self._out.print(Text(plain(answer.text)))
        for claim in answer.claims:
            for citation in claim.contradicted_by:
                told_so = f"  {message('contradicted_by', answer.language)} {self._numbered(citation)}: "
                self._out.print(Text(told_so, style="red").append(shortened(plain(claim.text)), style="default"))
        if answer.withheld:
            self._out.print(Text(message("withheld", answer.language, n=len(answer.withheld)) + ":", style="italic"))
            for claim in answer.withheld:
                self._show_claim(claim, "  ")
                self._out.print(Text(f"    {claim.reason}{': ' + claim.detail if claim.detail else ''}", style="dim"))
        if answer.abstained and answer.passages:
            self._out.print(Text(message("nearest", answer.language) + ":", style="italic"))
            for passage in answer.passages[:3]:
                spot = (passage.document, passage.page, passage.start, passage.end)
                self._numbered(Citation(*spot, passage.text, location=passage.location))
        for number, citation in enumerate(self._sources, start=1):
            where = place(citation.document, citation.page, answer.language, citation.location)
            line = f"  [{number}] {where}: “{shortened(plain(citation.quote))}”"
            self._out.print(Text(plain(line), style="dim"))

    def _show_source(self, wanted: str) -> None:
        number = int(wanted) if wanted.isascii() and wanted.isdigit() else 0
        if not 1 <= number <= len(self._sources):
            n = len(self._sources)
            self._out.print(
                Text(f"Sources go from 1 to {n}: /source 1" if n else "There is no source yet: ask first.", style="yellow")
            )
            return
        cited = self._sources[number - 1]
        found = self._engine.retriever.document(cited.document, self._filters)
        text = found[0].text if found else ""
        self._out.print(Text(plain(f"[{number}] {place(cited.document, cited.page, location=cited.location)}"), style="bold"))
        if text[cited.start : cited.end] != cited.quote:
            self._out.print(
                Text("The document was changed or is gone since the answer. The quoted words were:", style="yellow")
            )
            text, start, end = cited.quote, 0, len(cited.quote)
        else:
            start, end = cited.start, cited.end
        before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
        shown = Text(plain(before), style="dim")
        # The signs say the same without colour.
        shown.append(f">>>{plain(text[start:end])}<<<", style="bold not dim").append(plain(after))
        self._out.print(shown)


def _lines(is_person: bool) -> Iterator[str]:
    """Lines that say something, until the input ends; a person gets a prompt, and keys to edit and repeat lines."""
    if is_person:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  importing it is what it takes
    while True:
        try:
            line = input("\n> " if is_person else "").strip()
        except EOFError:
            return
        if line:
            yield line
