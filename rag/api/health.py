"""Is it alive, can it answer, what does it hold, and its figures."""

from collections import Counter
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from ingest.errors import IngestError
from rag.api import examples
from rag.api.auth import Reader
from rag.api.documents import readable_states
from rag.api.errors import GUARDED, responses, shape
from rag.api.services import Wired
from rag.errors import RagError

router = APIRouter(tags=["Operation"])


@router.get(
    "/healthz",
    summary="Is the server alive",
    responses=responses() | {200: examples.shown({"status": "ok"}, "yes")},
)
async def healthz() -> dict[str, str]:
    """Answer as long as the process does; nothing else is looked at."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Can the server answer questions",
    responses=responses("store", "access") | {200: examples.shown({"status": "ready"}, "yes")},
)
async def readyz(services: Wired) -> JSONResponse:
    """Look whether store and access rules can be read."""

    def look() -> None:
        services.engine.retriever.n_chunks()
        services.rights.current()

    try:
        await run_in_threadpool(look)
    except (RagError, IngestError):  # why is for those who have a key: GET /status tells them
        return JSONResponse(shape("store", "cannot answer now: the store or the access rules cannot be read.", ""), 503)
    return JSONResponse({"status": "ready"})


@router.get(
    "/status",
    summary="What the store holds for the caller",
    responses=responses(*GUARDED) | {200: examples.shown(examples.STATUS, "counts")},
)
def status(caller: Reader, services: Wired) -> dict[str, Any]:
    """Count the documents that the caller may read."""
    states = list(readable_states(services, caller))
    return {
        "documents": len(states),
        "chunks": sum(state.n_chunks for state in states),
        "sources": dict(Counter(state.source for state in states)),
        "languages": dict(Counter(state.language for state in states)),
        "generator": services.engine.generator.name,
        "checker": services.engine.checker.name,
    }


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
    responses=responses(*GUARDED)
    | {
        200: {
            "description": "figures in Prometheus' text format",
            "content": {"text/plain": {"example": "rag_queue_running 1.0"}},
        }
    },
)
def metrics(caller: Reader, services: Wired) -> Response:
    """Give all figures; none of them names a question, a user or a document."""
    services.metrics.uploads.set(services.uploads.n_waiting)
    return Response(services.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
