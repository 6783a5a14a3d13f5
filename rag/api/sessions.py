"""Sessions of browsers: log in, who am I, log out. The secret is in a cookie that no script can read."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from rag.access.principals import Principal
from rag.api import examples
from rag.api.auth import COOKIE, Anyone, require_own_site
from rag.api.bodies import Body
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.manners import client_of
from rag.api.services import Services, Wired

router = APIRouter(prefix="/session", tags=["Session"])

_EXAMPLE = examples.shown(examples.SESSION, "who is asking")


class Login(Body):
    """A user's name and password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user": "ana", "password": "correct horse battery"}]})

    user: str = Field(max_length=64)
    password: str = Field(max_length=1000)


@router.post("", summary="Log in", responses=responses(*GUARDED) | {200: _EXAMPLE})
def log_in(body: Login, request: Request, response: Response, services: Wired) -> dict[str, Any]:
    """Begin a session: a cookie, and the token that every request that changes something must carry as `X-CSRF-Token`."""
    require_own_site(request, services)
    for name in (f"address {client_of(request)}", f"user {body.user}"):
        services.logins.take(name)
    begun = services.accounts.log_in(body.user, body.password, services.config.auth.session_hours)
    if begun is None:
        raise ApiError("unauthenticated", "cannot log in: user and password do not fit. Try again, or ask an administrator.")
    secret, session = begun
    keep_session(response, request, secret, services)
    return {**_who(session.principal), "csrf": session.csrf, "expires": session.expires}


@router.get("", summary="Who am I", responses=responses(*GUARDED) | {200: _EXAMPLE})
def who(request: Request, caller: Anyone, services: Wired) -> dict[str, Any]:
    """Tell who is asking and what that principal may do; `csrf` is null where there is no session."""
    session = _session(request, services) if caller.principal.how == "session" else None
    told = {"csrf": session.csrf, "expires": session.expires} if session else {"csrf": None, "expires": None}
    return {**_who(caller.principal), **told}


@router.delete("", status_code=204, summary="Log out", responses=responses(*GUARDED))
def log_out(request: Request, caller: Anyone, services: Wired) -> Response:
    """End the session."""
    if secret := request.cookies.get(COOKIE):
        services.accounts.log_out(secret)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE)
    return response


def keep_session(response: Response, request: Request, secret: str, services: Services) -> None:
    """Have the browser keep the secret of a session where no script can read it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=round(services.config.auth.session_hours * 3600),
        httponly=True,
        secure=request.scope["scheme"] == "https",
        samesite="strict",
    )


def _session(request: Request, services: Services) -> Any:
    return services.accounts.by_session(request.cookies.get(COOKIE, ""))


def _who(principal: Principal) -> dict[str, Any]:
    return {
        "user": principal.name,
        "groups": sorted(principal.groups),
        "scopes": sorted(principal.scopes),
        "how": principal.how,
    }
