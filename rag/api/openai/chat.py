"""`POST /v1/chat/completions`: a checked answer as a completion, whole or in chunks, with its citations as annotations."""

import json
import time
from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field
from starlette.responses import Response

from rag.answers import Answer
from rag.api.asking import Besides, answering
from rag.api.auth import Asker, Caller
from rag.api.errors import GUARDED, ClientLeft, openai_shape, responses, told
from rag.api.openai import examples
from rag.api.openai.asked import Asked, Loose, Message, n_tokens, refuse, schema_of
from rag.api.openai.functions import offer_of, rounds_of
from rag.api.openai.items import tool_call
from rag.api.openai.names import MODEL, linker, new_id
from rag.api.openai.writing import Cited, Piece, Told
from rag.api.services import Services, Wired
from rag.stopping import Stop

router = APIRouter(prefix="/v1", tags=["OpenAI"])


class StreamOptions(Loose):
    """What a stream is to tell besides."""

    include_usage: bool | None = False


class Chat(Asked):
    """A conversation to be gone on with."""

    messages: list[Message] = Field(min_length=1, max_length=10_000)
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: str | None = None
    tools: list[dict[str, Any]] | None = Field(default=None, max_length=128)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None

    def require_possible(self) -> None:
        """Refuse what cannot be done.

        Raises: ApiError.
        """
        refuse(self.n not in (None, 1), "n", "a question has one answer")
        refuse(bool(self.logprobs), "logprobs", "an answer is checked, not sampled")
        refuse("audio" in (self.modalities or []), "modalities", "an answer is text")

    def besides(self, services: Services) -> Besides:
        """The functions of the client, and what they gave back.

        Raises: ApiError.
        """
        rounds = rounds_of(self.messages)
        choice, is_parallel = self.tool_choice, self.parallel_tool_calls
        offer = offer_of(self.tools or [], choice, is_parallel, services.engine.generator, rounds.n)
        return Besides(offer=offer, results=rounds.results)


@dataclass
class _Completion:
    """One completion on its way."""

    services: Services
    with_usage: bool
    may_call: bool
    id: str = field(default_factory=lambda: new_id("chatcmpl-"))
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, parts: Sequence[str | Piece | Told]) -> dict[str, Any]:
        pieces = [part for part in parts if isinstance(part, Piece)]
        end = parts[-1]
        assert isinstance(end, Told)
        text = "".join(piece.text for piece in pieces)
        is_refused = any(piece.is_refusal for piece in pieces)
        message = {
            "role": "assistant",
            "content": None if is_refused or end.answer.calls else text,
            "refusal": text if is_refused else None,
            **({"tool_calls": [tool_call(call) for call in end.answer.calls]} if end.answer.calls else {}),
            "annotations": _annotations([cited for piece in pieces for cited in piece.cited], 0),
        }
        choice = {"index": 0, "message": message, "finish_reason": _reason(end), "logprobs": None}
        usage = usage_of(self.services, end.answer, text)
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage, "grounding": end.answer.to_json()}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        usage = {"usage": None} if self.with_usage else {}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **usage, **more}

    def usage(self, answer: Answer, text: str) -> dict[str, Any]:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(self.services, answer, text)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}


@router.post(
    "/chat/completions",
    summary="Answer a conversation",
    responses=responses(
        *GUARDED, "unsupported", "question", "schema", "overloaded", "rag", "generator", "stopped", is_openai=True
    )
    | {
        200: {
            "description": "the completion, or chunks of it, with `tool_calls` where the model calls functions of the client; "
            "`grounding` is the answer object of POST /query",
            "content": {
                "application/json": {"example": examples.COMPLETION},
                "text/event-stream": {"example": examples.CHUNKS},
            },
        }
    },
)
async def complete(body: Chat, request: Request, caller: Asker, services: Wired) -> Response:
    """Answer what the user said last. Instructions of other roles are taken, and change nothing of how answers are made."""
    body.require_possible()
    schema = schema_of(body.response_format, "response_format")
    query = body.query(body.messages, body.reasoning_effort, schema, services)
    limit = body.max_completion_tokens or body.max_tokens
    writer = body.writer(services, linker(request, services), with_sources=schema is None, max_tokens=limit)

    besides = body.besides(services)

    def work(stop: Stop) -> Generator[str | Piece | Told, None, None]:
        return writer.write(answering(services, caller, query, stop, besides))

    with_usage = bool(body.stream_options and body.stream_options.include_usage)
    completion = _Completion(services, with_usage, may_call=besides.offer is not None)
    if not body.stream:
        return JSONResponse(await services.work.run(request, lambda stop: completion.whole(list(work(stop)))))
    parts = services.work.stream(request, work)
    await anext(parts)  # before this there is no turn, and the refusal is to be a status of its own
    events = _events(parts, completion, caller)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(
    parts: AsyncIterator[str | Piece | Told | None], completion: _Completion, caller: Caller
) -> AsyncIterator[str]:
    """Chunks as text/event-stream; an error on the way is the last of them."""
    yield data(completion.chunk({"role": "assistant", "content": None if completion.may_call else "", "refusal": None}))
    text, n_cited = "", 0
    try:
        async for part in parts:
            if isinstance(part, Piece):
                text += part.text
                annotations = {"annotations": _annotations(part.cited, n_cited)} if part.cited else {}
                n_cited += len(part.cited)
                yield data(completion.chunk({"refusal" if part.is_refusal else "content": part.text, **annotations}))
            elif isinstance(part, Told):
                for index, call in enumerate(part.answer.calls):
                    yield data(completion.chunk({"tool_calls": [{"index": index, **tool_call(call)}]}))
                yield data(completion.chunk({}, _reason(part), grounding=part.answer.to_json()))
                if completion.with_usage:
                    yield data(completion.usage(part.answer, text))
            elif part is None:
                yield ": still at it\n\n"
    except ClientLeft:
        return
    except Exception as error:  # noqa: BLE001  the status line is out: this is the edge
        yield data(openai_shape(told(error, caller.request_id))[0])
    yield "data: [DONE]\n\n"


def usage_of(services: Services, answer: Answer, text: str) -> dict[str, Any]:
    """Tokens as the generator counted them, where it does; else the prompt is taken for none, and the text is measured."""

    def told_of(name: str) -> int:
        return sum(int(account.get(name) or 0) for account in answer.accounts)

    prompt, reasoning = told_of("prompt_tokens"), told_of("reasoning_tokens")
    output = told_of("output_tokens") or n_tokens(services, text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def data(value: dict[str, Any]) -> str:
    """One object as an event that has no name."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _reason(end: Told) -> str:
    return "tool_calls" if end.answer.calls else "length" if end.is_cut else "stop"


def _annotations(cited: Sequence[Cited], first: int) -> list[dict[str, Any]]:
    """Citations as annotations; `index` is for clients that join the lists of several chunks by it."""
    return [
        {
            "type": "url_citation",
            "index": index,
            "url_citation": {
                "start_index": one.start,
                "end_index": one.end,
                "title": one.citation.document,
                "url": one.url,
                **one.extras(),
            },
        }
        for index, one in enumerate(cited, start=first)
    ]
