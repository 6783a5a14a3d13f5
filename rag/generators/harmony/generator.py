"""Drafts from gpt-oss by token ids: a search is made for it, it may make more of its own, then it must answer.

    seeded    the passages stand in the prompt as the result of a search; one run of the model
    agentic   the same, and the model may search again, open and find, at most `max_rounds` times

Functions of a client may be called in place of an answer, which ends the draft.

A run that ends without an answer (a call too many, reasoning without end, malformed output) is followed by one in which the
answer is forced: the prompt then ends where the answer begins. If that gives none either the draft is empty and its account
says why. Only the channel `final` is ever given out.
"""

import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from rag.answers import Call as ToolCall
from rag.errors import GeneratorUnavailable
from rag.generators import Draft, Request
from rag.generators.harmony.browser import TOOLS, Browser
from rag.generators.harmony.displays import MARKER
from rag.generators.harmony.final import FinalGuard, clean
from rag.generators.harmony.parsing import END, Call, Reader, Reply
from rag.generators.harmony.rendering import MAX_TURNS, Renderer
from rag.generators.harmony.vocabulary import encoding
from rag.messages import is_message
from rag.monitor import Monitor
from rag.prompt import REWRITE_TOKENS
from rag.tools import Offer

# Tokens kept back for an answer that has to be forced because the reasoning does not end.
_FORCED_TOKENS = 512
# A display smaller than this is not worth a round.
_LEAST_DISPLAY_TOKENS = 200


@dataclass(frozen=True)
class Settings:
    """How drafts are written.

    `max_prompt_tokens` bounds the prompt before any round of the model's own; `max_output_tokens` all that it writes for one
    draft, reasoning included; `timeout_s` the whole draft. `date` is shown to the model, empty for today's.
    """

    mode: Literal["seeded", "agentic"] = "seeded"
    max_rounds: int = 3
    effort: str = "low"
    max_prompt_tokens: int = 6000
    max_output_tokens: int = 2048
    timeout_s: float = 120.0
    date: str = ""


class Runtime(Protocol):
    """What computes the tokens."""

    name: str

    def context_tokens(self) -> int:
        """The longest prompt and output together, in tokens; loads the model or asks the server.

        Raises: GeneratorError.
        """
        ...

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float) -> Generator[Sequence[int], None, None]:
        """Give the ids that follow, as they come, up to and with a stop token; closing the generator stops the work.

        Raises: GeneratorError; TimeoutError when it takes longer than `timeout_s`.
        """
        ...

    def check(self) -> str:
        """Say what would run, without running it.

        Raises: GeneratorError.
        """
        ...


@dataclass
class _Work:
    """One draft on its way. `ids` is the prompt so far, `account` what the receipt will tell of it.

    `max_tokens` bounds all that the model writes for it, `max_rounds` the calls that it may make. `wanted`: a call of one of
    the functions on `offer`.
    """

    browser: Browser
    ids: list[int]
    account: dict[str, Any]
    deadline: float
    context: int
    max_tokens: int
    max_rounds: int
    is_json: bool = False
    text: str = ""
    offer: Offer | None = None
    wanted: Call | None = None
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def draft(self, *, is_last: bool = False) -> Draft:
        """What is known of the draft; the account is complete with the last one."""
        displays = self.browser.displays
        if is_last:
            self.account["rounds"] = len(self.calls)
            self.account |= {} if self.is_json else {"invalid_markers": displays.n_invalid(self.text)}
            self.account["problem"] = None if self.text or self.wanted else "; ".join(self.problems)
        return Draft(
            text=self.text,
            declined=is_message("abstain", MARKER.sub("", self.text).strip("*_ ")),
            places=displays,
            found=self.browser.found,
            account=dict(self.account),
            calls=(ToolCall(f"call_{uuid.uuid4().hex}", self.wanted.name, self.wanted.arguments),) if self.wanted else (),
        )


