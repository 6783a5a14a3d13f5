"""Questions: `POST /query`, whole or as a stream, and `POST /search`. Only what the caller may read is found."""

import json
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ingest.analysis import detect_language
from rag.access.rights import Readable, both
from rag.answers import Answer, Claim, Policy
from rag.api import examples
from rag.api.auth import Asker, Caller
from rag.api.bodies import Body
from rag.api.conversations import turns_of
from rag.api.errors import GUARDED, ClientLeft, responses, told
from rag.api.services import Services, Wired
from rag.pipeline import Event
from rag.questions import Options, checked_question, search_text
from rag.retriever import Filters
from rag.schema import AnswerSchema, make_schema
from rag.stopping import Stop, stoppable
from rag.streaming import answer_events
from rag.structured import require_writer
from rag.tools import Offer, Result, is_tool_document

router = APIRouter(tags=["Questions"])

MAX_TURNS = 100
MAX_TURN_CHARS = 100_000


class Turn(Body):
    """One turn of a conversation."""

    role: str = Field(max_length=20)
    text: str = Field(max_length=MAX_TURN_CHARS)


class Narrowed(BaseModel):
    """What a search may be restricted to, and how much it is to find."""

    documents: list[str] = Field(default=[], max_length=100, description="names or globs to restrict the search to")
    languages: list[str] = Field(default=[], max_length=20, description="language codes to restrict the search to")
    types: list[str] = Field(default=[], max_length=20, description="file types to restrict the search to, such as pdf")
    sources: list[str] = Field(default=[], max_length=100, description="sources to restrict the search to")
    since: date | None = Field(default=None, description="only files last changed on this day (UTC) or later")
    until: date | None = Field(default=None, description="only files last changed on this day (UTC) or earlier")
    top_k: int | None = Field(default=None, ge=1, le=100, description="how many passages to find, or to answer from")


class Search(Narrowed, Body):
    """A question, with the turns before it and filters if there are any."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"question": "hotel limit in Madrid", "types": ["pdf"]}]})

    question: str = Field(description="the question; its language decides that of the product's own words")
    turns: list[Turn] = Field(default=[], max_length=MAX_TURNS, description="earlier turns, oldest first")

    def filters(self, readable: Readable | None) -> Filters:
        """The filters of the question, narrowed to what may be read."""
        return Filters(
            tuple(self.documents),
            tuple(self.languages),
            tuple(self.types),
            tuple(self.sources),
            readable,
            self.since,
            self.until,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """The turns as the pipeline takes them."""
        return [(turn.role, turn.text) for turn in self.turns]


class Query(Search):
    """A question to be answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"question": "How many days of leave can be carried over?"}]})

    policy: Policy | None = Field(default=None, description="what becomes of unsupported claims; not set: as configured")
    effort: Literal["", "low", "medium", "high"] = Field(
        default="", description="how much gpt-oss is to reason; empty: as configured"
    )
    schema_: dict[str, Any] | None = Field(
        default=None, alias="schema", description="a JSON Schema: the answer's `value` is JSON that keeps to it"
    )
    conversation: str | None = Field(
        default=None, max_length=100, description="conversation to continue and to keep the answer in; its turns go first"
    )
    stream: bool = Field(default=False, description="send server-sent events, as `Accept: text/event-stream` does")

    def answer_schema(self) -> AnswerSchema | None:
        """What the answer is to keep to.

        Raises: SchemaError when it cannot be used.
        """
        return None if self.schema_ is None else make_schema(self.schema_)


