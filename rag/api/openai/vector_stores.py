"""`/v1/vector_stores`: the sources of the store, their files, and the search in them."""

import math
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from ingest.analysis import detect_language
from rag.access.rights import both
from rag.answers import Passage
from rag.api.auth import Asker, Caller, Reader
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.asked import Loose
from rag.api.openai.files import After, Limit, Order, page_of
from rag.api.openai.names import file_id, new_id
from rag.api.openai.stores import File, attributes_of, files_of, matching, require_file, require_source, sources_of
from rag.api.services import Services, Wired
from rag.questions import checked_question
from rag.retriever import Filters
from rag.stopping import Stop

router = APIRouter(prefix="/v1/vector_stores", tags=["OpenAI"])
_GUARDED = responses(*GUARDED, "not_found", is_openai=True)
Status = Annotated[Literal["in_progress", "completed", "failed", "cancelled"] | None, Query()]


class Attach(Loose):
    """A file that is to be in a vector store."""

    file_id: str = Field(max_length=100)


class Batch(Loose):
    """Files that are to be in a vector store."""

    file_ids: list[str] = Field(default=[], max_length=2000)
    files: list[Attach] = Field(default=[], max_length=2000)

    def ids(self) -> list[str]:
        """The ids of the files, each once."""
        return list(dict.fromkeys([*self.file_ids, *(file.file_id for file in self.files)]))


class Ranking(Loose):
    """What a passage must have to be found."""

    score_threshold: float | None = None


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
    """List the sources in which the caller may read something, and `uploads`."""
    files = list(files_of(services, caller).values())
    found = [_store(identity, source, files) for identity, source in sources_of(services, caller).items()]
    return page_of(found, after, limit, order)


