"""A query to a database as a source: each row is a document, `NAME:ID`, and a later run brings in what changed.

Any database that SQLAlchemy has a driver for (extra `sql`). It is only read: the transaction is read-only where the database
knows that, and is never committed. The password comes from the environment and is written nowhere.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.chunker import ChunkerSettings
from ingest.containers import SEPARATOR
from ingest.embedder import Embedder
from ingest.errors import ConfigError, IngestError
from ingest.intake import Intake, Listener, Report, Step, ignore
from ingest.limits import ReadLimits
from ingest.loaders.sqlite import cell_text
from ingest.manifest import TOOLS, Source
from ingest.pipeline import Run, writing_to
from ingest.sources import new_source, require_free, require_name
from ingest.store import Store

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PASSWORD_VARIABLE = "RAG_SQL_PASSWORD"
_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
_ROWS_AT_ONCE = 1_000
_MAX_ID_CHARS = 200
_LONG_CELL = 200
_READ_ONLY = "SET TRANSACTION READ ONLY"  # the same in all of these; others are kept from writing by the roll-back alone
_KNOW_READ_ONLY = ("postgresql", "oracle", "mysql", "mariadb")


@dataclass(frozen=True)
class Query:
    """Rows of a database under the name of a source. `id_column`: the column that tells rows apart, empty for their content."""

    url: str
    statement: str
    source: str
    id_column: str = ""

    @classmethod
    def of(cls, source: Source) -> "Query":
        """The query that a source of a store stands for."""
        return cls(source.root, source.query, source.name, source.id_column)


def ingest_query(
    query: Query,
    store_path: Path,
    embedder: Embedder,
    settings: ChunkerSettings,
    *,
    listen: Listener = ignore,
) -> Report:
    """Make a source equal to the rows of a query: new and changed rows are taken in, those that are gone disappear.

    A query that fails before its last row removes nothing.
    Raises: ConfigError for a URL that cannot be used; IngestError when the database or the store cannot be.
    """
    started = time.monotonic()
    require_name(query.source)
    url = _parsed(query.url)
    with _connected(url, query) as connection:
        names, rows = _rows(connection, query)
        with writing_to(store_path, embedder, settings) as store:
            run = Run(store, embedder, settings, ReadLimits(), listen)
            report = _reconcile(run, _source(store, query, url), query, names, rows)
    report.seconds = time.monotonic() - started
    return report


def reconcile_query(run: Run, source: Source) -> Report:
    """Make a source of a store that is rebuilt equal to the rows of its query.

    Raises: as `ingest_query`.
    """
    query = Query.of(source)
    with _connected(_parsed(query.url), query) as connection:
        return _reconcile(run, source, query, *_rows(connection, query))


def _reconcile(run: Run, source: Source, query: Query, names: list[str], rows: Iterator[tuple[Any, ...]]) -> Report:
    store, report = run.store, Report(source.name)
    store.add_source(source)
    known = store.states(source.name)
    intake = Intake(store, source, known, run.embedder, run.settings, report, run.listen, run.donor)
    seen: set[str] = set()
    for done, row in enumerate(rows, start=1):
        name = source.prefix + _unique(_row_name(names, row, query.id_column), source.prefix, seen)
        seen.add(name)
        intake.take_row(name, _row_text(names, row).encode("utf-8", "replace"))
        intake.commit()
        run.listen(Step("read", done, done, name))
    intake.remove(sorted(set(known) - seen))
    intake.commit(is_end=True)
    if report.added or report.changed or report.removed or not store.is_finished():
        store.finish()
    return report


def _parsed(raw: str) -> "URL":
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError as error:
        raise ConfigError("cannot read a database: SQLAlchemy is missing. pip install 'grounded-rag[sql]'.") from error
    try:
        url = make_url(raw)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "cannot use the URL: it is none that SQLAlchemy reads. Write it as postgresql://user@host/db."
        ) from error
    if url.password or any(_SECRET.search(key) for key in url.query):
        raise ConfigError(
            f"cannot use the URL of `{url.host or url.database}`: it holds a password, which others may read there. Leave it "
            f"out and set the environment variable {PASSWORD_VARIABLE}."
        )
    return url


def _password(source: str) -> str:
    """Password of a source: its own variable first, then the one for all."""
    own = f"{PASSWORD_VARIABLE}_{re.sub('[^A-Z0-9]', '_', source.upper())}"
    return os.environ.get(own) or os.environ.get(PASSWORD_VARIABLE, "")


@contextmanager
def _connected(url: "URL", query: Query) -> Iterator["Connection"]:
    """A connection that only reads; whatever the statement did is rolled back.

    Raises: IngestError.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    password = _password(query.source)
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    try:
        if is_file:
            engine = create_engine("sqlite://", creator=_file_opener(Path(str(url.database))))
        else:
            engine = create_engine(url.set(password=password) if password else url)
    except (NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"cannot read `{url.drivername}`: {error}. Install its driver with pip.") from error
    try:
        with engine.connect() as connection:
            if url.get_backend_name() in _KNOW_READ_ONLY:
                connection.exec_driver_sql(_READ_ONLY)
            yield connection.execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE)
            connection.rollback()
    except SQLAlchemyError as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        why = why.replace(password, "***") if password else why
        raise IngestError(
            f"cannot read `{url.render_as_string()}`: {why}. Check the database, the user and the query."
        ) from error
    finally:
        engine.dispose()