class HarmonyGenerator:
    """gpt-oss on a runtime. What it reasons goes to the monitor if there is one, and nowhere else."""

    can_repair = True
    can_fill = True
    can_rewrite = True
    can_call = True

    def __init__(self, runtime: Runtime, settings: Settings, monitor: Monitor | None = None) -> None:
        self.name = f"gpt-oss:{runtime.name}"
        self.runtime = runtime
        self.settings = settings
        self._monitor = monitor

    def generate(self, request: Request) -> Draft:
        """Write a draft.

        Raises: GeneratorError when the model cannot be loaded or used; GeneratorUnavailable when it cannot be reached, or the
            question leaves no room for a passage.
        """
        draft = Draft()
        for piece in self.stream(request):
            draft = piece if isinstance(piece, Draft) else draft
        return draft

    def stream(self, request: Request) -> Iterator[str | Draft]:
        """Write a draft and give it as it comes, whole sentences at a time.

        Raises: as `generate`.
        """
        settings = self.settings
        rounds = settings.max_rounds if settings.mode == "agentic" and not request.is_rewrite else 0
        renderer = Renderer(encoding(), date=settings.date or date.today().isoformat(), max_rounds=rounds)
        work = self._begin_rewriting(request, renderer) if request.is_rewrite else self._begin(request, renderer, rounds)
        yield work.draft()
        is_forced = False
        while True:
            reply, written = yield from self._run(work, renderer, is_forced=is_forced)
            if self._monitor is not None:
                self._monitor.record(request.question, self.name, reply)
            work.wanted = _wanted(work.offer, reply.call)
            if work.text or work.wanted:
                break
            if is_forced or work.seconds_left() <= 0:
                work.problems.append("the model wrote nothing that may be shown")
                break
            is_forced = not self._goes_on(work, renderer, reply, written)
            yield work.draft()
        yield work.draft(is_last=True)

    def _begin_rewriting(self, request: Request, renderer: Renderer) -> _Work:
        """Put the prompt together that asks for no answer but for the question; its length is bounded as it stands."""
        effort = request.effort or self.settings.effort
        ids = renderer.rewriting(request, effort)
        n_tokens = min(REWRITE_TOKENS, self.settings.max_output_tokens)
        account = _begun(effort, len(ids) + len(renderer.assistant))
        deadline = time.monotonic() + self.settings.timeout_s
        return _Work(Browser(None, renderer.count), ids, account, deadline, self.runtime.context_tokens(), n_tokens, 0)

    def _begin(self, request: Request, renderer: Renderer, rounds: int) -> _Work:
        """Put the prompt together within its limit: turns give way to passages, the oldest first; what is out is told."""
        settings = self.settings
        effort = request.effort or settings.effort
        context = self.runtime.context_tokens()
        limit = min(settings.max_prompt_tokens, context - settings.max_output_tokens)
        turns = sum(role in ("user", "assistant") for role, _ in request.turns)
        query = request.searched or request.question
        search = renderer.call("browser.search", {"query": query})
        for n_turns in range(min(MAX_TURNS, turns), -1, -1):
            ids = [*renderer.conversation(request, effort, n_turns), *search]
            browser = Browser(request.library, renderer.count)
            shown, n = browser.results(query, request.passages, limit - len(ids))
            if n or not request.passages:
                break
        else:
            raise GeneratorUnavailable(
                f"cannot ask the model: not one passage fits into {limit:,} tokens beside the question and the rules. Raise "
                "generator.max_prompt_tokens, lower generator.max_output_tokens, or give the model a larger context."
            )
        ids += renderer.result("browser.search", shown)
        account = {
            "mode": settings.mode,
            **_begun(effort, len(ids) + len(renderer.assistant)),
            "passages_left_out": [passage.chunk for passage in request.passages[n:]],
            "turns_left_out": turns - n_turns,
        }
        deadline = time.monotonic() + settings.timeout_s
        n_tokens, is_json = settings.max_output_tokens, request.schema is not None
        return _Work(browser, ids, account, deadline, context, n_tokens, rounds, is_json=is_json, offer=request.offer)

    def _run(self, work: _Work, renderer: Renderer, *, is_forced: bool) -> Generator[str, None, tuple[Reply, list[int]]]:
        """Let the model write once; gives the pieces of its answer, JSON as a whole, and returns its reply and the ids."""
        reader, guard = Reader(encoding(), forced_final=is_forced), FinalGuard()
        prompt = [*work.ids, *renderer.assistant, *(renderer.final if is_forced else ())]
        written: list[int] = []
        try:
            with closing(self._completed(work, prompt, is_forced=is_forced)) as completed:
                for ids in completed:
                    written += ids
                    news = reader.feed(ids)
                    piece = "" if work.is_json else guard.feed(news)
                    work.text += piece
                    if piece:
                        yield piece
                    if reader.is_done:
                        break
        except TimeoutError:
            work.problems.append(f"it did not end within {self.settings.timeout_s:g} s (generator.timeout_s)")
        reply = reader.reply()
        rest = reply.final.strip() if work.is_json else clean(reply.final, is_cut=reply.is_cut)[len(work.text) :]
        if work.is_json and reply.is_cut and rest and not rest.endswith("}"):
            work.problems.append("its tokens or its time were used up before the JSON was whole")
            rest = ""
        work.text += rest
        for key, n in (("runs", 1), ("output_tokens", reply.n_tokens), ("reasoning_tokens", reply.n_reasoning_tokens)):
            work.account[key] += n
        work.account["malformed"] += reply.n_malformed
        if rest:
            yield rest
        return reply, written

    def _completed(self, work: _Work, prompt: list[int], *, is_forced: bool) -> Generator[Sequence[int], None, None]:
        """The ids that the runtime gives, within what is left of tokens, context and time."""
        reserve = 0 if is_forced else min(_FORCED_TOKENS, work.max_tokens // 2)
        left = work.max_tokens - work.account["output_tokens"]
        room = min(left - reserve, work.context - len(prompt) - reserve)
        with closing(self.runtime.complete(prompt, max_tokens=max(room, 1), timeout_s=max(work.seconds_left(), 0.1))) as ids:
            for some in ids:
                yield some
                if work.seconds_left() <= 0:
                    raise TimeoutError

    def _goes_on(self, work: _Work, renderer: Renderer, reply: Reply, written: list[int]) -> bool:
        """After a run without an answer, put into the prompt what it did; false when the next run is to be forced to answer."""
        call = reply.call
        if call is None:
            work.problems.append("its reasoning did not end" if reply.is_cut else "its output held no answer")
            if reply.is_cut and not reply.n_malformed:  # what it thought so far serves the answer
                work.ids += [*renderer.assistant, *written, END]
            return False
        left = work.max_tokens - work.account["output_tokens"]
        room = work.context - len(work.ids) - len(written) - left
        if len(work.calls) >= work.max_rounds or call in work.calls or room < _LEAST_DISPLAY_TOKENS:
            work.problems.append(f"it called `{call.name}` instead of answering")
            return False
        work.calls.append(call)
        shown = work.browser.call(call.name, call.arguments, room)
        work.ids += [*renderer.assistant, *written]
        work.ids += renderer.result(call.name if call.name in TOOLS else f"browser.{call.name}", shown)
        return True


def _wanted(offer: Offer | None, call: Call | None) -> Call | None:
    """The call where it is one of a function on offer, and not of the browser."""
    is_function = offer is not None and call is not None and call.name not in TOOLS and offer.has(call.name)
    return call if is_function else None


def _begun(effort: str, n_prompt: int) -> dict[str, Any]:
    """What the account of a draft begins with."""
    counted = {"output_tokens": 0, "reasoning_tokens": 0, "runs": 0, "malformed": 0}
    return {"effort": effort, "prompt_tokens": n_prompt, **counted}
