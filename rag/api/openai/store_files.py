"""`/v1/vector_stores/{store}/files` and `/file_batches`: what is in a vector store, and how it stands.

Whatever is uploaded is in `uploads` and ingested from there; to put it into a vector store of one's own takes no time.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from rag.api.auth import Caller, Reader
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.asked import Loose, refuse
from rag.api.openai.files import After, Limit, Order, page_of
from rag.api.openai.names import new_id
from rag.api.openai.stores import File, VectorStore, files_of, require_collection, require_file, require_store
from rag.api.services import Services, Wired

router = APIRouter(prefix="/v1/vector_stores/{store}", tags=["OpenAI"])
_GUARDED = responses(*GUARDED, "not_found", is_openai=True)
_CHANGING = responses(*GUARDED, "not_found", "unsupported", "input", is_openai=True)
Status = Annotated[Literal["in_progress", "completed", "failed", "cancelled"] | None, Query()]
Text = Annotated[str, Field(max_length=512)]
Attributes = Annotated[dict[Annotated[str, Field(max_length=64)], bool | float | Text], Field(max_length=16)]


class Described(Loose):
    """What filters are to know of a file besides what is known of it anyway."""

    attributes: Attributes | None = None


class Attach(Described):
    """A file that is to be in a vector store."""

    file_id: str = Field(max_length=100)


class Batch(Described):
    """Files that are to be in a vector store."""

    file_ids: list[str] = Field(default=[], max_length=2000)
    files: list[Attach] = Field(default=[], max_length=2000)

    def wanted(self) -> dict[str, Attributes]:
        """Attributes of the files by id, each once."""
        found = {identity: self.attributes or {} for identity in self.file_ids}
        return {**found, **{file.file_id: file.attributes or self.attributes or {} for file in self.files}}


@router.get(
    "/files",
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
    """List the files of a vector store that the caller may read."""
    place = require_store(services, caller, store)
    every = files_of(services, caller).values()
    found = [_shown(place, file) for file in every if place.holds(file.document, file.source)]
    return page_of([file for file in found if filter in (None, file["status"])], after, limit, order)


@router.post(
    "/files",
    summary="Put a file into a vector store",
    responses=_CHANGING | {200: shown(examples.STORE_FILE, "the file, and how it stands")},
)
def attach(store: str, body: Attach, caller: Reader, services: Wired) -> dict[str, Any]:
    """Put a file into a vector store. A source holds its own files and no other: of those it is told how they stand."""
    _, (found,) = _taken(store, {body.file_id: body.attributes or {}}, caller, services)
    return _shown(require_store(services, caller, store), found)


@router.get(
    "/files/{file}",
    summary="One file of a vector store",
    responses=_GUARDED | {200: shown(examples.STORE_FILE, "the file")},
)
def file(store: str, file: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell whether a file was stored, and if not, why."""
    place = require_store(services, caller, store)
    return _shown(place, require_file(services, caller, file, place))


@router.post(
    "/files/{file}",
    summary="Describe a file of a vector store",
    responses=_CHANGING | {200: shown(examples.STORE_FILE, "the file")},
)
def describe(store: str, file: str, body: Described, caller: Reader, services: Wired) -> dict[str, Any]:
    """Say what filters are to know of a file, in a vector store that the caller made. It replaces what was said before."""
    require_collection(services, caller, store)
    found = require_file(services, caller, file, require_store(services, caller, store))
    put(services, require_store(services, caller, store), {found.document: body.attributes or {}})
    return _shown(require_store(services, caller, store), found)


