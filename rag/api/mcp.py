"""`POST /mcp`: the MCP server over streamable HTTP, without sessions: each request is served with its caller's rights."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rag.access.rights import Readable
from rag.answers import Answer
from rag.api.asking import count, documents_shown
from rag.api.auth import Asker, Caller
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.services import Services, Wired
from rag.errors import AccessError, RagError
from rag.mcp import Said, build_server
from rag.stopping import Stop

router = APIRouter(tags=["MCP"])
_EXAMPLE = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "ask"}]}}


class _CallerDesk:
    """The work of one request, for its caller."""

    def __init__(self, services: Services, caller: Caller, request: Request) -> None:
        self.engine = replace(services.engine, on_lap=caller.span.lap)
        self._services = services
        self._caller = caller
        self._request = request

    def readable(self) -> Readable | None:
        return self._services.rights.readable(self._caller.principal)

    def note(self, action: str, documents: Sequence[str], question: str) -> None:
        self._services.audit.write(self._caller.principal, action, self._caller.request_id, documents, question)

    def answered(self, answer: Answer) -> None:
        self.note("query", documents_shown(answer), answer.question)
        count(self._services, self._caller, answer)

    def require(self, action: str) -> None:
        if action == "open" and not self._caller.principal.may("read"):
            raise AccessError(f"cannot open a document: `{self._caller.principal.name}` lacks scope `read`. Search instead.")

    async def run(self, work: Callable[[Stop], Said]) -> Said:
        try:
            return await self._services.work.run(self._request, work)
        except ApiError as error:  # too many wait: the model that called is told so
            raise RagError(str(error)) from error


class _Served(Response):
    """A response that is what the MCP server sends."""

    def __init__(self, server: Any) -> None:
        super().__init__()
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(self._server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)


@router.post(
    "/mcp",
    summary="MCP over streamable HTTP",
    response_class=Response,
    responses=responses(*GUARDED)
    | {
        200: shown(_EXAMPLE, "the reply of JSON-RPC"),
        202: {"description": "a notification was taken"},
        "4XX": {"description": "what the MCP server refuses, as an error of JSON-RPC"},
    },
)
async def mcp(request: Request, caller: Asker, services: Wired) -> Response:
    """Serve tools `search`, `open`, `ask` and `check` to an MCP client; `Authorization: Bearer` as everywhere."""
    return _Served(build_server(_CallerDesk(services, caller, request)))
