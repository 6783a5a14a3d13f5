"""Documents as OpenAI's API sees them: files with ids and attributes, in vector stores that are the sources. It knows no HTTP.

    a file             a document, or an upload that is yet to be ingested
    a vector store     a source of the store, as far as the caller may read it; `uploads` is always there; or a collection, made
                       by the caller of files that are in some source

Whatever the caller may not read does not exist: a source without a readable document has no vector store.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingest.journal import FileState
from ingest.manifest import UPLOADS
from rag.access.collections import Collection
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


@dataclass(frozen=True)
class VectorStore:
    """A vector store: a source of this name, or a collection."""

    id: str
    name: str
    collection: Collection | None = None

    def holds(self, document: str, source: str) -> bool:
        """Say whether a document is in it."""
        if self.collection is None:
            return source == self.name
        return self.collection.member(document) is not None

    def attributes(self, state: FileState) -> dict[str, Any]:
        """What filters can ask of a document: what is known of it, and what the caller said when it was put in."""
        own = self.collection.member(state.name) if self.collection else None
        return {**attributes_of(state), **(own or {})}


def attributes_of(state: FileState) -> dict[str, Any]:
    """What filters can ask of any document."""
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
    """Files by id: documents that the caller may read, files that could not be read, and the caller's uploads that wait.

    An archive is a file where it was uploaded as one; of a folder's archives only the parts are.
    """
    waiting = services.uploads.waiting(caller.principal)  # before the store: what is ingested meanwhile must be in one of them
    states = (s for s in services.store.states().values() if s.status != "container" or s.source == UPLOADS)
    found = [
        File(s.name, s.source, s.size, s.mtime_ns // 10**9, s.status != "failed", s.reason, s)
        for s in states
        if is_readable(caller, s)
    ]
    for wait in waiting:
        at = int(datetime.fromisoformat(wait.at).timestamp())
        found.append(File(wait.document, UPLOADS, wait.size, at, False, "", None))
    return {file.id: file for file in sorted(found, key=lambda file: file.state is None)}  # a new version hides the old one


def require_file(services: Services, caller: Caller, identity: str, store: VectorStore | None = None) -> File:
    """A file, of one vector store or of any.

    Raises: ApiError, the same whether there is none or the caller may not read it.
    """
    file = files_of(services, caller).get(identity)
    if file is None or not (store is None or store.holds(file.document, file.source)):
        why = "there is none of this id, or it is not for you. GET /v1/files lists them"
        raise ApiError("not_found", f"cannot find file `{identity[:100]}`: {why}.", param="file_id")
    return file


def is_readable(caller: Caller, state: FileState) -> bool:
    """Say whether the caller may read a document."""
    return caller.readable is None or caller.readable(state)


def stores_of(services: Services, caller: Caller) -> list[VectorStore]:
    """The sources in which the caller may read something, and the caller's collections."""
    made = [VectorStore(one.id, one.name, one) for one in services.collections.of(caller.principal)]
    return [*_sources(services, caller).values(), *made]


def require_store(services: Services, caller: Caller, identity: str) -> VectorStore:
    """A vector store.

    Raises: ApiError, the same whether there is none or the caller may read nothing in it.
    """
    found = _sources(services, caller).get(identity)
    if found is None and (made := services.collections.get(caller.principal, identity)) is not None:
        found = VectorStore(made.id, made.name, made)
    if found is None:
        why = "there is none of this id, or it is not for you. GET /v1/vector_stores lists them"
        raise ApiError("not_found", f"cannot find vector store `{identity[:100]}`: {why}.", param="vector_store_id")
    return found


def require_collection(services: Services, caller: Caller, identity: str) -> Collection:
    """A vector store that the caller made.

    Raises: ApiError.
    """
    store = require_store(services, caller, identity)
    if store.collection is None:
        why = "it is a source, and is what was ingested. Make a vector store of your own with POST /v1/vector_stores"
        raise ApiError("unsupported", f"cannot change vector store `{store.name}`: {why}.", param="vector_store_id")
    return store.collection


