"""`/v1/responses`: a checked answer as a response, whole or as events, and those that were kept."""

import json
import time
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field
from starlette.responses import Response

from rag.access.kept import Kept
from rag.answers import Answer
from rag.api.asking import MAX_TURNS, Besides, Query, answering, documents_shown
from rag.api.auth import Asker, Caller
from rag.api.errors import GUARDED, ApiError, ClientLeft, openai_shape, responses, told
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.asked import Asked, Loose, Message, refuse, schema_of
from rag.api.openai.chat import usage_of
from rag.api.openai.files import After, Limit, Order, cut
from rag.api.openai.functions import Rounds, offer_of, rounds_of
from rag.api.openai.items import CALL, item_of, messages_of, messages_of_items, turns_of_calls
from rag.api.openai.names import linker, new_id, score_of
from rag.api.openai.replies import EventWriter, Reply, names_of_found
from rag.api.openai.stores import threshold, wanted
from rag.api.openai.writing import Piece, Told, Writer
from rag.api.services import Services, Wired
from rag.stopping import Stop

router = APIRouter(prefix="/v1", tags=["OpenAI"])
_RESULTS = "file_search_call.results"


class Reasoning(Loose):
    """How much a model is to reason."""

    effort: str | None = None


class Ask(Asked):
    """What is asked, and what goes with it."""

    input: str | list[dict[str, Any]]
    instructions: str | None = None
    previous_response_id: str | None = Field(default=None, max_length=200)
    store: bool | None = True
    include: list[str] | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    tools: list[dict[str, Any]] = Field(default=[], max_length=128)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    background: bool | None = None
    conversation: Any = None
    prompt: Any = None
    citations: Literal["file", "url"] = Field(default="file", description="`url`: annotations of type `url_citation`")

    def require_possible(self) -> None:
        """Refuse what cannot be done.

        Raises: ApiError.
        """
        refuse(bool(self.background), "background", "an answer is waited for")
        refuse(self.conversation is not None, "conversation", "there are none; previous_response_id goes on with a response")
        refuse(self.prompt is not None, "prompt", "there are no stored prompts")

    def messages(self) -> list[Message]:
        """The messages of the input, calls and their results among them; items of other kinds are passed over."""
        if isinstance(self.input, str):
            return [Message(role="user", content=self.input)]
        return list(messages_of_items(self.input))

    def besides(self, rounds: Rounds, services: Services, caller: Caller) -> Besides:
        """What its tools ask for: a search in some documents only, and functions that may be called.

        Raises: ApiError.
        """
        least = threshold(self.tools)
        choice, is_parallel = self.tool_choice, self.parallel_tool_calls
        return Besides(
            wanted(self.tools, services, caller),
            None if least is None else score_of(least),
            offer_of(self.tools, choice, is_parallel, services.engine.generator, rounds.n),
            rounds.results,
        )

    def top(self) -> int | None:
        """How many passages a search tool wants."""
        numbers = [tool.get("max_num_results") for tool in self.tools if tool.get("type") == "file_search"]
        return self.top_k or next((number for number in numbers if isinstance(number, int) and 1 <= number <= 100), None)

    def echo(self) -> dict[str, Any]:
        """What a response repeats of its request."""
        return {
            "instructions": self.instructions,
            "metadata": self.metadata or {},
            "previous_response_id": self.previous_response_id,
            "reasoning": {"effort": self.reasoning.effort if self.reasoning else None, "summary": None},
            "max_output_tokens": self.max_output_tokens,
            "store": self.store is not False,
            "temperature": None,
            "top_p": None,
            "text": {"format": (self.text or {}).get("format") or {"type": "text"}},
            "tool_choice": self.tool_choice or "auto",
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "tools": [tool for tool in self.tools if tool.get("type") in ("file_search", "function")],
            "truncation": "disabled",
        }


@dataclass(frozen=True)
class _Work:
    """One response to be made, kept once it is complete."""

    services: Services
    caller: Caller
    query: Query
    besides: Besides
    rounds: Rounds
    writer: Writer
    reply: Reply
    before: Kept | None
    is_kept: bool

    def run(self, stop: Stop) -> Generator[str | Piece | Told, None, None]:
        """Answer; the reply has taken in whatever is yielded."""
        events = answering(self.services, self.caller, self.query, stop, self.besides)
        for part in self.writer.write(events):
            if not isinstance(part, Told):
                self.reply.take(part)
            else:
                self.reply.take(part, self._usage(part.answer))
                if self.reply.with_results:
                    self._note(names_of_found(part.answer))
                if self.is_kept:
                    self._keep(part.answer)
            yield part

    def _note(self, documents: list[str]) -> None:
        """Note what the caller is shown besides what the answer cites."""
        self.services.audit.write(self.caller.principal, "search", self.caller.request_id, documents, self.query.question)

    def _usage(self, answer: Answer) -> dict[str, Any]:
        usage = usage_of(self.services, answer, self.reply.text)
        return {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": usage["completion_tokens_details"],
            "total_tokens": usage["total_tokens"],
        }

    def _keep(self, answer: Answer) -> None:
        asked = [(turn.role, turn.text) for turn in self.query.turns]
        said = turns_of_calls(answer.calls) or [("assistant", answer.text)]
        turns = [*asked, ("user", self.query.question), *self.rounds.turns, *said]
        shown = documents_shown(answer)
        if self.before is not None:
            shown += self.before.documents
        if self.reply.with_results:
            shown += names_of_found(answer)
        self.services.kept.add(self.caller.principal, self.reply.id, self.reply.whole(), turns, shown)


