"""For administrators: users, keys and their groups, and the questions that the documents did not answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from rag.access.principals import Scope
from rag.api import examples
from rag.api.auth import Admin, Caller
from rag.api.bodies import Body
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.services import Wired
from rag.errors import AccessError, StateError

router = APIRouter(tags=["Administration"])


class Rights(Body):
    """What somebody may do, and the groups that access rules name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scopes": ["ask", "read"], "groups": ["hr"]}]})

    scopes: list[Scope] = Field(min_length=1, max_length=4)
    groups: list[str] = Field(default=[], max_length=100)


class NewUser(Rights):
    """A user who is to log in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "ben", "password": "correct horse battery", "scopes": ["ask", "read"]}]}
    )

    name: str = Field(max_length=64)
    password: str = Field(max_length=1000)


class NewKey(Rights):
    """A key for a program, which stands for itself or for a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "wiki", "scopes": ["ask"], "days": 90}]})

    name: str = Field(max_length=64)
    user: str | None = Field(default=None, max_length=64)
    days: float | None = Field(default=None, gt=0, le=36_500, description="valid for so many days; not set: for good")


@router.get(
    "/accounts",
    summary="List users and keys",
    responses=responses(*GUARDED) | {200: examples.shown(examples.ACCOUNTS, "all of them, without any secret")},
)
def accounts(caller: Admin, services: Wired) -> dict[str, Any]:
    """List users and keys with their scopes and groups."""
    found = services.accounts
    return {"users": [user.to_json() for user in found.users()], "keys": [key.to_json() for key in found.all_keys()]}


@router.post(
    "/accounts/users",
    status_code=201,
    summary="Add a user",
    responses=responses(*GUARDED, "input") | {201: examples.shown(examples.USER, "the user")},
)
def add_user(body: NewUser, caller: Admin, services: Wired) -> dict[str, Any]:
    """Add a user, who can log in at once."""
    with _told(services, caller, f"add user {body.name}"):
        services.accounts.add_user(body.name, body.password, body.scopes, body.groups)
    return _user(services, body.name)


@router.patch(
    "/accounts/users/{name}",
    summary="Change what a user may do",
    responses=responses(*GUARDED, "input") | {200: examples.shown(examples.USER, "the user")},
)
def change_user(name: str, body: Rights, caller: Admin, services: Wired) -> dict[str, Any]:
    """Give a user other scopes and groups, which count from the next request on."""
    if "admin" not in body.scopes:
        _require_other(name, caller)
    with _told(services, caller, f"change user {name}"):
        services.accounts.set_rights(name, body.scopes, body.groups)
    return _user(services, name)


@router.delete("/accounts/users/{name}", status_code=204, summary="Remove a user", responses=responses(*GUARDED, "input"))
def remove_user(name: str, caller: Admin, services: Wired) -> Response:
    """Remove a user with sessions and conversations; keys made for the user are worthless from now on."""
    _require_other(name, caller)
    with _told(services, caller, f"remove user {name}"):
        services.accounts.remove_user(name)
    return Response(status_code=204)


@router.post(
    "/accounts/keys",
    status_code=201,
    summary="Make a key",
    responses=responses(*GUARDED, "input")
    | {201: examples.shown({"name": "wiki", "key": "rag_4be0643f1d98_..."}, "the key, which is shown this once")},
)
def create_key(body: NewKey, caller: Admin, services: Wired) -> dict[str, Any]:
    """Make a key. Its secret is in this answer and nowhere else."""
    with _told(services, caller, f"create key {body.name}"):
        key = services.accounts.create_key(body.name, body.scopes, body.groups, body.user, body.days)
    return {"name": body.name, "key": key}


@router.delete("/accounts/keys/{name}", status_code=204, summary="Revoke a key", responses=responses(*GUARDED, "input"))
def revoke_key(name: str, caller: Admin, services: Wired) -> Response:
    """Make a key worthless, at once and for good."""
    with _told(services, caller, f"revoke key {name}"):
        services.accounts.revoke_key(name)
    return Response(status_code=204)


@router.get(
    "/unanswered",
    summary="Questions that got no answer",
    responses=responses(*GUARDED)
    | {200: examples.shown(examples.UNANSWERED, "the latest first; `is_kept` is server.log_questions")},
)
def unanswered(caller: Admin, services: Wired, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """List what the documents do not say, where `server.log_questions` has questions kept."""
    return {"is_kept": services.unanswered.is_kept, "questions": services.unanswered.listed(limit)}


@contextmanager
def _told(services: Wired, caller: Caller, action: str) -> Iterator[None]:
    """Note what an administrator does, and tell a name or password that cannot be used as the mistake that it is."""
    services.audit.write(caller.principal, action[:200], caller.request_id)
    try:
        yield
    except StateError:
        raise
    except AccessError as error:
        raise ApiError("input", str(error)) from error


def _require_other(name: str, caller: Caller) -> None:
    if name == caller.principal.name:
        raise ApiError("input", f"cannot take administration from `{name}`: that is you. Have another administrator do it.")


def _user(services: Wired, name: str) -> dict[str, Any]:
    user = services.accounts.user(name)
    return user.to_json() if user else {}
