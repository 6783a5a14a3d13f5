"""Documents: list, status, text, image of a page, and deletion of uploads. One that the caller may not read does not exist."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from ingest.containers import SEPARATOR
from ingest.journal import UNREAD_VERSION, FileState
from ingest.manifest import UPLOADS
from ingest.snapshot import Snapshot
from rag.access.rules import owner
from rag.api import examples
from rag.api.auth import Caller, Reader, Writer
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.services import Services, Wired
from rag.pages import PageImage, original, page_image
from rag.retriever import changed_on

router = APIRouter(prefix="/documents", tags=["Documents"])

Name = Annotated[str, Query(description="name of the document, as citations have it", max_length=4000)]
Start = Annotated[int | None, Query(ge=0, le=2**40, description="first character")]
End = Annotated[int | None, Query(ge=0, le=2**40, description="character after the last")]


@router.get(
    "",
    summary="List documents",
    responses=responses(*GUARDED)
    | {200: examples.shown(examples.DOCUMENTS, "one page of the list, by name; `next` is the `after` of the next page")},
)
def list_documents(
    caller: Reader,
    services: Wired,
    folder: Annotated[
        str, Query(max_length=4000, description="only documents in this folder, such as `hr` or `uploads:`")
    ] = "",
    type: Annotated[str, Query(max_length=20, description="only files of this type, such as pdf")] = "",
    language: Annotated[str, Query(max_length=20, description="only documents in this language")] = "",
    source: Annotated[str, Query(max_length=200, description="only documents of this source")] = "",
    text: Annotated[str, Query(max_length=200, description="only documents with these words in name or title")] = "",
    failed: Annotated[bool, Query(description="files that could not be read instead")] = False,
    after: Annotated[str, Query(max_length=4000, description="the list goes on after this name")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List what the caller may read. `total` counts all pages of the list."""
    states = services.store.states().values() if failed else services.engine.retriever.snapshot().states.values()
    words = text.lower().split()
    found = sorted(
        (
            state
            for state in states
            if (state.status == "failed" or not failed)
            and (caller.readable is None or caller.readable(state))
            and _is_in(state.name, folder)
            and (not type or type_of(state.name) == type.lower().lstrip("."))
            and language in ("", state.language)
            and source in ("", state.source)
            and all(word in f"{state.name} {state.title}".lower() for word in words)
        ),
        key=lambda state: state.name,
    )
    page = [state for state in found if state.name > after][: limit + 1]
    more = page[limit - 1].name if len(page) > limit else None
    return {"documents": [_state_json(state) for state in page[:limit]], "total": len(found), "next": more}


