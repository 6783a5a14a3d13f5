"""`/v1/files`: documents as files. One that is uploaded here is a document of the source `uploads`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, UploadFile
from starlette.responses import Response

from rag.api import documents
from rag.api.auth import Reader, Writer
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.names import file_id
from rag.api.openai.stores import File, files_of, require_file
from rag.api.services import Wired
from rag.pages import original

router = APIRouter(prefix="/v1", tags=["OpenAI"])
uploading = APIRouter(prefix="/v1", tags=["OpenAI"])
_GUARDED = responses(*GUARDED, "not_found", is_openai=True)
After = Annotated[str, Query(max_length=100, description="the list goes on after this id")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Order = Annotated[Literal["asc", "desc"], Query(description="by time: the newest first, or last")]


@uploading.post(
    "/files",
    summary="Upload a file",
    responses=responses(*GUARDED, "unsupported", is_openai=True) | {200: shown(examples.FILE, "the file; it is ingested soon")},
)
def upload(file: UploadFile, caller: Writer, services: Wired) -> dict[str, Any]:
    """Take a file into the source `uploads`. One of the same name is replaced; the same content twice is one file."""
    (taken,) = services.uploads.take(caller.principal, [(file.filename or "", file.file)]).files
    if taken.document is None:
        raise ApiError("unsupported", f"cannot take file `{taken.name[:200]}`: {taken.reason}.", param="file")
    services.audit.write(caller.principal, "upload", caller.request_id, [taken.document])
    return _shown(require_file(services, caller, file_id(taken.document)))


@router.get(
    "/files",
    summary="List files",
    responses=responses(*GUARDED, is_openai=True) | {200: shown(examples.FILES, "one page of the list")},
)
def listed(caller: Reader, services: Wired, after: After = "", limit: Limit = 1000, order: Order = "desc") -> dict[str, Any]:
    """List the documents that the caller may read."""
    return page_of([_shown(file) for file in files_of(services, caller).values()], after, limit, order)


@router.get("/files/{id}", summary="One file", responses=_GUARDED | {200: shown(examples.FILE, "the file")})
def one(id: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell of one file, also of one that waits or could not be read."""
    return _shown(require_file(services, caller, id))


@router.get(
    "/files/{id}/content",
    summary="Content of a file",
    response_class=Response,
    responses=responses(*GUARDED, "not_found", "source_changed", is_openai=True)
    | {200: {"description": "the file as it was ingested", "content": {"application/octet-stream": {"example": "..."}}}},
)
def content(id: str, caller: Reader, services: Wired) -> Response:
    """Give the original file, if it is still what was ingested."""
    state = require_file(services, caller, id).state
    if state is None:
        raise ApiError("not_found", f"cannot give file `{id}`: it is yet to be ingested. Try again in a few seconds.")
    services.audit.write(caller.principal, "file", caller.request_id, [state.name])
    data = original(state, services.store.current_manifest())
    return Response(data, media_type="application/octet-stream", headers={"Content-Disposition": "attachment"})


@router.delete(
    "/files/{id}",
    summary="Delete an uploaded file",
    responses=responses(*GUARDED, "not_found", "not_an_upload", is_openai=True)
    | {200: shown({"id": "file-2f6b", "object": "file", "deleted": True}, "it is gone, or soon will be")},
)
def delete(id: str, caller: Writer, services: Wired) -> dict[str, Any]:
    """Delete what the caller uploaded. Other documents belong to their folder."""
    file = require_file(services, caller, id)
    if file.state is None:  # only its owner sees one that waits
        services.audit.write(caller.principal, "delete", caller.request_id, [file.document])
        services.uploads.delete(file.document)
    else:
        documents.delete(file.document, caller, services)
    return {"id": id, "object": "file", "deleted": True}


def page_of(items: list[dict[str, Any]], after: str, limit: int, order: str) -> dict[str, Any]:
    """One page of a list of things with `id` and `created_at`."""
    return cut(sorted(items, key=lambda item: (item["created_at"], item["id"]), reverse=order == "desc"), after, limit)


def cut(items: list[dict[str, Any]], after: str, limit: int) -> dict[str, Any]:
    """One page of a list of things with `id`, in the order in which they are."""
    start = next((number for number, item in enumerate(items, start=1) if item["id"] == after), 0)
    shown = items[start : start + limit]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    more = start + limit < len(items)
    return {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": more}


def _shown(file: File) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "filename": file.document,
        "purpose": "assistants",
        "status": "uploaded" if file.is_waiting else "processed" if file.is_stored else "error",
        "status_details": file.reason or None,
    }
