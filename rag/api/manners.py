"""What every request gets, whatever its route: an id, a check of the host, safe headers, a line in the log, its figures.

It is plain ASGI, so that streams pass through it and a client that leaves is seen by whoever answers.
"""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.api.errors import ERRORS, error_response, shape, told
from rag.api.services import Services
from rag.api.spans import RequestSpan

_PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds, and of no interest in a trace
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_ID = re.compile(r"[\w.-]{1,64}")
_LOG = logging.getLogger("rag.api")
# Nothing of a document is ever run: no script but this server's own files, no frame, no form to elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": POLICY.format(scripts=""),
    "cache-control": "private, no-store",
}


class Manners:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        scope["rag.request_id"] = identity = sent if _ID.fullmatch(sent) else secrets.token_hex(8)
        scope["rag.client"], scope["scheme"] = self._services.addresses.client(scope)
        is_probe = scope["path"] in _PROBES
        scope["rag.span"] = RequestSpan() if is_probe else self._services.spans.begin(identity, headers)
        started, status = time.perf_counter(), 499

        async def send_politely(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                found["x-request-id"] = identity
                for name, value in _SAFE.items():
                    found.setdefault(name, value)
            await send(message)

        async def polite(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status == 413:  # the framework says it in plain text, and asks no error handler
                    await _too_large(scope["path"], identity)(scope, receive, send_politely)
                    return
            if status != 413:
                await send_politely(message)

        try:
            host = headers.get("host", "")
            if self._services.addresses.is_host(host):
                await self._app(scope, receive, polite)
            else:
                why = f"cannot serve host `{host[:100]}`: this server does not go by that name. Add it to server.hosts."
                await error_response(scope["path"], shape("host", why, identity))(scope, receive, polite)
        except Exception as error:  # noqa: BLE001  the outermost edge
            body = told(error, identity)
            if status == 499:
                await error_response(scope["path"], body)(scope, receive, polite)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Note a request by its route: neither its query nor its body, which may name documents or hold a question."""
        route = getattr(scope.get("route"), "path", None) or "other"
        metrics = self._services.metrics
        method = scope["method"] if scope["method"] in _METHODS else "other"  # a client may make up any number of others
        metrics.requests.labels(method, route, str(status)).inc()
        metrics.latency.labels(route).observe(seconds)
        scope["rag.span"].end(method, route, status)
        fields = {
            "request": scope["rag.request_id"],
            "who": scope.get("rag.principal", ""),
            "client": scope["rag.client"],
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        _LOG.info("request", extra={"fields": fields})


def _too_large(path: str, identity: str) -> JSONResponse:
    return error_response(path, shape("too_large", ERRORS["too_large"][1], identity))


def client_of(request: Request) -> str:
    """Address of the client, as a trusted proxy tells it if one is in between."""
    return str(request.scope.get("rag.client", ""))