@router.get(
    "/status",
    summary="What is known of a document",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.STATE, "the document")},
)
def status(document: Name, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell how a document stands, also one that could not be read."""
    state = services.store.states().get(document)
    if state is None or not (caller.readable is None or caller.readable(state)):
        raise _not_found(document)
    return _state_json(state)


@router.get(
    "/text",
    summary="Text of a document",
    responses=responses(*GUARDED, "not_found")
    | {
        200: examples.shown(examples.TEXT, "the text, or a part of it"),
        304: {"description": "the document is as it was"},
    },
)
def text(document: Name, request: Request, caller: Reader, services: Wired, start: Start = None, end: End = None) -> Response:
    """Give the text that positions of citations count in. A range beyond its end is cut off there."""
    snapshot = services.engine.retriever.snapshot()
    state = _readable_state(snapshot, document, caller)
    tag = f'"{state.sha256[:32]}-{state.loaders_version}-{start or 0}-{"" if end is None else end}"'
    if _is_known(request, tag):
        return Response(status_code=304, headers=_kept(tag))
    stored = snapshot.document(document)
    if stored is None:
        raise _not_found(document)
    first = min(start or 0, len(stored.text))
    last = max(first, len(stored.text) if end is None else min(end, len(stored.text)))
    services.audit.write(caller.principal, "text", caller.request_id, [document])
    body = {
        "document": document,
        "sha256": state.sha256,
        "title": state.title,
        "start": first,
        "end": last,
        "length": len(stored.text),
        "text": stored.text[first:last],
        "pages": [
            {"page": page.number, "start": page.start, "end": page.end, **({"label": page.label} if page.label else {})}
            for page in stored.pages
            if page.start < last and first < page.end
        ],
    }
    return JSONResponse(body, headers=_kept(tag))


@router.get(
    "/page",
    summary="Image of a PDF page, with cited words marked",
    response_class=Response,
    responses=responses(*GUARDED, "not_found", "source_changed", "page")
    | {
        200: {
            "description": "PNG; header `X-Marks` counts the places that are marked, `X-Pages` the pages of the document",
            "content": {"image/png": {}},
        },
        304: {"description": "the image is as it was"},
    },
)
def page(
    document: Name,
    request: Request,
    caller: Reader,
    services: Wired,
    page: Annotated[int | None, Query(ge=1, le=1_000_000, description="from 1; else the page of `start`")] = None,
    start: Start = None,
    end: End = None,
    scale: Annotated[float, Query(gt=0.1, le=4, description="pixels a point; 1 is 72 a inch")] = 1.5,
) -> Response:
    """Draw a page of the original file, if it is still what was ingested."""
    snapshot = services.engine.retriever.snapshot()
    state = _readable_state(snapshot, document, caller)
    data = original(state, services.store.current_manifest())
    tag = f'"{state.sha256[:32]}-{page}-{start}-{end}-{scale:g}"'
    if _is_known(request, tag):
        return Response(status_code=304, headers=_kept(tag))
    stored = snapshot.document(document)
    if stored is None:
        raise _not_found(document)
    number = page or (stored.page_at(start) if start is not None else None) or 1
    span = (start, end) if start is not None and end is not None and start < end else None
    services.audit.write(caller.principal, "page", caller.request_id, [document])
    image: PageImage = page_image(data, stored, number, span, scale)
    headers = {**_kept(tag), "X-Marks": str(image.n_marks), "X-Page": str(number), "X-Pages": str(image.n_pages)}
    return Response(image.png, media_type="image/png", headers=headers)


@router.delete(
    "",
    summary="Delete an uploaded document",
    responses=responses(*GUARDED, "not_found", "not_an_upload")
    | {200: examples.shown(examples.DELETED, "`is_removed` false: the store is busy, and it will be gone soon")},
)
def delete(document: Name, caller: Writer, services: Wired) -> dict[str, Any]:
    """Delete what the caller uploaded; an administrator may delete any upload. Other documents belong to their folder."""
    state = services.store.states().get(document)
    if state is None or not (caller.readable is None or caller.readable(state)):
        raise _not_found(document)
    is_own = state.source == UPLOADS and (caller.principal.is_admin or owner(document) == caller.principal.name)
    if not is_own:
        why = (
            "somebody else uploaded it"
            if state.source == UPLOADS
            else "it belongs to a folder. Delete it there and run `ingest` again"
        )
        raise ApiError("not_an_upload", f"cannot delete `{document}`: {why}.")
    if SEPARATOR in document:
        container = document.split(SEPARATOR)[0]
        raise ApiError("not_an_upload", f"cannot delete `{document}`: it is part of a file. Delete `{container}`.")
    services.audit.write(caller.principal, "delete", caller.request_id, [document])
    return {"document": document, "is_removed": services.uploads.delete(document)}


@router.post(
    "/again",
    status_code=202,
    summary="Read a document anew",
    responses=responses(*GUARDED, "not_found", "not_an_upload")
    | {202: examples.shown(examples.AGAIN, "it will be read soon; until then it stays as it was, and `is_queued`")},
)
def again(document: Name, caller: Writer, services: Wired) -> dict[str, Any]:
    """Have what the caller uploaded read anew in the background; an administrator may have any file read."""
    state = services.store.states().get(document)
    if state is None or not (caller.readable is None or caller.readable(state)):
        raise _not_found(document)
    source = next((known for known in services.store.current_manifest().sources if known.name == state.source), None)
    is_own = state.source == UPLOADS and owner(document) == caller.principal.name
    if source is None or source.query or not (is_own or caller.principal.is_admin):
        why = "it is not your upload. Run `ingest` again, or ask an administrator"
        raise ApiError("not_an_upload", f"cannot read `{document}` anew: {why}.")
    services.audit.write(caller.principal, "again", caller.request_id, [document])
    services.uploads.again(document, source)
    return {"document": document, "is_queued": True}


def readable_states(services: Services, caller: Caller) -> Iterator[FileState]:
    """States of the stored documents that the caller may read."""
    states = services.engine.retriever.snapshot().states.values()
    return (state for state in states if caller.readable is None or caller.readable(state))


def _readable_state(snapshot: Snapshot, document: str, caller: Caller) -> FileState:
    """The state of a stored document.

    Raises: ApiError, the same whether there is none or the caller may not read it.
    """
    state = snapshot.states.get(document)
    if state is None or not (caller.readable is None or caller.readable(state)):
        raise _not_found(document)
    return state


def _not_found(document: str) -> ApiError:
    return ApiError(
        "not_found",
        f"cannot show `{document[:200]}`: there is no such document, or it is not for you. GET /documents lists them.",
    )


def _state_json(state: FileState) -> dict[str, Any]:
    return {
        "document": state.name,
        "source": state.source,
        "type": type_of(state.name),
        "title": state.title,
        "language": state.language,
        "status": state.status,
        "reason": state.reason,
        "size": state.size,
        "pages": state.n_pages,
        "chunks": state.n_chunks,
        "sha256": state.sha256,
        "changed": changed_on(state).isoformat(),
        "is_queued": state.loaders_version == UNREAD_VERSION,
    }


def type_of(name: str) -> str:
    """The type of a file, by its name, such as pdf."""
    return PurePosixPath(name).suffix.lower().lstrip(".")


def _is_in(name: str, folder: str) -> bool:
    folder = folder.rstrip("/")
    return not folder or name.startswith(folder if folder.endswith(":") else f"{folder}/")


def _is_known(request: Request, tag: str) -> bool:
    tags = [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]
    return tag in tags


def _kept(tag: str) -> dict[str, str]:
    """Headers of what a browser may keep, but must ask for again: rights may have changed."""
    return {"ETag": tag, "Cache-Control": "private, no-cache"}
