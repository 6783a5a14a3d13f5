"""Conversations: `/conversations`. Each belongs to its user alone; an administrator sees no other's either.

An answer that was kept quotes documents. Where its user may no longer read one of them, the answer is not given out either.
Whoever has a conversation may share it: everybody who may ask and has its link can read it then. Such a reader sees an answer
only who may read every document that it was drawn from, cited or not, as far as that can still be told.
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

_Words = Annotated[str, Query(max_length=200, description="only those with these words in title or questions")]

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
    return _json(services.conversations.begin(caller.principal, body.title), caller.principal)


@router.get(
    "",
    summary="List conversations",
    responses=responses(*GUARDED) | {200: examples.shown(examples.CONVERSATIONS, "the one used last comes first")},
)
def listed(
    caller: Asker,
    services: Wired,
    text: _Words = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List the caller's conversations. `total` counts all of them."""
    found, total = services.conversations.listed(caller.principal, text, limit)
    return {"conversations": [_json(conversation, caller.principal) for conversation in found], "total": total}


@router.get(
    "/{id}",
    summary="Read a conversation",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.SAID, "everything said in it")},
)
def read(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Give questions and answers. `answer` is null where the caller may no longer read what it, or one before it, quotes.

    `changed` names the cited documents that are not as they were when they were cited, or are gone.
    """
    conversation, exchanges = _found(services, caller.principal, id)
    is_own = conversation.owner == caller.principal.name
    states = services.engine.retriever.snapshot().states
    said: list[dict[str, Any]] = []
    shown: list[str] = []
    is_shown = True
    for exchange in exchanges:
        then: Mapping[str, str] = exchange.answer["receipt"].get("documents", {})
        changed = [name for name, sha256 in then.items() if name not in states or states[name].sha256 != sha256]
        # Later answers were written by who had read this one, and may repeat it.
        is_shown = is_shown and (_may_see if is_own else _may_see_of_others)(services, exchange, caller.readable)
        shown += list(then) if is_shown else []
        said.append(
            {
                "id": exchange.id,
                "at": exchange.at,
                "question": exchange.question,
                "answer": exchange.answer if is_shown else None,
                "changed": changed if is_shown else [],
            }
        )
    services.audit.write(caller.principal, "conversation" if is_own else "shared", caller.request_id, shown)
    return {**_json(conversation, caller.principal), "turns": said}


@router.patch(
    "/{id}",
    summary="Rename a conversation",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.CONVERSATION, "it has its new title")},
)
def rename(id: str, body: Title, caller: Asker, services: Wired) -> dict[str, Any]:
    """Give a conversation another title."""
    if not services.conversations.rename(caller.principal, id, body.title):
        raise _not_found(id)
    return _json(_found(services, caller.principal, id)[0], caller.principal)


@router.put(
    "/{id}/share",
    summary="Share a conversation",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.CONVERSATION, "it is shared")},
)
def share(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Let whoever may ask and knows the id read it, as far as they may read the documents behind each answer."""
    return _share(services, caller.principal, id, is_shared=True)


@router.delete(
    "/{id}/share",
    summary="Share a conversation no longer",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.CONVERSATION, "it is no longer shared")},
)
def unshare(id: str, caller: Asker, services: Wired) -> dict[str, Any]:
    """Let nobody else read it from now on."""
    return _share(services, caller.principal, id, is_shared=False)


@router.delete("/{id}", status_code=204, summary="Delete a conversation", responses=responses(*GUARDED, "not_found"))
def delete(id: str, caller: Asker, services: Wired) -> Response:
    """Delete a conversation and everything said in it."""
    if not services.conversations.delete(caller.principal, id):
        raise _not_found(id)
    return Response(status_code=204)


def _share(services: Services, principal: Principal, id: str, *, is_shared: bool) -> dict[str, Any]:
    if not services.conversations.share(principal, id, is_shared=is_shared):
        raise _not_found(id)
    return _json(_found(services, principal, id)[0], principal)


def turns_of(services: Services, principal: Principal, id: str, readable: Readable | None) -> list[tuple[str, str]]:
    """The latest turns of a conversation as the pipeline takes them, without answers that may no longer be seen.

    Raises: ApiError when the principal has no such conversation.
    """
    conversation, exchanges = _found(services, principal, id)
    if conversation.owner != principal.name:
        raise _not_found(id)
    turns = list(_turns(services, exchanges, readable))
    return turns[-_MAX_TURNS:]


def _turns(services: Services, exchanges: list[Exchange], readable: Readable | None) -> Iterator[tuple[str, str]]:
    is_shown = True
    for exchange in exchanges:
        yield "user", exchange.question
        is_shown = is_shown and _may_see(services, exchange, readable)
        if is_shown:
            yield "assistant", str(exchange.answer["text"])


def _may_see(services: Services, exchange: Exchange, readable: Readable | None) -> bool:
    """False where a document that the answer cites is in the store, but no longer for this reader."""
    if readable is None:
        return True
    states = services.engine.retriever.snapshot().states
    cited = exchange.answer["receipt"].get("documents", {})
    return all(name not in states or readable(states[name]) for name in cited)


def _may_see_of_others(services: Services, exchange: Exchange, readable: Readable | None) -> bool:
    """True where every passage that the answer was drawn from is still there, in documents that this reader may read."""
    if readable is None:
        return True
    snapshot = services.engine.retriever.snapshot()
    drawn_from = exchange.answer["receipt"].get("passages", [])
    chunks = snapshot.chunks(drawn_from)
    names = {chunk.document for chunk in chunks.values()} | set(exchange.answer["receipt"].get("documents", {}))
    is_whole = all(identity in chunks for identity in drawn_from)
    return is_whole and all(name in snapshot.states and readable(snapshot.states[name]) for name in names)


def _found(services: Services, principal: Principal, id: str) -> tuple[Conversation, list[Exchange]]:
    found = services.conversations.find(principal, id)
    if found is None:
        raise _not_found(id)
    return found


def _not_found(id: str) -> ApiError:
    why = "there is no such conversation, or it is not yours. GET /conversations lists them."
    return ApiError("not_found", f"cannot show conversation `{id[:100]}`: {why}")


def _json(conversation: Conversation, principal: Principal) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
        "questions": conversation.n_questions,
        "is_own": conversation.owner == principal.name,
        "is_shared": conversation.is_shared,
    }
