"""Everything that routes need, wired once. Routes get it by `Wired`; there are no globals."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from ingest.embedder import Embedder
from ingest.store import Store
from rag.access.accounts import Accounts
from rag.access.audit import AuditLog
from rag.access.conversations import Conversations
from rag.access.database import Database
from rag.access.feedback import FeedbackBook
from rag.access.rights import Rights
from rag.access.unanswered import Unanswered
from rag.api.addresses import Addresses, is_loopback
from rag.api.limits import Rates, Workbench
from rag.api.metrics import Metrics
from rag.config import RagConfig
from rag.pipeline import Engine
from rag.uploads import Uploads


@dataclass(frozen=True)
class Services:
    """What one application works with."""

    config: RagConfig
    engine: Engine
    store: Store
    accounts: Accounts
    rights: Rights
    audit: AuditLog
    conversations: Conversations
    feedback: FeedbackBook
    unanswered: Unanswered
    uploads: Uploads
    addresses: Addresses
    work: Workbench
    rates: Rates
    logins: Rates
    metrics: Metrics
    is_auth_required: bool


def build_services(engine: Engine, config: RagConfig, embedder: Embedder) -> Services:
    """Wire what the configuration says around an engine that is ready; `embedder` is for uploads.

    Raises: StoreError when there is no store; ServerError when a setting cannot be used.
    """
    server, store = config.server, Path(config.store.path)
    database, metrics = Database.of(server.state), Metrics()
    return Services(
        config=config,
        engine=engine,
        store=Store.open(store),
        accounts=Accounts(database),
        rights=Rights(store, Path(config.access.file) if config.access.file else None),
        audit=AuditLog(server.state / "audit.jsonl", with_questions=server.log_questions),
        conversations=Conversations(database),
        feedback=FeedbackBook(database),
        unanswered=Unanswered(database, is_kept=server.log_questions),
        uploads=Uploads(server.state / "uploads", store, embedder, config.chunker.settings(), database),
        addresses=Addresses(server),
        work=Workbench(server, metrics),
        rates=Rates(server.max_requests_per_minute),
        logins=Rates(10),
        metrics=metrics,
        is_auth_required=is_auth_required(config),
    )


def is_auth_required(config: RagConfig) -> bool:
    """True where everybody must say who they are: where others can reach the server, be it through a proxy."""
    server = config.server
    is_open = not is_loopback(server.host) or bool(server.proxies) or not all(map(is_loopback, server.hosts))
    return config.auth.mode == "on" or (config.auth.mode == "auto" and is_open)


def services_of(request: Request) -> Services:
    """The services of the application that a request came to."""
    found: Services = request.app.state.services
    return found


Wired = Annotated[Services, Depends(services_of)]
