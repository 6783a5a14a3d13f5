"""What goes wrong, as HTTP says it: one shape for every error, {"error": {"type", "message", "request_id"}}, remedy included.

Under /v1 the same errors have the shape that OpenAI's clients know, {"error": {"message", "type", "param", "code"}}; `code` is
then the type.

Every type of error is in `ERRORS`, with its status and an example for the API page.
"""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ingest.errors import IngestError
from rag.errors import AccessError, GeneratorError, InputError, PageError, QuestionError, RagError
from rag.stopping import Stopped

ERRORS: dict[str, tuple[int, str]] = {
    "unsupported": (400, "cannot take `n` = 2: a question has one answer. Leave it out."),
    "host": (400, "cannot serve host `evil.example`: this server does not go by that name. Add it to server.hosts."),
    "unauthenticated": (401, "cannot tell who asks: there is no valid key. Send `Authorization: Bearer rag_...`, or log in."),
    "forbidden": (403, "cannot do this: key `intranet` lacks scope `write`. Ask an administrator for a key that has it."),
    "cross_site": (403, "cannot take a request from site `https://evil.example`. Add it to server.origins if it is yours."),
    "csrf": (403, "cannot take the request: its `X-CSRF-Token` is not that of the session. GET /session gives it."),
    "not_found": (
        404,
        "cannot show `hr/plan.pdf`: there is no such document, or it is not for you. GET /documents lists them.",
    ),
    "http": (405, "Method Not Allowed: `/query`. See /docs."),
    "source_changed": (409, "cannot show `a.pdf`: source changed: the file is not what was ingested. Run `ingest` again."),
    "not_an_upload": (409, "cannot delete `a.pdf`: it belongs to a folder. Delete it there and run `ingest` again."),
    "too_large": (413, "cannot take the request: its body is too large. Send less at once."),
    "body": (422, "cannot read the request: `question`: Field required. See /docs."),
    "question": (422, "cannot answer an empty question: there is no word in it. Ask in words."),
    "input": (422, "cannot verify an answer: it is no answer object. Give the object that `rag ask --json` printed."),
    "page": (422, "cannot show page 9 of `a.pdf`: it has 3 pages."),
    "overloaded": (429, "cannot take the question now: too many are waiting. Try again in a few seconds."),
    "rate": (429, "cannot take the request now: key `intranet` sent over 600 in a minute. Try again in 2 seconds."),
    "internal": (500, "cannot answer: an error of the product itself. Its log says more under this request id."),
    "rag": (500, "cannot load the checker: the model is damaged. Install it anew."),
    "generator": (502, "cannot reach generator `http://127.0.0.1:8080/v1`: connection refused. Start the server."),
    "access": (503, "cannot read access rules `access.rules`, line 3: it is not of the form `GLOB: GROUP, GROUP`."),
    "store": (503, "cannot open store `data/store`: no manifest. Run `ingest FOLDER` first."),
    "stopped": (504, "cannot answer: it took longer than 300 seconds. Ask for less, or raise server.timeout_s."),
}
_STATUSES = {400: "host", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 413: "too_large"}
OPENAI_PATH = "/v1/"
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_LOG = logging.getLogger("rag.api")


class ApiError(Exception):
    """An error that only HTTP knows; `kind` is one of `ERRORS`."""

    def __init__(self, kind: str, message: str, headers: Mapping[str, str] | None = None, *, param: str | None = None) -> None:
        """Take the type, the message for the user, headers that belong to it and the field that it is about."""
        super().__init__(message)
        self.kind = kind
        self.param = param
        self.headers = dict(headers or {})


class ClientLeft(Exception):
    """Nobody is there to be answered."""


