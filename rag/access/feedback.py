"""What users think of answers, kept with each answer and its receipt, for administrators to read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from rag.access.database import Database
from rag.access.principals import Principal
from rag.saved import read_saved

Rating = Literal["good", "bad"]


@dataclass(frozen=True)
class Feedback:
    """One opinion of one answer. `at` is ISO 8601, UTC; `answer` the answer object as the user sent it back."""

    id: int
    at: str
    principal: str
    rating: Rating
    comment: str
    receipt_id: str
    answer: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as `GET /feedback` gives them."""
        return asdict(self)


class FeedbackBook:
    """All feedback that was given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, principal: Principal, answer: Mapping[str, Any], rating: Rating, comment: str) -> Feedback:
        """Keep an opinion.

        Raises: InputError when it is of no answer object; AccessError when it cannot be written.
        """
        receipt = read_saved(answer).receipt.id or ""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        row = (at, principal.name, rating, comment, receipt, json.dumps(answer, ensure_ascii=False))
        change = "insert into feedback (at, principal, rating, comment, receipt_id, answer) values (?, ?, ?, ?, ?, ?)"
        with self._database.open() as db:
            identity = db.execute(change, row).lastrowid
        return Feedback(identity or 0, at, principal.name, rating, comment, receipt, answer)

    def page(self, before: int | None, limit: int) -> list[Feedback]:
        """The newest first, those with ids under `before`."""
        query = "select * from feedback where id < ? order by id desc limit ?"
        with self._database.open() as db:
            rows = db.execute(query, (before if before is not None else 2**62, limit)).fetchall()
        return [Feedback(**{**dict(row), "answer": json.loads(row["answer"])}) for row in rows]
