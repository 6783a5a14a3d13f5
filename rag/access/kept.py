"""What is kept for a caller to come back to: responses, with the conversation so far, and batches of files.

Each belongs to whoever it was made for. It is thrown away after some days, and where somebody has very many, the oldest go.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rag.access.database import Database
from rag.access.principals import Principal

_DAYS = 30  # as long as OpenAI keeps responses
_MAX_EACH = 1000


@dataclass(frozen=True)
class Kept:
    """A thing that is kept. `turns`: (role, text) up to it; `documents`: names of those that it shows something of."""

    id: str
    turns: tuple[tuple[str, str], ...]
    documents: tuple[str, ...]
    body: Mapping[str, Any]


class Shelf:
    """Everything that is kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        principal: Principal,
        identity: str,
        body: Mapping[str, Any],
        turns: Sequence[tuple[str, str]] = (),
        documents: Iterable[str] = (),
    ) -> None:
        """Keep something for a principal.

        Raises: AccessError when it cannot be written.
        """
        now = datetime.now(UTC)
        texts = (json.dumps(list(turns)), json.dumps(sorted(set(documents))), json.dumps(body, ensure_ascii=False))
        with self._database.open() as db:
            db.execute("insert into kept values (?, ?, ?, ?, ?, ?)", (identity, now.isoformat(), principal.name, *texts))
            db.execute("delete from kept where at < ?", ((now - timedelta(days=_DAYS)).isoformat(),))
            db.execute(
                "delete from kept where principal = ? and id not in "
                "(select id from kept where principal = ? order by at desc, rowid desc limit ?)",
                (principal.name, principal.name, _MAX_EACH),
            )

    def get(self, principal: Principal, identity: str) -> Kept | None:
        """What is kept under an id; None if there is nothing, or it is somebody else's."""
        query = "select * from kept where id = ? and principal = ?"
        with self._database.open() as db:
            row = db.execute(query, (identity, principal.name)).fetchone()
        if row is None:
            return None
        turns = tuple((role, text) for role, text in json.loads(row["turns"]))
        return Kept(row["id"], turns, tuple(json.loads(row["documents"])), json.loads(row["body"]))

    def change(self, principal: Principal, identity: str, body: Mapping[str, Any]) -> None:
        """Keep another body under an id, if it is this principal's."""
        with self._database.open() as db:
            values = (json.dumps(body, ensure_ascii=False), identity, principal.name)
            db.execute("update kept set body = ? where id = ? and principal = ?", values)

    def delete(self, principal: Principal, identity: str) -> bool:
        """Throw away what is kept under an id; False if there is nothing of this principal's."""
        with self._database.open() as db:
            found = db.execute("delete from kept where id = ? and principal = ?", (identity, principal.name)).rowcount
        return bool(found)
