"""The ASGI application: routers over one set of services, inside the manners that every request gets. Routes only translate."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from rag.api import (
    administration,
    asking,
    checking,
    conversations,
    documents,
    feedback,
    health,
    mcp,
    oidc,
    sessions,
    uploading,
    web,
)
from rag.api.errors import handle_errors
from rag.api.manners import POLICY, Manners
from rag.api.openai import chat, embeddings, files, models, store_files, vector_stores
from rag.api.openai import responses as replies
from rag.api.services import Services

_MAX_BODY_BYTES = 1_000_000
_DOCS = "/static-offline-docs"
_OPENAI = [family.router for family in (models, chat, replies, files, vector_stores, store_files, embeddings)]


def build_app(services: Services) -> FastAPI:
    """Make the application over services that are ready."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.uploads.start()
        yield
        services.uploads.close()
        services.work.close()
        services.spans.close()

    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        title="Grounded answers",
        description="Answers from your documents; every claim is checked against the words it cites.",
        version="0.1.0",
        lifespan=lifespan,
    )
    app.state.services = services
    for family in (asking, checking, conversations, documents, feedback, sessions, administration, health):
        app.include_router(family.router, max_body_size=_MAX_BODY_BYTES)
    if services.issuer is not None:
        app.include_router(oidc.router, max_body_size=_MAX_BODY_BYTES)
    if find_spec("mcp") is not None:
        app.include_router(mcp.router, max_body_size=_MAX_BODY_BYTES)
    for router in _OPENAI:
        app.include_router(router, max_body_size=_MAX_BODY_BYTES)
    for router in (uploading.router, files.uploading):
        app.include_router(router, max_body_size=services.config.server.max_upload_mb * 1_000_000)
    _add_page(app)
    web.add(app)
    handle_errors(app)
    if services.config.server.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(services.config.server.origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-CSRF-Token", "X-Request-ID"],
            expose_headers=["X-Request-ID", "X-Marks", "X-Page", "X-Pages", "Retry-After", "ETag"],
        )
    app.add_middleware(web.ToAssistant)
    app.add_middleware(Manners, services=services)
    return app


def _add_page(app: FastAPI) -> None:
    """The page of the routes, from files that are here; its one inline script is allowed by its digest alone."""

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=f"{app.title}: routes",
            swagger_js_url=f"{root}{_DOCS}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_DOCS}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_DOCS}/favicon.png",
        )
        scripts = re.findall(r"<script>(.*?)</script>", bytes(page.body).decode(), re.DOTALL)
        digests = "".join(f" 'sha256-{_digest(script)}'" for script in scripts)
        policy = POLICY.format(scripts=digests).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
        page.headers["content-security-policy"] = policy
        return page


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
