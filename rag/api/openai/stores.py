"""Documents as OpenAI's API sees them: files with ids and attributes, in vector stores that are the sources. It knows no HTTP.

    a file             a document, or an upload that is yet to be ingested
    a vector store     a source of the store, as far as the caller may read it; `uploads` is always there

Whatever the caller may not read does not exist: a source without a readable document has no vector store.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.manifest import UPLOADS
from ingest.store import FileState
from rag.access.rights import Readable
from rag.api.auth import Caller
from rag.api.documents import type_of
from rag.api.errors import ApiError
from rag.api.openai.names import file_id, store_id
from rag.api.services import Services

_MAX_DEPTH = 8
_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


@dataclass(frozen=True)
class File:
    """A file as OpenAI's API sees it. `size` in bytes, `created` in seconds since 1970; `state` None while it waits."""

    document: str
    source: str
    size: int
    created: int
    is_stored: bool
    reason: str
    state: FileState | None

    @property
    def id(self) -> str:
        """The id of the file."""
        return file_id(self.document)

    @property
    def is_waiting(self) -> bool:
        """True while it is yet to be ingested."""
        return self.state is None


def attributes_of(state: FileState) -> dict[str, str | float]:
    """What filters can ask of a document."""
    return {
        "document": state.name,
        "source": state.source,
        "type": type_of(state.name),
        "language": state.language,
        "title": state.title[:512],  # as long as OpenAI's attributes may be
        "pages": state.n_pages,
        "size": state.size,
    }


def files_of(services: Services, caller: Caller) -> dict[str, File]:
    """Files by id: documents that the caller may read, files that could not be read, and the caller's uploads that wait."""
    states = [s for s in services.store.states().values() if s.status != "container" and is_readable(caller, s)]
    found = [File(s.name, s.source, s.size, s.mtime_ns // 10**9, s.status == "stored", s.reason, s) for s in states]
    for wait in services.uploads.waiting(caller.principal):
        at = int(datetime.fromisoformat(wait.at).timestamp())
        found.append(File(wait.document, UPLOADS, wait.size, at, False, "", None))
    return {file.id: file for file in sorted(found, key=lambda file: file.state is None)}  # a new version hides the old one


def require_file(services: Services, caller: Caller, identity: str, source: str | None = None) -> File:
    """A file, of one source or of any.

    Raises: ApiError, the same whether there is none or the caller may not read it.
    """
    file = files_of(services, caller).get(identity)
    if file is None or source not in (None, file.source):
        why = "there is none of this id, or it is not for you. GET /v1/files lists them"
        raise ApiError("not_found", f"cannot find file `{identity[:100]}`: {why}.", param="file_id")
    return file


def is_readable(caller: Caller, state: FileState) -> bool:
    """Say whether the caller may read a document."""
    return caller.readable is None or caller.readable(state)


def sources_of(services: Services, caller: Caller) -> dict[str, str]:
    """Names of the sources in which the caller may read something, by the id of their vector store."""
    stored = services.engine.retriever.snapshot().states.values()
    names = {state.source for state in stored if is_readable(caller, state)} | {UPLOADS}
    return {store_id(name): name for name in sorted(names)}


def require_source(services: Services, caller: Caller, identity: str) -> str:
    """The source of a vector store.

    Raises: ApiError, the same whether there is none or the caller may read nothing in it.
    """
    source = sources_of(services, caller).get(identity)
    if source is None:
        why = "there is none of this id, or it is not for you. GET /v1/vector_stores lists them"
        raise ApiError("not_found", f"cannot find vector store `{identity[:100]}`: {why}.", param="vector_store_id")
    return source


def wanted(tools: Iterable[Mapping[str, Any]], services: Services, caller: Caller) -> Readable | None:
    """What the tools of type `file_search` restrict a question to; None where there are none, or they restrict nothing.

    Raises: ApiError when a store is not there or a filter is not understood.
    """
    found = [tool for tool in tools if tool.get("type") == "file_search"]
    each = [_of_tool(tool, services, caller) for tool in found]
    return (lambda state: any(admits(state) for admits in each)) if each else None


def _of_tool(tool: Mapping[str, Any], services: Services, caller: Caller) -> Readable:
    ids = tool.get("vector_store_ids")
    sources = {require_source(services, caller, str(identity)) for identity in ids} if isinstance(ids, list) else set()
    admits = matching(tool.get("filters"))
    return lambda state: (not sources or state.source in sources) and admits(state)


def matching(told: Any, depth: int = 0) -> Readable:
    """A filter as OpenAI writes it, as a predicate; None admits everything.

    Raises: ApiError when it is not understood.
    """
    if told is None:
        return lambda state: True
    kind = told.get("type") if isinstance(told, dict) else None
    if kind in ("and", "or") and isinstance(told.get("filters"), list) and depth < _MAX_DEPTH:
        parts = [matching(part, depth + 1) for part in told["filters"]]
        join = all if kind == "and" else any
        return lambda state: join(part(state) for part in parts)
    if not isinstance(kind, str) or not isinstance(told.get("key"), str) or "value" not in told:
        raise _not_understood("it is neither a comparison nor `and` or `or` of some")
    key, value = told["key"], told["value"]
    if kind in ("in", "nin") and isinstance(value, list):
        return lambda state: (attributes_of(state).get(key) in value) == (kind == "in")
    if kind in ("eq", "ne"):
        return lambda state: (attributes_of(state).get(key) == value) == (kind == "eq")
    if kind in _NUMBERS and isinstance(value, int | float):
        return lambda state: isinstance(has := attributes_of(state).get(key), int | float) and _NUMBERS[kind](has, value)
    raise _not_understood(f"there is no comparison `{kind[:40]}` with such a value")


def _not_understood(why: str) -> ApiError:
    keys = "document, source, type, language, title, pages, size"
    return ApiError("unsupported", f"cannot use the filter: {why}. Its keys are {keys}.", param="filters")
