"""The assistant at `/`: plain files, the same for everybody. What is secret they ask of the other routes."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).resolve().parent.parent / "web"


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
