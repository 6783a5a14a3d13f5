"""Login by OpenID Connect: to the issuer, and back with a session. These routes are there where `access.issuer` is set."""

import base64
import html
import json
import re
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from rag.access.oidc import Issuer, Pending
from rag.api.errors import ApiError, responses
from rag.api.manners import client_of
from rag.api.services import Services, Wired
from rag.api.sessions import keep_session
from rag.errors import LoginError

router = APIRouter(prefix="/session/oidc", tags=["Session"])
_COOKIE = "rag_login"
_MAX_AGE_S = 600
_COST = 0.1  # of the limit on logins: there is no password to be guessed, and a whole office may have one address
_OWN_PAGE = re.compile(r"/(?![/\\])[^\s\\]*")
_ERRORS = responses("unauthenticated", "rate", "access")
_PAGE = '<!doctype html><meta http-equiv="refresh" content="0;url={url}"><title>Logged in</title><a href="{url}">Go on</a>'
Told = Annotated[str, Query(max_length=4000)]


@router.get(
    "",
    status_code=303,
    summary="Log in by OpenID Connect",
    response_class=RedirectResponse,
    responses=_ERRORS | {303: {"description": "to the issuer"}},
)
def begin(request: Request, services: Wired, next: Told = "/") -> RedirectResponse:
    """Send the browser to the issuer. `next` is the page of this server that it is to see once it is back."""
    issuer = _issuer(request, services)
    url, pending = issuer.begin(_redirect(request), next if _OWN_PAGE.fullmatch(next) else "/")
    response = RedirectResponse(url, 303)
    # Lax, as the issuer's page sends the browser back; it is read by the callback alone.
    response.set_cookie(
        _COOKIE,
        base64.urlsafe_b64encode(json.dumps(asdict(pending)).encode()).decode(),
        max_age=_MAX_AGE_S,
        path=_path(request),
        httponly=True,
        secure=request.scope["scheme"] == "https",
        samesite="lax",
    )
    return response


@router.get(
    "/callback",
    summary="Come back from the issuer",
    response_class=HTMLResponse,
    responses=_ERRORS
    | {200: {"description": "a page that leads on, with the session's cookie", "content": {"text/html": {"example": _PAGE}}}},
)
def callback(request: Request, services: Wired, state: Told = "", code: Told = "", error: Told = "") -> HTMLResponse:
    """Begin the session of whoever the issuer sent back. A page leads on: a redirect from elsewhere would carry no cookie."""
    issuer, pending = _issuer(request, services), _pending(request)
    if error or not code or pending is None:
        why = f"the issuer says `{error[:100]}`" if error else "this browser did not begin a login, or too long ago"
        raise ApiError("unauthenticated", f"cannot log in: {why}. Begin at /session/oidc.")
    try:
        proved = issuer.finish(_redirect(request), pending, state, code)
    except LoginError as refused:
        raise ApiError("unauthenticated", str(refused)) from refused
    begun = services.accounts.log_in_outsider(proved.name, proved.groups, services.config.auth.session_hours)
    if begun is None:
        why = f"`{proved.name[:100]}`, as the issuer calls you, is no name here. Have access.user_claim set to another claim"
        raise ApiError("unauthenticated", f"cannot log in: {why}.")
    response = HTMLResponse(_PAGE.format(url=html.escape(f"{request.scope.get('root_path', '')}{pending.after}")))
    keep_session(response, request, begun[0], services)
    response.delete_cookie(_COOKIE, path=_path(request))
    return response


def _issuer(request: Request, services: Services) -> Issuer:
    services.logins.take(f"issuer for {client_of(request)}", _COST)
    assert services.issuer is not None  # else these routes are not there
    return services.issuer


def _pending(request: Request) -> Pending | None:
    """The login that this browser began."""
    try:
        told = json.loads(base64.urlsafe_b64decode(request.cookies.get(_COOKIE, "")))
        pending = Pending(**{name: str(told[name]) for name in Pending.__dataclass_fields__})
    except (ValueError, KeyError, TypeError):
        return None
    return pending if _OWN_PAGE.fullmatch(pending.after) else None


def _redirect(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}{router.prefix}/callback"


def _path(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}{router.prefix}"