@router.get("/{store}", summary="One vector store", responses=_GUARDED | {200: shown(examples.STORE, "the store")})
def store(store: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell of a source, as far as the caller may read it."""
    source = require_source(services, caller, store)
    return _store(store, source, list(files_of(services, caller).values()))


@router.post(
    "/{store}/search",
    summary="Search a vector store",
    responses=responses(*GUARDED, "not_found", "unsupported", "question", "overloaded", "stopped", is_openai=True)
    | {200: shown(examples.FOUND, "passages, best first; a score is between 0 and 1 and says no more than their order")},
)
async def search(store: str, body: Wanted, request: Request, caller: Asker, services: Wired) -> dict[str, Any]:
    """Find passages in one source without answering."""
    queries = [body.query] if isinstance(body.query, str) else body.query
    question = checked_question(" ".join(queries), services.engine.max_question_chars)
    admits = matching(body.filters)
    least = (body.ranking_options and body.ranking_options.score_threshold) or 0.0

    def work(stop: Stop) -> dict[str, Any]:
        source = require_source(services, caller, store)
        filters = Filters(sources=(source,), readable=both(services.rights.readable(caller.principal), admits))
        found = services.engine.retriever.search(question, body.max_num_results or 10, filters, detect_language(question))
        found = [passage for passage in found if _score(passage) >= least]
        names = [passage.document for passage in found]
        services.audit.write(caller.principal, "search", caller.request_id, names, question)
        kind = "vector_store.search_results.page"
        return {
            "object": kind,
            "search_query": queries,
            "data": _results(services, found),
            "has_more": False,
            "next_page": None,
        }

    return await services.work.run(request, work)


@router.get(
    "/{store}/files",
    summary="Files of a vector store",
    responses=_GUARDED | {200: shown(examples.STORE_FILES, "one page of the list")},
)
def files(
    store: str,
    caller: Reader,
    services: Wired,
    after: After = "",
    limit: Limit = 20,
    order: Order = "desc",
    filter: Status = None,
) -> dict[str, Any]:
    """List the files of a source that the caller may read."""
    source = require_source(services, caller, store)
    found = [_in_store(store, file) for file in files_of(services, caller).values() if file.source == source]
    return page_of([file for file in found if filter in (None, file["status"])], after, limit, order)


@router.post(
    "/{store}/files",
    summary="Put a file into a vector store",
    responses=responses(*GUARDED, "not_found", is_openai=True)
    | {200: shown(examples.STORE_FILE, "the file, and how it stands")},
)
def attach(store: str, body: Attach, caller: Reader, services: Wired) -> dict[str, Any]:
    """Say how a file stands. Whatever is uploaded is in the vector store `uploads` already, and belongs to no other."""
    return _in_store(store, require_file(services, caller, body.file_id, require_source(services, caller, store)))


@router.get(
    "/{store}/files/{file}",
    summary="One file of a vector store",
    responses=_GUARDED | {200: shown(examples.STORE_FILE, "the file")},
)
def file(store: str, file: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell whether a file was stored, and if not, why."""
    return _in_store(store, require_file(services, caller, file, require_source(services, caller, store)))


@router.get(
    "/{store}/files/{file}/content",
    summary="Text of a file",
    responses=_GUARDED | {200: shown(examples.CONTENT, "the whole text, as positions of citations count in it")},
)
def content(store: str, file: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Give the text of a document."""
    found = require_file(services, caller, file, require_source(services, caller, store))
    document = services.engine.retriever.snapshot().document(found.document)
    if document is None:
        raise ApiError("not_found", f"cannot give the text of file `{file}`: {found.reason or 'it is yet to be ingested'}.")
    services.audit.write(caller.principal, "text", caller.request_id, [found.document])
    texts = [{"type": "text", "text": document.text}]
    return {"object": "vector_store.file_content.page", "data": texts, "has_more": False, "next_page": None}


@router.post(
    "/{store}/file_batches",
    summary="Put files into a vector store",
    responses=responses(*GUARDED, "not_found", is_openai=True) | {200: shown(examples.BATCH, "the batch, and how it stands")},
)
def begin_batch(store: str, body: Batch, caller: Reader, services: Wired) -> dict[str, Any]:
    """Take several files together, so that they can be waited for."""
    source = require_source(services, caller, store)
    found = [require_file(services, caller, identity, source) for identity in body.ids()]
    identity, created = new_id("vsfb_"), int(time.time())
    services.kept.add(caller.principal, identity, {"store": store, "files": body.ids(), "created": created})
    return _batch(identity, store, created, found, len(found))


@router.get(
    "/{store}/file_batches/{batch}",
    summary="How a batch stands",
    responses=_GUARDED | {200: shown(examples.BATCH, "the batch")},
)
def batch(store: str, batch: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell how many files of a batch are stored. Only whoever began it can ask."""
    kept, found = _of_batch(store, batch, caller, services)
    return _batch(batch, store, kept["created"], found, len(kept["files"]))


@router.get(
    "/{store}/file_batches/{batch}/files",
    summary="Files of a batch",
    responses=_GUARDED | {200: shown(examples.STORE_FILES, "one page of the list")},
)
def batch_files(
    store: str, batch: str, caller: Reader, services: Wired, after: After = "", limit: Limit = 20, order: Order = "desc"
) -> dict[str, Any]:
    """List the files of a batch."""
    _, found = _of_batch(store, batch, caller, services)
    return page_of([_in_store(store, file) for file in found], after, limit, order)


def _of_batch(store: str, batch: str, caller: Caller, services: Services) -> tuple[dict[str, Any], list[File]]:
    """What was kept of a batch, and those of its files that are there and readable by now."""
    kept = services.kept.get(caller.principal, batch)
    if kept is None or kept.body.get("store") != store:
        raise ApiError("not_found", f"cannot find batch `{batch[:100]}`: none of this id was begun by you.", param="batch_id")
    files = files_of(services, caller)
    return dict(kept.body), [files[identity] for identity in kept.body["files"] if identity in files]


def _batch(identity: str, store: str, created: int, files: Sequence[File], n_asked: int) -> dict[str, Any]:
    counts = {**_counts(files), "cancelled": n_asked - len(files), "total": n_asked}
    return {
        "id": identity,
        "object": "vector_store.files_batch",
        "created_at": created,
        "vector_store_id": store,
        "status": "in_progress" if counts["in_progress"] else "completed",
        "file_counts": counts,
    }


def _store(identity: str, source: str, files: Sequence[File]) -> dict[str, Any]:
    own = [file for file in files if file.source == source]
    counts = _counts(own)
    return {
        "id": identity,
        "object": "vector_store",
        "created_at": min((file.created for file in own), default=0),
        "last_active_at": max((file.created for file in own), default=None),
        "name": source,
        "usage_bytes": sum(file.size for file in own),
        "file_counts": counts,
        "status": "in_progress" if counts["in_progress"] else "completed",
        "metadata": {},
    }


def _in_store(store: str, file: File) -> dict[str, Any]:
    status = _status(file)
    error = {"code": "invalid_file", "message": file.reason} if status == "failed" else None
    return {
        "id": file.id,
        "object": "vector_store.file",
        "created_at": file.created,
        "usage_bytes": file.size,
        "vector_store_id": store,
        "status": status,
        "last_error": error,
        "attributes": attributes_of(file.state) if file.state else {"document": file.document},
    }


def _counts(files: Sequence[File]) -> dict[str, int]:
    each = [_status(file) for file in files]
    counts = {status: each.count(status) for status in ("in_progress", "completed", "failed")}
    return {**counts, "cancelled": 0, "total": len(each)}


def _status(file: File) -> str:
    return "in_progress" if file.is_waiting else "completed" if file.is_stored else "failed"


def _results(services: Services, found: Sequence[Passage]) -> list[dict[str, Any]]:
    states = services.engine.retriever.snapshot().states
    return [
        {
            "file_id": file_id(passage.document),
            "filename": passage.document,
            "score": _score(passage),
            "attributes": attributes_of(states[passage.document]) if passage.document in states else {},
            "content": [{"type": "text", "text": passage.text}],
            "page": passage.page,
            "start": passage.start,
            "end": passage.end,
        }
        for passage in found
    ]


def _score(passage: Passage) -> float:
    """The retriever's score, which has no bounds, between 0 and 1 in the same order."""
    return round(1 / (1 + math.exp(-max(-50.0, min(50.0, passage.score)))), 6)
