"""`/v1/vector_stores`: the sources of the store, collections that callers make, and the search in them."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from ingest.analysis import detect_language
from rag.access.rights import both
from rag.answers import Passage, location_json
from rag.api.auth import Asker, Reader
from rag.api.errors import GUARDED, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.asked import Loose, refuse
from rag.api.openai.files import After, Limit, Order, page_of
from rag.api.openai.names import file_id, new_id, relevance
from rag.api.openai.store_files import counts_of, put
from rag.api.openai.stores import (
    File,
    VectorStore,
    admitting,
    files_of,
    require_collection,
    require_file,
    require_store,
    stores_of,
)
from rag.api.services import Services, Wired
from rag.questions import checked_question
from rag.retriever import Filters
from rag.stopping import Stop

router = APIRouter(prefix="/v1/vector_stores", tags=["OpenAI"])
_GUARDED = responses(*GUARDED, "not_found", is_openai=True)
_CHANGING = responses(*GUARDED, "not_found", "unsupported", "input", is_openai=True)


class Change(Loose):
    """What a vector store is to be called, and what is to be known of it."""

    name: str | None = Field(default=None, max_length=256)
    metadata: dict[str, str] | None = Field(default=None, max_length=16)
    expires_after: Any = None

    def require_possible(self) -> None:
        """Refuse what cannot be done.

        Raises: ApiError.
        """
        refuse(self.expires_after is not None, "expires_after", "a vector store stays until it is deleted")


class Make(Change):
    """A vector store to be made of files that are there."""

    file_ids: list[str] = Field(default=[], max_length=2000)
    chunking_strategy: dict[str, Any] | None = None


class Ranking(Loose):
    """What a passage must have to be found."""

    score_threshold: float | None = Field(default=None, ge=0, le=1)


class Wanted(Loose):
    """What is searched for; several queries are one."""

    query: str | list[str]
    max_num_results: int | None = Field(default=None, ge=1, le=50)
    filters: dict[str, Any] | None = None
    ranking_options: Ranking | None = None


@router.get(
    "",
    summary="List vector stores",
    responses=responses(*GUARDED, is_openai=True) | {200: shown(examples.STORES, "one page of the list")},
)
def stores(caller: Reader, services: Wired, after: After = "", limit: Limit = 20, order: Order = "desc") -> dict[str, Any]:
    """List the sources in which the caller may read something, `uploads`, and what the caller made."""
    files = list(files_of(services, caller).values())
    return page_of([_shown(store, files) for store in stores_of(services, caller)], after, limit, order)


@router.post("", summary="Make a vector store", responses=_CHANGING | {200: shown(examples.STORE, "the store")})
def make(body: Make, caller: Reader, services: Wired) -> dict[str, Any]:
    """Put files that are there together, to ask only them. Only the caller sees it, and it gives no right to what is in it."""
    body.require_possible()
    kind = (body.chunking_strategy or {}).get("type", "auto")
    refuse(kind != "auto", "chunking_strategy", "files are cut as the server's settings say")
    found = [require_file(services, caller, identity) for identity in dict.fromkeys(body.file_ids)]
    identity = new_id("vs_")
    services.collections.add(caller.principal, identity, body.name or "", body.metadata or {})
    put(services, require_store(services, caller, identity), {file.document: {} for file in found})
    return store(identity, caller, services)


@router.get("/{store}", summary="One vector store", responses=_GUARDED | {200: shown(examples.STORE, "the store")})
def store(store: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell of a vector store, as far as the caller may read it."""
    return _shown(require_store(services, caller, store), list(files_of(services, caller).values()))


@router.post("/{store}", summary="Change a vector store", responses=_CHANGING | {200: shown(examples.STORE, "the store")})
def change(store: str, body: Change, caller: Reader, services: Wired) -> dict[str, Any]:
    """Give a vector store that the caller made another name or other metadata."""
    body.require_possible()
    found = require_collection(services, caller, store)
    name = found.name if body.name is None else body.name
    services.collections.change(store, name, found.metadata if body.metadata is None else body.metadata)
    return _shown(require_store(services, caller, store), list(files_of(services, caller).values()))


@router.delete(
    "/{store}",
    summary="Delete a vector store",
    responses=_CHANGING | {200: shown({"id": "vs_5be1", "object": "vector_store.deleted", "deleted": True}, "it is gone")},
)
def delete(store: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Delete a vector store that the caller made. Its files stay."""
    services.collections.delete(require_collection(services, caller, store).id)
    return {"id": store, "object": "vector_store.deleted", "deleted": True}


@router.post(
    "/{store}/search",
    summary="Search a vector store",
    responses=responses(*GUARDED, "not_found", "unsupported", "question", "overloaded", "stopped", is_openai=True)
    | {200: shown(examples.FOUND, "passages, best first; a score is between 0 and 1 and says no more than their order")},
)
async def search(store: str, body: Wanted, request: Request, caller: Asker, services: Wired) -> dict[str, Any]:
    """Find passages in one vector store without answering."""
    queries = [body.query] if isinstance(body.query, str) else body.query
    question = checked_question(" ".join(queries), services.engine.max_question_chars)
    least = (body.ranking_options and body.ranking_options.score_threshold) or 0.0

    def work(stop: Stop) -> dict[str, Any]:
        place = require_store(services, caller, store)
        readable = both(services.rights.readable(caller.principal), admitting(place, body.filters))
        filters, n = Filters(readable=readable), body.max_num_results or 10
        found = services.engine.retriever.find(question, n, filters, detect_language(question))
        found = [passage for passage in found if relevance(passage) >= least]
        names = [passage.document for passage in found]
        services.audit.write(caller.principal, "search", caller.request_id, names, question)
        kind, data = "vector_store.search_results.page", _results(services, place, found)
        return {"object": kind, "search_query": queries, "data": data, "has_more": False, "next_page": None}

    return await services.work.run(request, work)


def _shown(store: VectorStore, files: Sequence[File]) -> dict[str, Any]:
    own, made = [file for file in files if store.holds(file.document, file.source)], store.collection
    counts = counts_of(own)
    return {
        "id": store.id,
        "object": "vector_store",
        "created_at": made.created if made else min((file.created for file in own), default=0),
        "last_active_at": max((file.created for file in own), default=None),
        "name": store.name,
        "usage_bytes": sum(file.size for file in own),
        "file_counts": counts,
        "status": "in_progress" if counts["in_progress"] else "completed",
        "metadata": dict(made.metadata) if made else {},
    }


def _results(services: Services, store: VectorStore, found: Sequence[Passage]) -> list[dict[str, Any]]:
    states = services.engine.retriever.snapshot().states
    return [
        {
            "file_id": file_id(passage.document),
            "filename": passage.document,
            "score": relevance(passage),
            "attributes": store.attributes(states[passage.document]) if passage.document in states else {},
            "content": [{"type": "text", "text": passage.text}],
            "page": passage.page,
            "place": location_json(passage.location),
            "start": passage.start,
            "end": passage.end,
        }
        for passage in found
    ]