def _sources(services: Services, caller: Caller) -> dict[str, VectorStore]:
    stored = services.engine.retriever.snapshot().states.values()
    names = {state.source for state in stored if is_readable(caller, state)} | {UPLOADS}
    return {store_id(name): VectorStore(store_id(name), name) for name in sorted(names)}


def wanted(tools: Iterable[Mapping[str, Any]], services: Services, caller: Caller) -> Readable | None:
    """What the tools of type `file_search` restrict a question to; None where there are none, or they restrict nothing.

    Raises: ApiError when a store is not there or a filter is not understood.
    """
    found = [tool for tool in tools if tool.get("type") == "file_search"]
    each = [_of_tool(tool, services, caller) for tool in found]
    return (lambda state: any(admits(state) for admits in each)) if each else None


def threshold(tools: Iterable[Mapping[str, Any]]) -> float | None:
    """The relevance that the tools of type `file_search` want of a passage; None where they want none.

    Raises: ApiError when it is no number from 0 to 1, or two of them want different ones.
    """
    rankings = [tool.get("ranking_options") for tool in tools if tool.get("type") == "file_search"]
    least = [ranking.get("score_threshold") or 0.0 if isinstance(ranking, dict) else 0.0 for ranking in rankings]
    if not all(isinstance(value, int | float) and 0 <= value <= 1 and value == least[0] for value in least):
        why = "it is no number from 0 to 1, or differs between the tools"
        raise ApiError("unsupported", f"cannot use `score_threshold`: {why}. Name one.", param="tools")
    return max(least, default=0.0) or None


def _of_tool(tool: Mapping[str, Any], services: Services, caller: Caller) -> Readable:
    ids = tool.get("vector_store_ids")
    stores = [require_store(services, caller, str(identity)) for identity in ids] if isinstance(ids, list) else []
    if not stores:
        return matching(tool.get("filters"), attributes_of)
    each = [admitting(store, tool.get("filters")) for store in stores]
    return lambda state: any(admits(state) for admits in each)


def admitting(store: VectorStore, filters: Any) -> Readable:
    """What a vector store holds of which a filter is true.

    Raises: ApiError when the filter is not understood.
    """
    matches = matching(filters, store.attributes)
    return lambda state: store.holds(state.name, state.source) and matches(state)


def matching(told: Any, attributes: Callable[[FileState], Mapping[str, Any]], depth: int = 0) -> Readable:
    """A filter as OpenAI writes it, as a predicate over attributes; None admits everything.

    Raises: ApiError when it is not understood.
    """
    if told is None:
        return lambda state: True
    kind = told.get("type") if isinstance(told, dict) else None
    if kind in ("and", "or") and isinstance(told.get("filters"), list) and depth < _MAX_DEPTH:
        parts = [matching(part, attributes, depth + 1) for part in told["filters"]]
        join = all if kind == "and" else any
        return lambda state: join(part(state) for part in parts)
    if not isinstance(kind, str) or not isinstance(told.get("key"), str) or "value" not in told:
        raise _not_understood("it is neither a comparison nor `and` or `or` of some")
    key, value = told["key"], told["value"]
    if kind in ("in", "nin") and isinstance(value, list):
        return lambda state: (attributes(state).get(key) in value) == (kind == "in")
    if kind in ("eq", "ne"):
        return lambda state: (attributes(state).get(key) == value) == (kind == "eq")
    if kind in _NUMBERS and isinstance(value, int | float):
        return lambda state: isinstance(has := attributes(state).get(key), int | float) and _NUMBERS[kind](has, value)
    raise _not_understood(f"there is no comparison `{kind[:40]}` with such a value")


def _not_understood(why: str) -> ApiError:
    keys = "document, source, type, language, title, pages, size"
    return ApiError("unsupported", f"cannot use the filter: {why}. Its keys are {keys}, and attributes.", param="filters")
