"""The server's own small database: accounts, conversations, feedback. For its owner alone; no secret is in it as it is."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.errors import StateError

_SCHEMA = """
create table if not exists keys (
    id text primary key, name text unique not null, digest text not null, scopes text not null, groups text not null,
    user text, created text not null, expires text, revoked text);
create table if not exists users (
    name text primary key, password text not null, scopes text not null, groups text not null, created text not null);
create table if not exists sessions (
    digest text primary key, user text not null references users(name) on delete cascade, csrf text not null,
    expires text not null);
create table if not exists outside_sessions (
    digest text primary key, user text not null, groups text not null, csrf text not null, expires text not null);
create table if not exists feedback (
    id integer primary key, at text not null, principal text not null, rating text not null, comment text not null,
    receipt_id text not null, answer text not null);
create table if not exists conversations (
    id text primary key, owner text not null, title text not null, created text not null, updated text not null);
create index if not exists conversations_of on conversations (owner, updated);
create table if not exists exchanges (
    id integer primary key, conversation text not null references conversations(id) on delete cascade, at text not null,
    question text not null, answer text not null);
create index if not exists exchanges_of on exchanges (conversation);
create table if not exists shares (
    conversation text primary key references conversations(id) on delete cascade, at text not null);
create table if not exists unanswered (
    id integer primary key, at text not null, question text not null, reason text not null);
create table if not exists uploads (
    id text primary key, at text not null, principal text not null, files text not null);
create table if not exists kept (
    id text primary key, at text not null, principal text not null, turns text not null, documents text not null,
    body text not null);
create table if not exists collections (
    id text primary key, created integer not null, principal text not null, name text not null, metadata text not null);
create table if not exists collected (
    collection text not null references collections(id) on delete cascade, document text not null, attributes text not null,
    primary key (collection, document));
create index if not exists collections_of on collections (principal);
"""


class Database:
    """One SQLite file, made when it is first written to. Safe to use from several threads and processes."""

    def __init__(self, file: Path) -> None:
        self.folder = file.parent
        self._file = file
        self._local = threading.local()

    @classmethod
    def of(cls, state: Path) -> "Database":
        """The database of the server that keeps its state in this folder."""
        return cls(state / "server.db")

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are all written at the end, or none.

        Raises: StateError when the file cannot be used.
        """
        try:
            connection = self._connection()
            with connection:
                yield connection
        except (sqlite3.DatabaseError, OSError) as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise StateError(
                f"cannot use the server's database `{self._file}`: {error}. Check its permissions and the disk."
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """One connection for each thread: to open one costs more than most queries."""
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None and self._file.exists():
            return known
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.touch(mode=0o600)
        connection = sqlite3.connect(self._file, timeout=10)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma foreign_keys = on")
        connection.executescript(_SCHEMA)
        self._local.connection = connection
        return connection
