"""Who sends a request, and whether they may. The only place that turns headers and cookies into a principal.

A route says which scope it needs by the type of its caller: `Asker`, `Reader`, `Writer`, `Admin`, `Anyone`. In this order a
request is proved by its key, its session's cookie, or a header of a trusted proxy; where no authentication is required it is
else the local user's. What changes something and is not proved by a key must come from this site, by a session also with its
token: another site's page can make a browser send cookies, and reach the loopback address, but no key.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from rag.access.principals import LOCAL, Principal, Scope
from rag.access.rights import Readable
from rag.api.errors import ApiError, request_id_of
from rag.api.services import Services, Wired
from rag.api.spans import RequestSpan

COOKIE = "rag_session"
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Caller:
    """Who asks in one request, and what they may read at this moment: a predicate, or None for everything.

    `span` is the request's in a trace.
    """

    principal: Principal
    request_id: str
    readable: Readable | None
    span: RequestSpan


def require(scope: Scope | None) -> Callable[[Request, Services], Awaitable[Caller]]:
    """A dependency that gives the caller, who must hold `scope`."""

    async def caller(request: Request, services: Wired) -> Caller:
        principal = await run_in_threadpool(_authenticated, request, services)
        request.scope["rag.principal"] = principal.name
        if scope is not None and not principal.may(scope):
            raise ApiError(
                "forbidden", f"cannot do this: `{principal.name}` lacks scope `{scope}`. Ask an administrator to grant it."
            )
        if principal.how != "anonymous":
            services.rates.take(principal.name)
        readable = await run_in_threadpool(services.rights.readable, principal)
        return Caller(principal, request_id_of(request), readable, request.scope["rag.span"])

    caller.scope = scope or "any"  # type: ignore[attr-defined]  # a test sees by it which routes are guarded
    return caller


Asker = Annotated[Caller, Depends(require("ask"))]
Reader = Annotated[Caller, Depends(require("read"))]
Writer = Annotated[Caller, Depends(require("write"))]
Admin = Annotated[Caller, Depends(require("admin"))]
Anyone = Annotated[Caller, Depends(require(None))]


def require_own_site(request: Request, services: Services) -> None:
    """Refuse what a page of another site made a browser send.

    Raises: ApiError.
    """
    if request.method not in _SAFE and not services.addresses.is_own_site(request.headers):
        site = request.headers.get("origin", "another site")
        raise ApiError("cross_site", f"cannot take a request from site `{site}`. Add it to server.origins if it is yours.")


def _authenticated(request: Request, services: Services) -> Principal:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and (principal := services.accounts.by_key(token.strip())) is not None:
        return principal
    if kind and services.is_auth_required:
        raise _unauthenticated(services)
    require_own_site(request, services)
    principal = _by_cookie(request, services) or _by_proxy(request, services)
    if principal is None and services.is_auth_required:
        raise _unauthenticated(services)
    return principal or LOCAL


def _by_cookie(request: Request, services: Services) -> Principal | None:
    secret = request.cookies.get(COOKIE)
    session = services.accounts.by_session(secret) if secret else None
    if session is None:
        return None
    sent = request.headers.get("x-csrf-token", "")
    if request.method not in _SAFE and not hmac.compare_digest(sent.encode(), session.csrf.encode()):
        raise ApiError("csrf", "cannot take the request: its `X-CSRF-Token` is not that of the session. GET /session gives it.")
    return session.principal


def _by_proxy(request: Request, services: Services) -> Principal | None:
    """The user that a proxy names. Only the peer itself is asked, never an address that a header gives."""
    auth = services.config.auth
    peer = request.client.host if request.client else ""
    if not auth.proxy_user_header or not services.addresses.is_proxy(peer):
        return None
    names = request.headers.getlist(auth.proxy_user_header)
    groups = request.headers.get(auth.proxy_groups_header, "") if auth.proxy_groups_header else ""
    return services.accounts.by_proxy(names[0], (group.strip() for group in groups.split(","))) if len(names) == 1 else None


def _unauthenticated(services: Services) -> ApiError:
    page = "POST /session" if services.issuer is None else "POST /session, or in a browser at /session/oidc"
    return ApiError(
        "unauthenticated",
        f"cannot tell who asks: there is no valid key. Send `Authorization: Bearer rag_...`, or log in with {page}.",
        {"WWW-Authenticate": 'Bearer realm="rag"'},
    )
