"""Documents that somebody put together under a name, to ask only them. A collection gives no right to what is in it.

Documents are kept by name: one that is replaced stays, and one that is deleted and comes again is in it again.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.containers import owners
from rag.access.database import Database
from rag.access.principals import Principal
from rag.errors import InputError

_MAX_EACH = 1000
_MAX_DOCUMENTS = 10_000


@dataclass(frozen=True)
class Collection:
    """A collection as it stands. `created` in seconds since 1970; `members`: attributes by document."""

    id: str
    created: int
    name: str
    metadata: Mapping[str, str]
    members: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def member(self, document: str) -> Mapping[str, Any] | None:
        """Attributes of a document, which may be part of a file that is in the collection; None if it is not in it."""
        return next((self.members[name] for name in (document, *owners(document)) if name in self.members), None)


class Collections:
    """All collections. Each belongs to whoever made it, and nobody else sees it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, principal: Principal, identity: str, name: str, metadata: Mapping[str, str]) -> None:
        """Make an empty collection.

        Raises: InputError when there are too many; AccessError when it cannot be written.
        """
        with self._database.open() as db:
            (n_own,) = db.execute("select count(*) from collections where principal = ?", (principal.name,)).fetchone()
            if n_own >= _MAX_EACH:
                raise InputError(f"cannot make `{name[:100]}`: you have {n_own} collections. Delete one first.")
            row = (identity, int(time.time()), principal.name, name, json.dumps(dict(metadata)))
            db.execute("insert into collections values (?, ?, ?, ?, ?)", row)

    def of(self, principal: Principal) -> list[Collection]:
        """The collections of a principal."""
        with self._database.open() as db:
            rows = db.execute("select * from collections where principal = ?", (principal.name,)).fetchall()
            return [_collection(db, row) for row in rows]

    def get(self, principal: Principal, identity: str) -> Collection | None:
        """A collection of a principal; None if there is none of this id, or it is somebody else's."""
        query = "select * from collections where id = ? and principal = ?"
        with self._database.open() as db:
            row = db.execute(query, (identity, principal.name)).fetchone()
            return None if row is None else _collection(db, row)

    def change(self, identity: str, name: str, metadata: Mapping[str, str]) -> None:
        """Give a collection another name and other metadata."""
        with self._database.open() as db:
            told = (name, json.dumps(dict(metadata)), identity)
            db.execute("update collections set name = ?, metadata = ? where id = ?", told)

    def delete(self, identity: str) -> None:
        """Delete a collection; its documents stay."""
        with self._database.open() as db:
            db.execute("delete from collections where id = ?", (identity,))

    def put(self, identity: str, members: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Put documents with their attributes into a collection; one that is in it gets the new attributes.

        Raises: InputError when it would hold too many.
        """
        rows = [(identity, document, json.dumps(dict(attributes))) for document, attributes in members]
        with self._database.open() as db:
            db.executemany("insert or replace into collected values (?, ?, ?)", rows)
            (n_now,) = db.execute("select count(*) from collected where collection = ?", (identity,)).fetchone()
            if n_now > _MAX_DOCUMENTS:
                raise InputError(f"cannot put in {len(rows)} more: a collection holds {_MAX_DOCUMENTS} at most. Make another.")

    def take_out(self, identity: str, document: str) -> None:
        """Take a document out of a collection."""
        with self._database.open() as db:
            db.execute("delete from collected where collection = ? and document = ?", (identity, document))


def _collection(db: sqlite3.Connection, row: sqlite3.Row) -> Collection:
    members = db.execute("select document, attributes from collected where collection = ?", (row["id"],)).fetchall()
    return Collection(
        row["id"],
        row["created"],
        row["name"],
        json.loads(row["metadata"]),
        {member["document"]: json.loads(member["attributes"]) for member in members},
    )
