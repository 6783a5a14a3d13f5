"""Conversations: `/conversations`. Each belongs to its user alone; an administrator sees no other's either.

An answer that was kept quotes documents. Where its user may no longer read one of them, the answer is not given out either.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from rag.access.conversations import MAX_TITLE_CHARS, Conversation, Exchange
from rag.access.principals import Principal
from rag.access.rights import Readable
from rag.api import examples
from rag.api.auth import Asker
from rag.api.bodies import Body
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.services import Services, Wired

router = APIRouter(prefix="/conversations", tags=["Conversations"])

_MAX_TURNS = 20  # of the latest; more would fill the prompt of a small model


class Title(Body):
    """What a conversation is called."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Leave and holidays"}]})

    title: str = Field(min_length=1, max_length=4 * MAX_TITLE_CHARS)


@router.post(
    "",
    status_code=201,
    summary="Begin a conversation",
    responses=responses(*GUARDED) | {201: examples.shown(examples.CONVERSATION, "it is kept")},
)
def begin(body: Title, caller: Asker, services: Wired) -> dict[str, Any]:
    """Begin a conversation; `POST /query` with its id as `conversation` continues it."""
    return _json(services.conversations.begin(caller.principal, body.title))


@router.get(
    "",
    summary="List conversations",
    responses=responses(*GUARDED) | {200: examples.shown(examples.CONVERSATIONS, "the one used last comes first")},
)
def listed(
    caller: Asker,
    services: Wired,
    text: Annotated[str, Query(max_length=200, description="only those with these words in title or questions")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List the caller's conversations. `total` counts all of them."""
    found = services.conversations.listed(caller.principal, text)
    return {"conversations": [_json(conversation) for conversation in found[:limit]], "total": len(found)}


@router.get(
    "/{id}",
    summary="Read a conversation",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.SAID, "everything said in it")},
)
def read(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Give questions and answers. `answer` is null where the caller may no longer read what it quotes.

    `changed` names the cited documents that are not as they were when they were cited, or are gone.
    """
    conversation, exchanges = _found(services, caller.principal, id)
    states = services.engine.retriever.snapshot().states
    said = []
    for exchange in exchanges:
        then: Mapping[str, str] = exchange.answer["receipt"].get("documents", {})
        changed = [name for name, sha256 in then.items() if name not in states or states[name].sha256 != sha256]
        is_shown = _may_see(services, exchange, caller.readable)
        said.append(
            {
                "id": exchange.id,
                "at": exchange.at,
                "question": exchange.question,
                "answer": exchange.answer if is_shown else None,
                "changed": changed if is_shown else [],
            }
        )
    return {**_json(conversation), "turns": said}


@router.patch(
    "/{id}",
    summary="Rename a conversation",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.CONVERSATION, "it has its new title")},
)
def rename(id: str, body: Title, caller: Asker, services: Wired) -> dict[str, Any]:
    """Give a conversation another title."""
    if not services.conversations.rename(caller.principal, id, body.title):
        raise _not_found(id)
    return _json(_found(services, caller.principal, id)[0])


@router.delete("/{id}", status_code=204, summary="Delete a conversation", responses=responses(*GUARDED, "not_found"))
def delete(id: str, caller: Asker, services: Wired) -> Response:
    """Delete a conversation and everything said in it."""
    if not services.conversations.delete(caller.principal, id):
        raise _not_found(id)
    return Response(status_code=204)


def turns_of(services: Services, principal: Principal, id: str, readable: Readable | None) -> list[tuple[str, str]]:
    """The latest turns of a conversation as the pipeline takes them, without answers that may no longer be seen.

    Raises: ApiError when the principal has no such conversation.
    """
    exchanges = _found(services, principal, id)[1]
    turns = list(_turns(services, exchanges, readable))
    return turns[-_MAX_TURNS:]


def _turns(services: Services, exchanges: list[Exchange], readable: Readable | None) -> Iterator[tuple[str, str]]:
    for exchange in exchanges:
        yield "user", exchange.question
        if _may_see(services, exchange, readable):
            yield "assistant", str(exchange.answer["text"])


def _may_see(services: Services, exchange: Exchange, readable: Readable | None) -> bool:
    """False where a document that the answer cites is in the store, but no longer for this reader."""
    if readable is None:
        return True
    states = services.engine.retriever.snapshot().states
    cited = exchange.answer["receipt"].get("documents", {})
    return all(name not in states or readable(states[name]) for name in cited)


def _found(services: Services, principal: Principal, id: str) -> tuple[Conversation, list[Exchange]]:
    found = services.conversations.find(principal, id)
    if found is None:
        raise _not_found(id)
    return found


def _not_found(id: str) -> ApiError:
    why = "there is no such conversation, or it is not yours. GET /conversations lists them."
    return ApiError("not_found", f"cannot show conversation `{id[:100]}`: {why}")


def _json(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
        "questions": conversation.n_questions,
    }
