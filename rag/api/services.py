"""Everything that routes need, wired once. Routes get it by `Wired`; there are no globals."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from ingest.embedder import Embedder
from ingest.store import Store
from rag.access.accounts import Accounts
from rag.access.audit import AuditLog
from rag.access.collections import Collections
from rag.access.conversations import Conversations
from rag.access.database import Database
from rag.access.feedback import FeedbackBook
from rag.access.kept import Shelf
from rag.access.oidc import Issuer
from rag.access.rights import Rights
from rag.access.unanswered import Unanswered
from rag.api.addresses import Addresses, is_loopback
from rag.api.limits import Rates, Workbench
from rag.api.metrics import Metrics
from rag.api.spans import Spans, spans_of_environment
from rag.config import AccessConfig, RagConfig
from rag.errors import ServerError
from rag.pipeline import Engine
from rag.uploads import Uploads


@dataclass(frozen=True)
class Services:
    """What one application works with."""

    config: RagConfig
    engine: Engine
    store: Store
    embedder: Embedder
    accounts: Accounts
    rights: Rights
    audit: AuditLog
    conversations: Conversations
    feedback: FeedbackBook
    kept: Shelf
    collections: Collections
    unanswered: Unanswered
    uploads: Uploads
    addresses: Addresses
    work: Workbench
    rates: Rates
    logins: Rates
    metrics: Metrics
    spans: Spans
    is_auth_required: bool
    issuer: Issuer | None


def build_services(engine: Engine, config: RagConfig, embedder: Embedder) -> Services:
    """Wire what the configuration says around an engine that is ready; `embedder` is for uploads and for clients.

    Raises: StoreError when there is no store; ServerError when a setting cannot be used.
    """
    server, store = config.server, Path(config.store.path)
    database, metrics, uploads = Database.of(server.state), Metrics(), server.state / "uploads"
    return Services(
        config=config,
        engine=engine,
        store=Store.open(store),
        embedder=embedder,
        accounts=Accounts(database),
        rights=Rights(store, Path(config.access.file) if config.access.file else None),
        audit=AuditLog(server.state / "audit.jsonl", with_questions=server.log_questions),
        conversations=Conversations(database),
        feedback=FeedbackBook(database),
        kept=Shelf(database),
        collections=Collections(database),
        unanswered=Unanswered(database, is_kept=server.log_questions),
        uploads=Uploads(uploads, store, embedder, config.chunker.settings(), config.loader.limits(), database),
        addresses=Addresses(server),
        work=Workbench(server, metrics),
        rates=Rates(server.max_requests_per_minute),
        logins=Rates(10),
        metrics=metrics,
        spans=spans_of_environment(with_questions=server.log_questions),
        is_auth_required=is_auth_required(config),
        issuer=_issuer(config.access),
    )


def is_auth_required(config: RagConfig) -> bool:
    """True where everybody must say who they are: where others can reach the server, be it through a proxy."""
    server = config.server
    is_open = not is_loopback(server.host) or bool(server.proxies) or not all(map(is_loopback, server.hosts))
    return config.auth.mode == "on" or (config.auth.mode == "auto" and is_open)


def _issuer(access: AccessConfig) -> Issuer | None:
    """The issuer that the configuration names, None if it names none.

    Raises: ServerError when it cannot be used, or not safely.
    """
    if not access.issuer:
        return None
    if find_spec("authlib") is None:
        raise ServerError(
            "cannot log in by OpenID Connect: package `authlib` is not there. Run `pip install 'grounded-rag[oidc]'`."
        )
    place = urlsplit(access.issuer)
    if place.scheme != "https" and not (place.scheme == "http" and is_loopback(place.hostname or "")):
        raise ServerError(f"cannot trust access.issuer `{access.issuer}`: its address is not `https://`. Give one that is.")
    if not access.client_id:
        raise ServerError("cannot log in by OpenID Connect: access.client_id is empty. Set what the issuer calls this server.")
    return Issuer(access)


def services_of(request: Request) -> Services:
    """The services of the application that a request came to."""
    found: Services = request.app.state.services
    return found


Wired = Annotated[Services, Depends(services_of)]
