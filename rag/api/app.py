"""The ASGI application: POST /query, GET /healthz, and an OpenAPI page that needs no network. Routes only translate.

Every error has one shape: {"error": {"type", "message"}}, the message with its remedy.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from ingest.errors import IngestError
from rag.answers import Policy
from rag.errors import GeneratorError, QuestionError, RagError
from rag.pipeline import Engine, answer
from rag.questions import Options
from rag.retriever import Filters

_MAX_BODY_BYTES = 1_000_000


class Turn(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(extra="forbid")

    role: str = Field(max_length=20)
    text: str = Field(max_length=100_000)


class Query(BaseModel):
    """A question, with the turns before it and filters if there are any."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"question": "How many days of leave can be carried over?"}]}
    )

    question: str = Field(description="the question; its language decides that of the product's own words")
    turns: list[Turn] = Field(default=[], max_length=100, description="earlier turns, oldest first")
    documents: list[str] = Field(default=[], max_length=100, description="names or globs to restrict the search to")
    languages: list[str] = Field(default=[], max_length=20, description="language codes to restrict the search to")
    types: list[str] = Field(default=[], max_length=20, description="file types to restrict the search to, such as pdf")
    sources: list[str] = Field(default=[], max_length=100, description="sources to restrict the search to")
    top_k: int | None = Field(default=None, ge=1, le=100, description="how many passages to answer from")
    policy: Policy | None = Field(default=None, description="what becomes of unsupported claims; not set: as configured")
    effort: Literal["", "low", "medium", "high"] = Field(
        default="", description="how much gpt-oss is to reason; empty: as configured"
    )


def build_app(engine: Engine, *, max_concurrent: int = 4) -> FastAPI:
    """Make the application over an engine that is ready."""
    app = FastAPIOffline(
        title="Grounded answers",
        description="Answers from your documents; every claim is checked against the words it cites.",
        version="0.1.0",
    )
    slots = asyncio.Semaphore(max_concurrent)

    @app.post("/query", summary="Ask a question", responses={422: {"description": "the question cannot be answered as it is"}})
    async def query(body: Query) -> dict[str, Any]:
        """Answer from the documents. An abstention is an answer too: status 200, `abstained` true."""
        filters = Filters(tuple(body.documents), tuple(body.languages), tuple(body.types), tuple(body.sources))
        turns = [(turn.role, turn.text) for turn in body.turns]
        options = Options(turns, filters, body.top_k, uuid.uuid4().hex, body.policy, body.effort)
        async with slots:
            result = await run_in_threadpool(answer, engine, body.question, options)
        return result.to_json()

    @app.get("/healthz", summary="Is the server alive, and over what")
    async def healthz() -> dict[str, Any]:
        chunks = await run_in_threadpool(engine.retriever.n_chunks)
        return {"status": "ok", "chunks": chunks, "generator": engine.generator.name, "checker": engine.checker.name}

    _handle_errors(app)
    return app


def _handle_errors(app: FastAPI) -> None:
    @app.middleware("http")
    async def limit_body(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY_BYTES:
            return _error(413, "body_too_large", f"cannot take the request: its body is over {_MAX_BODY_BYTES:,} bytes.")
        return await call_next(request)

    @app.exception_handler(QuestionError)
    async def bad_question(request: Request, error: QuestionError) -> JSONResponse:
        return _error(422, "question", str(error))

    @app.exception_handler(GeneratorError)
    async def bad_generator(request: Request, error: GeneratorError) -> JSONResponse:
        return _error(502, "generator", str(error))

    @app.exception_handler(RagError)
    async def failed(request: Request, error: RagError) -> JSONResponse:
        return _error(500, "rag", str(error))

    @app.exception_handler(IngestError)
    async def bad_store(request: Request, error: IngestError) -> JSONResponse:
        return _error(503, "store", str(error))

    @app.exception_handler(RequestValidationError)
    async def bad_body(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        return _error(422, "body", f"cannot read the request: `{place or 'body'}`: {first['msg']}. See /docs.")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, "http", f"{error.detail}: `{request.url.path}`. See /docs.")


def _error(status: int, kind: str, text: str) -> JSONResponse:
    return JSONResponse({"error": {"type": kind, "message": text}}, status_code=status)