def _file_opener(path: Path) -> Callable[[], Any]:
    """Opens a SQLite file so that nothing can be written to it; a file that is not there is not made."""
    import sqlite3

    def opener() -> sqlite3.Connection:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.execute("PRAGMA query_only = ON")
        return connection

    return opener


def _rows(connection: "Connection", query: Query) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Names of the columns and the rows, which are fetched a thousand at a time.

    Raises: IngestError when the statement gives no rows or lacks the column of ids.
    """
    result = connection.exec_driver_sql(query.statement)
    if not result.returns_rows:
        raise IngestError(f"cannot ingest source `{query.source}`: the query gives no rows. Write a SELECT.")
    names = [str(name) for name in result.keys()]  # noqa: SIM118  # no mapping
    if query.id_column and query.id_column not in names:
        raise IngestError(
            f"cannot ingest source `{query.source}`: the query has no column `{query.id_column}`, only {', '.join(names)}. "
            "Name one of them with --id."
        )
    return names, (tuple(row) for row in result)


def _source(store: Store, query: Query, url: "URL") -> Source:
    """The source of that name with the query of now.

    Raises: IngestError when a folder has the name, or no source may have it.
    """
    require_free(query.source)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        url = url.set(database=str(Path(str(url.database)).resolve()))
    root = url.render_as_string(hide_password=True)
    for source in store.manifest.sources:
        if source.name == query.source and not source.query:
            raise IngestError(f"cannot ingest source `{source.name}`: that is the folder `{source.root}`. Choose another name.")
    named = [source for source in store.manifest.sources if source.name == query.source]
    source = named[0] if named else new_source(store, query.source, root)
    return replace(source, root=root, query=query.statement, id_column=query.id_column)


def _row_name(names: list[str], row: tuple[Any, ...], id_column: str) -> str:
    import hashlib

    if id_column:
        name = " ".join(str(row[names.index(id_column)]).split()).replace(SEPARATOR, "! /")
        return re.sub(f"^{TOOLS}:", f"{TOOLS}: ", name)[:_MAX_ID_CHARS]  # results of tools are cited as `tool:NAME`
    return hashlib.sha256(_row_text(names, row).encode("utf-8", "replace")).hexdigest()[:16]


def _unique(name: str, prefix: str, seen: set[str]) -> str:
    """A name that no row before has: rows with the same id are counted."""
    unique, count = name, 2
    while prefix + unique in seen:
        unique, count = f"{name} ({count})", count + 1
    return unique


def _row_text(names: list[str], row: tuple[Any, ...]) -> str:
    """A line for each column with its name; long text stands below its name as it is. NULL and bytes are left out."""
    lines = []
    for name, value in zip(names, row, strict=True):
        text = cell_text(value).strip()
        is_long = len(text) > _LONG_CELL or "\n" in text
        if text:
            lines.append(f"\n{name}:\n{text}\n" if is_long else f"{name}: {text}")
    return "\n".join(lines).strip() + "\n"
