"""Conversations as each user keeps them: the questions in order, each with its answer object. It knows no HTTP and no rules."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rag.access.database import Database
from rag.access.principals import Principal

MAX_TITLE_CHARS = 200


@dataclass(frozen=True)
class Conversation:
    """One conversation, without its turns. Times are ISO 8601, UTC."""

    id: str
    title: str
    created: str
    updated: str
    n_questions: int = 0
    owner: str = ""
    is_shared: bool = False


@dataclass(frozen=True)
class Exchange:
    """A question and the answer object that it got."""

    id: int
    at: str
    question: str
    answer: Mapping[str, Any]


class Conversations:
    """The conversations of all users; whoever does not own one is told that there is none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, principal: Principal, title: str) -> Conversation:
        """Begin a conversation.

        Raises: AccessError when it cannot be written.
        """
        now = _now()
        begun = Conversation(secrets.token_urlsafe(12), _short(title), now, now, owner=principal.name)
        with self._database.open() as db:
            db.execute("insert into conversations values (?, ?, ?, ?, ?)", (begun.id, principal.name, begun.title, now, now))
        return begun

    def listed(self, principal: Principal, text: str = "", limit: int = 100) -> tuple[list[Conversation], int]:
        """Those of the principal that hold all words of `text` in title or questions, and how many; the one used last first."""
        asked = "coalesce((select group_concat(question, ' ') from exchanges where conversation = c.id), '')"
        condition = f"c.owner = ?{f' and has_words(c.title, {asked}, ?)' if text.split() else ''}"
        query = (
            "select c.*, s.at as shared, count(*) over () as total, "
            "(select count(*) from exchanges where conversation = c.id) as n "
            "from conversations c left join shares s on s.conversation = c.id "
            f"where {condition} order by c.updated desc, c.rowid desc limit ?"
        )
        given = (principal.name, text) if text.split() else (principal.name,)
        with self._database.open() as db:
            db.create_function("has_words", 3, _has_words, deterministic=True)
            rows = db.execute(query, (*given, limit)).fetchall()
        return [_conversation(row, row["n"]) for row in rows], rows[0]["total"] if rows else 0

    def find(self, principal: Principal, identity: str) -> tuple[Conversation, list[Exchange]] | None:
        """A conversation with all that was said in it, None if the principal has none of that id and nobody shared it."""
        query = "select c.*, s.at as shared from conversations c left join shares s on s.conversation = c.id where c.id = ?"
        with self._database.open() as db:
            row = db.execute(query, (identity,)).fetchone()
            if row is None or (row["owner"] != principal.name and row["shared"] is None):
                return None
            said = db.execute("select * from exchanges where conversation = ? order by id", (identity,)).fetchall()
        exchanges = [Exchange(one["id"], one["at"], one["question"], json.loads(one["answer"])) for one in said]
        return _conversation(row, len(exchanges)), exchanges

    def add(self, principal: Principal, identity: str, question: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; nothing happens where the conversation was deleted meanwhile."""
        now = _now()
        with self._database.open() as db:
            change = "update conversations set updated = ? where id = ? and owner = ?"
            if db.execute(change, (now, identity, principal.name)).rowcount:
                row = (identity, now, question, json.dumps(answer, ensure_ascii=False))
                db.execute("insert into exchanges (conversation, at, question, answer) values (?, ?, ?, ?)", row)

    def rename(self, principal: Principal, identity: str, title: str) -> bool:
        """Give a conversation another title; False if the principal has none of that id."""
        return self._change("update conversations set title = ? where id = ? and owner = ?", _short(title), identity, principal)

    def share(self, principal: Principal, identity: str, *, is_shared: bool) -> bool:
        """Let everybody who knows the id read a conversation, or no longer; False if the principal has none of that id."""
        with self._database.open() as db:
            own = db.execute("select 1 from conversations where id = ? and owner = ?", (identity, principal.name)).fetchone()
            if own is None:
                return False
            if is_shared:
                db.execute("insert or ignore into shares values (?, ?)", (identity, _now()))
            else:
                db.execute("delete from shares where conversation = ?", (identity,))
        return True

    def delete(self, principal: Principal, identity: str) -> bool:
        """Delete a conversation and all in it; False if the principal has none of that id."""
        with self._database.open() as db:
            gone = db.execute("delete from conversations where id = ? and owner = ?", (identity, principal.name)).rowcount
        return bool(gone)

    def _change(self, change: str, value: str, identity: str, principal: Principal) -> bool:
        with self._database.open() as db:
            return bool(db.execute(change, (value, identity, principal.name)).rowcount)


def _conversation(row: sqlite3.Row, n_questions: int) -> Conversation:
    is_shared = row["shared"] is not None
    return Conversation(row["id"], row["title"], row["created"], row["updated"], n_questions, row["owner"], is_shared)


def _has_words(title: str, asked: str, text: str) -> bool:
    said = f"{title} {asked}".casefold()
    return all(word in said for word in text.casefold().split())


def _short(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1].rstrip() + "…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