_ERRORS = responses(
    *GUARDED, "unsupported", "not_found", "question", "schema", "overloaded", "rag", "generator", "stopped", is_openai=True
)


@router.post(
    "/responses",
    summary="Answer as a response",
    responses=_ERRORS
    | {
        200: {
            "description": "the response, or its events, with items `function_call` where the model calls functions of the "
            "client; `grounding` is the answer object of POST /query",
            "content": {
                "application/json": {"example": examples.RESPONSE},
                "text/event-stream": {"example": examples.RESPONSE_EVENTS},
            },
        }
    },
)
async def respond(body: Ask, request: Request, caller: Asker, services: Wired) -> Response:
    """Answer what the user asked last. `instructions` are repeated; they do not change how that is done."""
    work = await run_in_threadpool(_prepared, body, request, caller, services)  # reads the database and the store
    if not body.stream:
        await services.work.run(request, lambda stop: list(work.run(stop)))
        return JSONResponse(work.reply.whole())
    parts = services.work.stream(request, work.run)
    await anext(parts)  # before this there is no turn, and the refusal is to be a status of its own
    events = _events(parts, EventWriter(work.reply), caller)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _prepared(body: Ask, request: Request, caller: Caller, services: Services) -> _Work:
    """What is to be done for a body.

    Raises: ApiError when it cannot be; QuestionError; SchemaError.
    """
    body.require_possible()
    previous = body.previous_response_id
    before = _kept(previous, services, caller, "previous_response_id") if previous else None
    messages = [*(messages_of(before.turns[-MAX_TURNS:]) if before else ()), *body.messages()]
    rounds = rounds_of(messages)
    schema = schema_of((body.text or {}).get("format"), "text")
    query = body.query(messages, body.reasoning.effort if body.reasoning else None, schema, services)
    with_results, with_urls = _RESULTS in (body.include or []), body.citations == "url"
    reply = Reply(new_id("resp_"), int(time.time()), query.question, body.echo(), with_results, with_urls)
    return _Work(
        services,
        caller,
        query.model_copy(update={"top_k": body.top()}),
        body.besides(rounds, services, caller),
        rounds,
        body.writer(services, linker(request, services), with_sources=False, max_tokens=body.max_output_tokens),
        reply,
        before,
        body.store is not False,
    )


@router.get(
    "/responses/{id}",
    summary="A response that was kept",
    responses=responses(*GUARDED, "not_found", is_openai=True) | {200: shown(examples.RESPONSE, "the response")},
)
def kept(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Give a response again: to whoever it was made for, as long as all documents that it cites are theirs to read."""
    found = _kept(id, services, caller, "response_id")
    services.audit.write(caller.principal, "response", caller.request_id, found.documents)
    return dict(found.body)


@router.get(
    "/responses/{id}/input_items",
    summary="What a response that was kept answers",
    responses=responses(*GUARDED, "not_found", is_openai=True) | {200: shown(examples.INPUT_ITEMS, "one page of the list")},
)
def input_items(
    id: str, caller: Asker, services: Wired, after: After = "", limit: Limit = 20, order: Order = "desc"
) -> dict[str, Any]:
    """List the turns up to the question, those of the responses that it goes on with among them."""
    found = _kept(id, services, caller, "response_id")
    services.audit.write(caller.principal, "response", caller.request_id, found.documents)
    asked = found.turns[:-1]
    while asked and asked[-1][0] == CALL and found.turns[-1][0] == CALL:  # several calls are one answer
        asked = asked[:-1]
    items = [item_of(f"{number}_{id}", role, text) for number, (role, text) in enumerate(asked)]
    return cut(items if order == "asc" else items[::-1], after, limit)


@router.delete(
    "/responses/{id}",
    summary="Delete a response that was kept",
    responses=responses(*GUARDED, "not_found", is_openai=True) | {200: shown(examples.DELETED_RESPONSE, "it is gone")},
)
def delete(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Delete a response. Only whoever it was made for can."""
    if not services.kept.delete(caller.principal, id):
        raise _not_found(id, "response_id")
    return {"id": id, "object": "response", "deleted": True}


async def _events(parts: AsyncIterator[str | Piece | Told | None], events: EventWriter, caller: Caller) -> AsyncIterator[str]:
    """Events as text/event-stream; one that says what failed is the last of them."""
    for event in events.opening():
        yield _as_text(event)
    try:
        async for part in parts:
            if part is None:
                yield ": still at it\n\n"
                continue
            for event in events.more() if not isinstance(part, str) else ():
                yield _as_text(event)
    except ClientLeft:
        return
    except Exception as error:  # noqa: BLE001  the status line is out: this is the edge
        yield _as_text(events.failed(openai_shape(told(error, caller.request_id))[0]["error"]))


def _kept(identity: str, services: Services, caller: Caller, param: str) -> Kept:
    """What is kept of this caller, if it shows nothing that the caller may not read by now.

    Raises: ApiError.
    """
    found = services.kept.get(caller.principal, identity)
    if found is not None and caller.readable is not None:
        states = services.engine.retriever.snapshot().states
        if not all(name in states and caller.readable(states[name]) for name in found.documents):
            found = None
    if found is None or found.body.get("object") != "response":
        raise _not_found(identity, param)
    return found


def _not_found(identity: str, param: str) -> ApiError:
    why = "none of this id was kept for you, or it shows documents that you may not read now"
    return ApiError("not_found", f"cannot find response `{identity[:100]}`: {why}. Ask again.", param=param)


def _as_text(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
