"""Uploads: `POST /documents` and how they stand. The files are ingested in the background."""

from typing import Any

from fastapi import APIRouter, UploadFile

from rag.api import examples
from rag.api.auth import Reader, Writer
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.services import Wired

router = APIRouter(prefix="/documents", tags=["Documents"])


@router.post(
    "",
    status_code=202,
    summary="Upload documents",
    responses=responses(*GUARDED, "http") | {202: examples.shown(examples.UPLOAD, "what was taken, file by file")},
)
def upload(files: list[UploadFile], caller: Writer, services: Wired) -> dict[str, Any]:
    """Take files into the source `uploads`. A file of the same name is replaced; the same content twice is stored once.

    Each file has a status of its own: `refused` with its reason, `unchanged`, or `queued` for ingestion.
    """
    taken = services.uploads.take(caller.principal, [(file.filename or "", file.file) for file in files])
    documents = [file.document for file in taken.files if file.document]
    services.audit.write(caller.principal, "upload", caller.request_id, documents)
    return taken.to_json()


@router.get(
    "/uploads/{id}",
    summary="How an upload stands",
    responses=responses(*GUARDED, "not_found") | {200: examples.shown(examples.UPLOAD, "every file of it")},
)
def upload_status(id: str, caller: Reader, services: Wired) -> dict[str, Any]:
    """Tell of each file whether it was stored, and if not, why. Only who uploaded it, or an administrator, may see it."""
    found = services.uploads.status(id)
    if found is None or not (caller.principal.is_admin or found.principal == caller.principal.name):
        raise ApiError("not_found", f"cannot show upload `{id[:100]}`: there is no such upload, or it is not yours.")
    return found.to_json()