@router.delete(
    "/files/{file}",
    summary="Take a file out of a vector store",
    responses=_CHANGING
    | {200: shown({"id": "file-2f6b", "object": "vector_store.file.deleted", "deleted": True}, "it is out of it")},
)
def take_out(store: str, file: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Take a file out of a vector store that the caller made. The file itself stays; DELETE /v1/files/{id} deletes it."""
    found = require_file(services, caller, file, require_store(services, caller, store))
    collection = require_collection(services, caller, store)
    if found.document not in collection.members:
        why = "it is part of a file. Take out that file"
        raise ApiError("unsupported", f"cannot take out `{found.document}`: {why}.", param="file_id")
    services.collections.take_out(collection.id, found.document)
    return {"id": file, "object": "vector_store.file.deleted", "deleted": True}


@router.get(
    "/files/{file}/content",
    summary="Text of a file",
    responses=_GUARDED | {200: shown(examples.CONTENT, "the whole text, as positions of citations count in it")},
)
def content(store: str, file: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Give the text of a document."""
    found = require_file(services, caller, file, require_store(services, caller, store))
    document = services.engine.retriever.snapshot().document(found.document)
    if document is None:
        raise ApiError("not_found", f"cannot give the text of file `{file}`: {found.reason or 'it has none as yet'}.")
    services.audit.write(caller.principal, "text", caller.request_id, [found.document])
    texts = [{"type": "text", "text": document.text}]
    return {"object": "vector_store.file_content.page", "data": texts, "has_more": False, "next_page": None}


@router.post(
    "/file_batches",
    summary="Put files into a vector store",
    responses=_CHANGING | {200: shown(examples.BATCH, "the batch, and how it stands")},
)
def begin_batch(store: str, body: Batch, caller: Reader, services: Wired) -> dict[str, Any]:
    """Take several files together, so that they can be waited for."""
    wanted = body.wanted()
    place, found = _taken(store, wanted, caller, services)
    identity, created = new_id("vsfb_"), int(time.time())
    kept = {"store": store, "files": list(wanted), "created": created}
    services.kept.add(caller.principal, identity, kept)
    return _batch(identity, place.id, kept, found)


@router.get(
    "/file_batches/{batch}",
    summary="How a batch stands",
    responses=_GUARDED | {200: shown(examples.BATCH, "the batch")},
)
def batch(store: str, batch: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell how many files of a batch are stored. Only whoever began it can ask."""
    kept, found = _of_batch(store, batch, caller, services)
    return _batch(batch, store, kept, found)


@router.post(
    "/file_batches/{batch}/cancel",
    summary="Cancel a batch",
    responses=_CHANGING | {200: shown(examples.CANCELLED_BATCH, "the batch, and how it stands")},
)
def cancel_batch(store: str, batch: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Take the files of a batch that are yet to be read out of a vector store that the caller made.

    What was read stays. The files themselves stay, and are read all the same; DELETE /v1/files/{id} deletes one.
    """
    place = require_store(services, caller, store)
    kept, found = _of_batch(store, batch, caller, services)
    waiting = [file for file in found if file.is_waiting and file.id not in kept.get("cancelled", ())]
    if waiting:
        collection = require_collection(services, caller, place.id)
        for file in waiting:
            services.collections.take_out(collection.id, file.document)
        kept["cancelled"] = [*kept.get("cancelled", ()), *(file.id for file in waiting)]
        services.kept.change(caller.principal, batch, kept)
    return _batch(batch, store, kept, found)


@router.get(
    "/file_batches/{batch}/files",
    summary="Files of a batch",
    responses=_GUARDED | {200: shown(examples.STORE_FILES, "one page of the list")},
)
def batch_files(
    store: str, batch: str, caller: Reader, services: Wired, after: After = "", limit: Limit = 20, order: Order = "desc"
) -> dict[str, Any]:
    """List the files of a batch."""
    place = require_store(services, caller, store)
    kept, found = _of_batch(store, batch, caller, services)
    cancelled = kept.get("cancelled", ())
    each = [_shown(place, file) | ({"status": "cancelled"} if file.id in cancelled else {}) for file in found]
    return page_of(each, after, limit, order)


def put(services: Services, store: VectorStore, documents: Mapping[str, Mapping[str, Any]]) -> None:
    """Put documents with their attributes into a vector store that the caller made.

    Raises: ApiError where it is a source and something is to be said of them; InputError when it would hold too many.
    """
    if store.collection is not None:
        services.collections.put(store.id, list(documents.items()))
    else:
        refuse(any(documents.values()), "attributes", "this vector store is a source, and its files are what was ingested")


def counts_of(files: Sequence[File]) -> dict[str, int]:
    """How many files stand how."""
    each = [_status(file) for file in files]
    counts = {status: each.count(status) for status in ("in_progress", "completed", "failed")}
    return {**counts, "cancelled": 0, "total": len(each)}


def _taken(
    store: str, wanted: Mapping[str, Mapping[str, Any]], caller: Caller, services: Services
) -> tuple[VectorStore, list[File]]:
    """Put files, given with their attributes by id, into a vector store: into a source only those that are in it."""
    place = require_store(services, caller, store)
    found = {identity: require_file(services, caller, identity, None if place.collection else place) for identity in wanted}
    put(services, place, {file.document: wanted[identity] for identity, file in found.items()})
    return place, list(found.values())


def _of_batch(store: str, batch: str, caller: Caller, services: Services) -> tuple[dict[str, Any], list[File]]:
    """What was kept of a batch, and those of its files that are there and readable by now."""
    kept = services.kept.get(caller.principal, batch)
    if kept is None or kept.body.get("store") != store:
        raise ApiError("not_found", f"cannot find batch `{batch[:100]}`: none of this id was begun by you.", param="batch_id")
    files = files_of(services, caller)
    return dict(kept.body), [files[identity] for identity in kept.body["files"] if identity in files]


def _batch(identity: str, store: str, kept: Mapping[str, Any], found: Sequence[File]) -> dict[str, Any]:
    """A batch; files that are gone count as cancelled, too."""
    cancelled, n_asked = kept.get("cancelled", ()), len(kept["files"])
    files = [file for file in found if file.id not in cancelled]
    counts = {**counts_of(files), "cancelled": n_asked - len(files), "total": n_asked}
    status = "in_progress" if counts["in_progress"] else "cancelled" if cancelled else "completed"
    return {
        "id": identity,
        "object": "vector_store.files_batch",
        "created_at": kept["created"],
        "vector_store_id": store,
        "status": status,
        "file_counts": counts,
    }


def _shown(store: VectorStore, file: File) -> dict[str, Any]:
    status = _status(file)
    error = {"code": "invalid_file", "message": file.reason} if status == "failed" else None
    return {
        "id": file.id,
        "object": "vector_store.file",
        "created_at": file.created,
        "usage_bytes": file.size,
        "vector_store_id": store.id,
        "status": status,
        "last_error": error,
        "attributes": store.attributes(file.state) if file.state else {"document": file.document},
    }


def _status(file: File) -> str:
    return "in_progress" if file.is_waiting else "completed" if file.is_stored else "failed"
