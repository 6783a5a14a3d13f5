"""Questions that the documents did not answer, for administrators to see what is missing. Who asked is not kept."""

from datetime import UTC, datetime
from typing import Any

from rag.access.database import Database

_MAX_KEPT = 10_000


class Unanswered:
    """All questions that got no answer, if `is_kept`; nothing is written otherwise, as questions are their users' own."""

    def __init__(self, database: Database, *, is_kept: bool) -> None:
        self._database = database
        self.is_kept = is_kept

    def add(self, question: str, reason: str) -> None:
        """Keep a question; the oldest go once there are very many.

        Raises: AccessError when it cannot be written.
        """
        if not self.is_kept:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._database.open() as db:
            row = (now, question, reason)
            newest = db.execute("insert into unanswered (at, question, reason) values (?, ?, ?)", row).lastrowid or 0
            db.execute("delete from unanswered where id <= ?", (newest - _MAX_KEPT,))

    def listed(self, limit: int) -> list[dict[str, Any]]:
        """Each question once, with how often it was asked and when last; the latest first."""
        query = (
            "select question, reason, count(*) as times, max(at) as last from unanswered group by question, reason "
            "order by max(id) desc limit ?"
        )
        with self._database.open() as db:
            return [dict(row) for row in db.execute(query, (limit,))]
