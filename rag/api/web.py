"""The assistant at `/`: plain files, the same for everybody. What is secret they ask of the other routes.

Addresses of citations serve programs, which get text or an image, and people, whose browsers are led to the assistant.
"""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).resolve().parent.parent / "web"


_PLACES = ("/documents/text", "/documents/page")


class ToAssistant:
    """Leads a browser that opens the address of a citation to the page that shows it, whoever asks: the page asks who it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request of a browser's window; all else goes on."""
        app = self._app
        is_place = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].endswith(_PLACES)
        if is_place and "text/html" in Headers(scope=scope).get("accept", ""):
            place = scope["query_string"].decode("latin-1")
            app = RedirectResponse(f"../#/source?{place}", 303, {"vary": "Accept", "cache-control": "no-store"})
        await app(scope, receive, send)


class _Files(StaticFiles):
    """Files that a browser keeps, but asks for again whether they are as they were."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def add(app: FastAPI) -> None:
    """Add the page and its files."""

    @app.get("/", include_in_schema=False)
    async def assistant() -> FileResponse:
        return FileResponse(FOLDER / "index.html")

    app.mount("/web", _Files(directory=FOLDER))