def responses(*kinds: str, is_openai: bool = False) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route in the API page: these errors, and those that any route may give."""
    found: dict[int | str, dict[str, Any]] = {"4XX": {"description": "any other error of a request"}} if is_openai else {}
    for kind in dict.fromkeys((*kinds, "host", "http", "too_large", "body", "internal")):
        status, message = ERRORS[kind]
        example = shape(kind, message, "5f0c2a")
        if is_openai:
            example, status = openai_shape(example)
        told = found.setdefault(status, {"description": "", "content": {"application/json": {"examples": {}}}})
        told["description"] = ", ".join(filter(None, (told["description"], kind)))
        told["content"]["application/json"]["examples"][kind] = {"value": example}
    return found


# What any route may say where somebody must have a right to it.
GUARDED = ("unauthenticated", "forbidden", "cross_site", "csrf", "rate", "access", "store")


def shape(kind: str, message: str, request_id: str) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"type": kind, "message": message, "request_id": request_id}}


def openai_shape(body: dict[str, Any], param: str | None = None) -> tuple[dict[str, Any], int]:
    """The body of an error and its status as OpenAI's clients know them."""
    error = body["error"]
    status = ERRORS[error["type"]][0]
    status = 400 if status == 422 else status
    family = _OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    told = {"message": error["message"], "type": family, "param": param, "code": error["type"]}
    return {"error": {**told, "request_id": error["request_id"]}}, status


def error_response(
    path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None, *, param: str | None = None
) -> JSONResponse:
    """An error in the shape of the family of routes that `path` belongs to."""
    if path.startswith(OPENAI_PATH):
        body, status = openai_shape(body, param)
    else:
        status = ERRORS[body["error"]["type"]][0]
    return JSONResponse(body, status, headers)


def kind_of(error: Exception) -> str:
    """The type under which an error of the product is told."""
    for family, kind in _FAMILIES:
        if isinstance(error, family):
            return kind
    return "source_changed" if isinstance(error, PageError) and error.is_changed else _last(error)


def _last(error: Exception) -> str:
    if isinstance(error, PageError):
        return "page"
    return "store" if isinstance(error, IngestError) else "rag" if isinstance(error, RagError) else "internal"


_FAMILIES: tuple[tuple[type[Exception], str], ...] = (
    (QuestionError, "question"),
    (InputError, "input"),
    (GeneratorError, "generator"),
    (AccessError, "access"),
    (Stopped, "stopped"),
)


def told(error: Exception, request_id: str) -> dict[str, Any]:
    """The body for any error; one that is a bug goes to the log and says no more than that."""
    if isinstance(error, ApiError):
        return shape(error.kind, str(error), request_id)
    kind = kind_of(error)
    if kind == "internal":
        _LOG.error("unexpected error", exc_info=error, extra={"fields": {"request": request_id}})
        return shape(kind, ERRORS[kind][1], request_id)
    return shape(kind, str(error), request_id)


def handle_errors(app: FastAPI) -> None:
    """Have every error of the application told in the one shape."""

    def answer(request: Request, error: Exception) -> JSONResponse:
        headers, param = (error.headers, error.param) if isinstance(error, ApiError) else (None, None)
        return error_response(request.url.path, told(error, request_id_of(request)), headers, param=param)

    for family in (ApiError, RagError, IngestError):
        app.add_exception_handler(family, answer)

    @app.exception_handler(ClientLeft)
    async def left(request: Request, error: ClientLeft) -> Response:
        return Response(status_code=499)  # nobody reads it, but the log does

    @app.exception_handler(RequestValidationError)
    async def bad_body(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query"))
        message = f"cannot read the request: `{place or 'body'}`: {first['msg']}. See /docs."
        return error_response(request.url.path, shape("body", message, request_id_of(request)), param=place or None)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        kind = _STATUSES.get(error.status_code, "http")
        message = ERRORS["too_large"][1] if kind == "too_large" else f"{error.detail}: `{request.url.path}`. See /docs."
        response = error_response(request.url.path, shape(kind, message, request_id_of(request)), error.headers)
        response.status_code = error.status_code
        return response


def request_id_of(request: Request) -> str:
    """The id by which the request goes in the log and in what is answered."""
    return str(request.scope.get("rag.request_id", ""))
