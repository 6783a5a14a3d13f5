"""A small store behind the application, and clients that call it as somebody."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from ingest.chunker import ChunkerSettings
from ingest.config import StoreConfig
from ingest.pipeline import ingest_folder
from ingest.store import Store
from rag.api.app import build_app
from rag.api.services import Services, build_services
from rag.checker.check import Checker
from rag.config import AccessConfig, AuthConfig, RagConfig, ServerConfig
from rag.generators.quote import QuoteGenerator
from rag.pipeline import Engine
from rag.retriever import Retriever

QUESTION = "What is the hotel limit in Madrid?"
TRAVEL = "# Travel\n\nThe hotel limit in Madrid is 140 euros per night.\n"


def build_store(root: Path, folder: Path, embedder) -> Path:
    ingest_folder(folder, root / "store", embedder, ChunkerSettings())
    return root / "store"


def build_engine(store: Path, embedder, generator=None) -> Engine:
    quoter = QuoteGenerator(None)
    return Engine(Retriever(Store.open(store), embedder), generator or quoter, quoter, Checker(), embedder.name)


@dataclass
class Site:
    """An application over a store; `call` sends one request."""

    app: FastAPI
    services: Services

    def call(self, method, path, *, key=None, headers=None, **options):
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        return self.calls([(method, path, {"headers": headers, **options})])[0]

    def calls(self, requests):
        async def go():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return [await client.request(method, path, **options) for method, path, options in requests]

        return asyncio.run(go())


def build_site(root: Path, store: Path, embedder, *, generator=None, rules=None, engine=None, auth=None, **server) -> Site:
    """`rules`: text of the rules file; `auth`: keys of the table; the rest are keys of the table `server`."""
    access = AccessConfig()
    if rules is not None:
        (root / "access.rules").write_text(rules, encoding="utf-8")
        access = AccessConfig(file=str(root / "access.rules"))
    config = RagConfig(
        store=StoreConfig(path=store),
        server=ServerConfig(**{"state": root / "state", **server}),
        auth=AuthConfig(**(auth or {})),
        access=access,
    )
    engine = engine or build_engine(store, embedder, generator)
    services = build_services(engine, config, embedder)
    return Site(build_app(services), services)


@contextmanager
def running(site: Site):
    """The application behind a real socket; gives its address. Its clients are then programs that know nothing of ASGI."""
    settings = uvicorn.Config(site.app, port=0, log_level="error", proxy_headers=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(settings)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def with_generator(engine: Engine, generator) -> Engine:
    return replace(engine, generator=generator)
