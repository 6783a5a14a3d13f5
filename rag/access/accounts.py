"""Keys, users and sessions. It proves who somebody is, and says what that principal may do; it knows no HTTP and no rules.

A key is `rag_ID_SECRET`. Of the secret only the SHA-256 is kept, so it can be shown once and never again. A key stands for the
user that it was made for, with that user's groups and scopes as they are now, or for itself.
"""

import re
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from rag.access.database import Database
from rag.access.passwords import digest, hash_password, is_password, is_secret, new_secret
from rag.access.principals import LOCAL, SCOPES, How, Principal, Scope, is_group, is_name
from rag.errors import AccessError, StateError

_KEY = re.compile(r"rag_([0-9a-f]{12})_([\w-]{43})")
KEY_PREFIX = "key-"


@dataclass(frozen=True)
class Key:
    """What is known of a key, but for its secret. Times are ISO 8601, UTC; None for those that never come."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    groups: tuple[str, ...]
    user: str | None
    created: str
    expires: str | None
    revoked: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as `rag keys list --json` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class User:
    """What is known of a user, but for the password."""

    name: str
    scopes: tuple[Scope, ...]
    groups: tuple[str, ...]
    created: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields as `rag users list --json` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class Session:
    """A login: who, until when, and the token that a browser must send with every request that changes something."""

    principal: Principal
    csrf: str
    expires: str


class Accounts:
    """The accounts of one server; every question is answered from the file as it is now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_empty(self) -> bool:
        """True if nobody could authenticate: no user, and no key that is valid."""
        return not self.users() and not any(_is_valid(key) for key in self.all_keys())

    def create_key(
        self,
        name: str,
        scopes: Sequence[Scope],
        groups: Sequence[str] = (),
        user: str | None = None,
        days: float | None = None,
    ) -> str:
        """Make a key, valid for `days` or for good, and return it whole; this is the only time that its secret is known.

        Raises: AccessError when the name is taken or a name is not allowed, or there is no such user.
        """
        _require_name(name)
        _require_groups(groups)
        _require_scopes(scopes)
        if user is not None and self.user(user) is None:
            raise AccessError(f"cannot make a key for user `{user}`: there is no such user. See `rag users list`.")
        identity, secret = secrets.token_hex(6), new_secret()
        expires = None if days is None else _after(timedelta(days=days))
        row = (identity, name, digest(secret), ",".join(scopes), ",".join(groups), user, _now(), expires, None)
        try:
            with self._database.open() as db:
                db.execute("insert into keys values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise AccessError(f"cannot make key `{name}`: there was one of this name. Take another name.") from error
        return f"rag_{identity}_{secret}"

    def all_keys(self) -> list[Key]:
        """Every key, also those that are revoked or expired."""
        with self._database.open() as db:
            return [_key(row) for row in db.execute("select * from keys order by created, name")]

    def revoke_key(self, name: str) -> None:
        """Make a key worthless from now on.

        Raises: AccessError when there is none of that name.
        """
        with self._database.open() as db:
            found = db.execute("update keys set revoked = coalesce(revoked, ?) where name = ?", (_now(), name)).rowcount
        if not found:
            raise AccessError(f"cannot revoke key `{name}`: there is no such key. See `rag keys list`.")

    def by_key(self, text: str) -> Principal | None:
        """Who a key stands for; None if it is no key, or no longer valid."""
        match = _KEY.fullmatch(text)
        if match is None:
            return None
        with self._database.open() as db:
            row = db.execute("select * from keys where id = ?", (match[1],)).fetchone()
        if row is None or not is_secret(match[2], row["digest"]) or not _is_valid(_key(row)):
            return None
        key = _key(row)
        if key.user is None:
            return Principal(f"{KEY_PREFIX}{key.name}", frozenset(key.groups), frozenset(key.scopes), "key")
        user = self.user(key.user)
        if user is None:
            return None
        scopes = frozenset(key.scopes) & (frozenset(SCOPES) if "admin" in user.scopes else frozenset(user.scopes))
        return Principal(user.name, frozenset(user.groups), scopes, "key")

    def add_user(self, name: str, password: str, scopes: Sequence[Scope], groups: Sequence[str] = ()) -> None:
        """Add a user.

        Raises: AccessError when the name is taken or not allowed, or the password is too short.
        """
        _require_name(name)
        _require_groups(groups)
        _require_scopes(scopes)
        if name == LOCAL.name or name.startswith(KEY_PREFIX):
            raise AccessError(f"cannot add user `{name}`: the name is kept for the product's own use. Take another name.")
        row = (name, hash_password(password), ",".join(scopes), ",".join(groups), _now())
        try:
            with self._database.open() as db:
                db.execute("insert into users values (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise AccessError(f"cannot add user `{name}`: there is one. See `rag users list`.") from error

    def users(self) -> list[User]:
        """Every user."""
        with self._database.open() as db:
            return [_user(row) for row in db.execute("select * from users order by name")]

    def user(self, name: str) -> User | None:
        """A user by name, None if there is none."""
        with self._database.open() as db:
            row = db.execute("select * from users where name = ?", (name,)).fetchone()
        return None if row is None else _user(row)

    def remove_user(self, name: str) -> None:
        """Remove a user: end sessions, revoke keys made for the user, delete conversations, kept responses and collections.

        What the user uploaded stays, in a folder that is no longer the name's.

        Raises: AccessError when there is none of that name; StateError when the uploads cannot be set aside.
        """
        self._require_user("remove", name, "delete from users where name = ?", (name,))
        with self._database.open() as db:  # else they would be those of the next user of this name
            db.execute("update keys set revoked = coalesce(revoked, ?) where user = ?", (_now(), name))
            db.execute("delete from conversations where owner = ?", (name,))
            db.execute("delete from outside_sessions where user = ?", (name,))
            for table in ("kept", "collections", "uploads"):
                db.execute(f"delete from {table} where principal = ?", (name,))
        uploads = self._database.folder / "uploads" / name
        try:
            if uploads.is_dir():
                uploads.rename(uploads.with_name(f"{name}@{_now().replace(':', '')}"))
        except OSError as error:
            raise StateError(
                f"cannot set aside `{uploads}`: {error.strerror}. Rename it before the name is used again."
            ) from error

    def set_rights(self, name: str, scopes: Sequence[Scope], groups: Sequence[str]) -> None:
        """Give a user other scopes and groups, at once.

        Raises: AccessError when there is no such user, or a name or scope is not allowed.
        """
        _require_groups(groups)
        _require_scopes(scopes)
        change = "update users set scopes = ?, groups = ? where name = ?"
        self._require_user("change", name, change, (",".join(scopes), ",".join(groups), name))

    def set_password(self, name: str, password: str) -> None:
        """Change a password; the user's sessions end.

        Raises: AccessError when there is no such user or the password is too short.
        """
        self._require_user(
            "change the password of", name, "update users set password = ? where name = ?", (hash_password(password), name)
        )
        with self._database.open() as db:
            db.execute("delete from sessions where user = ?", (name,))

    def log_in(self, name: str, password: str, hours: float) -> tuple[str, Session] | None:
        """Begin a session of so many hours: its secret, and the session; None if name and password do not fit."""
        with self._database.open() as db:
            row = db.execute("select * from users where name = ?", (name,)).fetchone()
        if not is_password(password, None if row is None else row["password"]):
            return None
        secret = new_secret()
        session = Session(_principal(_user(row)), new_secret(), _after(timedelta(hours=hours)))
        with self._database.open() as db:
            db.execute("delete from sessions where expires < ?", (_now(),))
            db.execute("insert into sessions values (?, ?, ?, ?)", (digest(secret), name, session.csrf, session.expires))
        return secret, session

    def by_session(self, secret: str) -> Session | None:
        """The session of a secret; None if it has ended."""
        query = "select users.*, csrf, expires from sessions join users on user = users.name where digest = ?"
        with self._database.open() as db:
            row = db.execute(query, (digest(secret),)).fetchone()
        if row is None:
            return self._by_outside_session(secret)
        return None if row["expires"] < _now() else Session(_principal(_user(row)), row["csrf"], row["expires"])

    def log_in_outsider(self, name: str, groups: Iterable[str], hours: float) -> tuple[str, Session] | None:
        """Begin a session of whom an issuer vouches for, in these groups until it ends; None for a name not allowed."""
        told = [group for group in groups if is_group(group)]
        principal = self._outsider(name, told, "session")
        if principal is None:
            return None
        secret = new_secret()
        session = Session(principal, new_secret(), _after(timedelta(hours=hours)))
        with self._database.open() as db:
            db.execute("delete from outside_sessions where expires < ?", (_now(),))
            row = (digest(secret), name, ",".join(told), session.csrf, session.expires)
            db.execute("insert into outside_sessions values (?, ?, ?, ?, ?)", row)
        return secret, session

    def _by_outside_session(self, secret: str) -> Session | None:
        with self._database.open() as db:
            row = db.execute("select * from outside_sessions where digest = ?", (digest(secret),)).fetchone()
        principal = None if row is None else self._outsider(row["user"], _groups(row), "session")
        return None if principal is None or row["expires"] < _now() else Session(principal, row["csrf"], row["expires"])

    def log_out(self, secret: str) -> None:
        """End a session."""
        with self._database.open() as db:
            db.execute("delete from sessions where digest = ?", (digest(secret),))
            db.execute("delete from outside_sessions where digest = ?", (digest(secret),))

    def by_proxy(self, name: str, groups: Iterable[str]) -> Principal | None:
        """Who a trusted proxy says is asking, None for a name not allowed. One that is no user here may ask and read."""
        return self._outsider(name, groups, "proxy")

    def _outsider(self, name: str, groups: Iterable[str], how: How) -> Principal | None:
        """Somebody whom others vouch for: who is a user here too has that user's scopes and groups besides."""
        if not is_name(name) or name == LOCAL.name or name.startswith(KEY_PREFIX):
            return None
        user = self.user(name)
        told = frozenset(group for group in groups if is_group(group))
        if user is None:
            return Principal(name, told, frozenset(("ask", "read")), how)
        return Principal(name, told | set(user.groups), frozenset(user.scopes), how)

    def _require_user(self, what: str, name: str, change: str, values: tuple[str, ...]) -> None:
        with self._database.open() as db:
            found = db.execute(change, values).rowcount
        if not found:
            raise AccessError(f"cannot {what} user `{name}`: there is no such user. See `rag users list`.")


def _key(row: sqlite3.Row) -> Key:
    return Key(row["id"], row["name"], _scopes(row), _groups(row), row["user"], row["created"], row["expires"], row["revoked"])


def _user(row: sqlite3.Row) -> User:
    return User(row["name"], _scopes(row), _groups(row), row["created"])


def _principal(user: User) -> Principal:
    return Principal(user.name, frozenset(user.groups), frozenset(user.scopes), "session")


def _scopes(row: sqlite3.Row) -> tuple[Scope, ...]:
    return tuple(cast(Scope, scope) for scope in row["scopes"].split(",") if scope)


def _groups(row: sqlite3.Row) -> tuple[str, ...]:
    return tuple(group for group in row["groups"].split(",") if group)


def _is_valid(key: Key) -> bool:
    return key.revoked is None and (key.expires is None or key.expires > _now())


def _require_name(name: str) -> None:
    if not is_name(name):
        raise AccessError(
            f"cannot use the name `{name}`: letters, digits and `_.@+|-` are allowed, 128 at most; a letter or digit is first."
        )


def _require_groups(groups: Sequence[str]) -> None:
    wrong = next((group for group in groups if not is_group(group)), None)
    if wrong is not None:
        raise AccessError(
            f"cannot use the group `{wrong}`: one line without `,` and `:`, 128 characters at most, not like `@user`."
        )


def _require_scopes(scopes: Sequence[str]) -> None:
    wrong = next((scope for scope in scopes if scope not in SCOPES), None)
    if wrong is not None or not scopes:
        raise AccessError(f"cannot grant scope `{wrong or ''}`: there is no such scope. Take some of {', '.join(SCOPES)}.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _after(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat(timespec="seconds")