@router.post(
    "/query",
    summary="Ask a question",
    responses=responses(*GUARDED, "not_found", "question", "schema", "overloaded", "rag", "generator", "stopped")
    | {
        200: {
            "description": "the answer, or events: `status`, each `claim` once it was checked, at the end `answer` or `error`",
            "content": {
                "application/json": {"example": examples.ANSWER},
                "text/event-stream": {"example": examples.EVENTS},
            },
        }
    },
)
async def query(body: Query, request: Request, caller: Asker, services: Wired) -> Response:
    """Answer from the documents. An abstention is an answer too: status 200, `abstained` true."""
    checked_question(body.question, services.engine.max_question_chars)
    if body.answer_schema() is not None:
        require_writer(services.engine.generator)
    if body.conversation is not None:
        await run_in_threadpool(turns_of, services, caller.principal, body.conversation, caller.readable)
    if not (body.stream or "text/event-stream" in request.headers.get("accept", "")):
        answer = await services.work.run(request, lambda stop: _last(answering(services, caller, body, stop)))
        return JSONResponse(answer.to_json())
    events = services.work.stream(request, lambda stop: answering(services, caller, body, stop))
    await anext(events)  # before this there is no turn, and the refusal is to be a status of its own
    return StreamingResponse(_as_text(events, caller), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post(
    "/search",
    summary="Find passages",
    responses=responses(*GUARDED, "question", "overloaded", "stopped")
    | {200: examples.shown(examples.PASSAGES, "passages, best first")},
)
async def search(body: Search, request: Request, caller: Asker, services: Wired) -> JSONResponse:
    """Find passages without answering. Positions count in the document's text."""
    question = checked_question(body.question, services.engine.max_question_chars)

    def work(stop: Stop) -> dict[str, Any]:
        language = detect_language(question)
        filters = body.filters(services.rights.readable(caller.principal))
        found = services.engine.retriever.find(search_text(question, body.pairs()), body.top_k or 10, filters, language)
        names = [passage.document for passage in found]
        services.audit.write(caller.principal, "search", caller.request_id, names, question)
        return {"passages": [passage.to_json() for passage in found]}

    return JSONResponse(await services.work.run(request, work))


@dataclass(frozen=True)
class Besides:
    """What only OpenAI's clients ask for.

    `wanted` restricts an answer to some documents, of those that the caller may read, `min_score` to passages of such a score.
    `offer`: functions of the client that a model may call; `results`: what they gave back for the question.
    """

    wanted: Readable | None = None
    min_score: float | None = None
    offer: Offer | None = None
    results: tuple[Result, ...] = ()


def answering(
    services: Services, caller: Caller, body: Query, stop: Stop, besides: Besides = Besides()
) -> Generator[Event, None, None]:
    """The events of one answer; whatever was shown is in the audit log, also where it was broken off."""
    # Asked again, as the question may have waited for its turn: a right that was taken away meanwhile is gone.
    readable = both(services.rights.readable(caller.principal), besides.wanted)
    filters = replace(body.filters(readable), min_score=besides.min_score)
    said = turns_of(services, caller.principal, body.conversation, readable) if body.conversation else []
    turns = [*said, *body.pairs()]
    options = Options(turns, filters, body.top_k, uuid.uuid4().hex, body.policy, body.effort, body.answer_schema())
    options = replace(options, offer=besides.offer, results=besides.results)
    seen: list[str] = []
    try:
        engine = replace(stoppable(services.engine, stop), on_lap=caller.span.lap)
        with closing(answer_events(engine, body.question, options)) as events:
            for event in events:
                stop.check()
                if event[0] == "claim":
                    seen += documents_of(event[1])
                elif event[0] == "answer":
                    seen += documents_shown(event[1])
                    count(services, caller, event[1])
                    if body.conversation:
                        services.conversations.add(caller.principal, body.conversation, body.question, event[1].to_json())
                yield event
    finally:
        services.audit.write(caller.principal, "query", caller.request_id, seen, body.question)


def count(services: Services, caller: Caller, answer: Answer) -> None:
    """Count an answer, and keep the question where there is none."""
    services.metrics.count(answer)
    caller.span.answered(answer)
    if answer.abstained and answer.reason != "generator_failed":
        services.unanswered.add(answer.question, answer.reason or "")


def documents_shown(answer: Answer) -> list[str]:
    """Names of the documents that an answer shows something of."""
    if answer.calls:  # a model wrote their arguments that had read every passage
        return [passage.document for passage in answer.passages if not is_tool_document(passage.document)]
    return [name for claim in (*answer.claims, *answer.withheld) for name in documents_of(claim)]


def documents_of(claim: Claim) -> list[str]:
    """Names of the documents that a claim shows something of."""
    cited = [*claim.citations, *claim.contradicted_by, *([claim.suggestion] if claim.suggestion else [])]
    return [citation.document for citation in cited if not is_tool_document(citation.document)]


def _last(events: Iterator[Event]) -> Answer:
    """The answer at the end of its events."""
    *_, last = events
    assert last[0] == "answer"
    return last[1]


async def _as_text(events: AsyncIterator[Event | None], caller: Caller) -> AsyncIterator[str]:
    """Events as text/event-stream; an error on the way is the last of them."""
    try:
        async for event in events:
            if event is None:
                yield ": still at it\n\n"
            elif event[0] == "status":
                yield _event("status", {"stage": event[1]})
            elif event[0] == "claim":
                # Its place is told with the answer: in a draft still being written it has none.
                yield _event("claim", event[1].to_json(withheld=True))
            else:
                yield _event("answer", event[1].to_json())
    except ClientLeft:
        return
    except Exception as error:  # noqa: BLE001  the status line is out: this is the edge
        yield _event("error", told(error, caller.request_id))


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
