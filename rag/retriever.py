"""Question -> passages: dense and BM25 search, standardised and added, then ranked. It knows nothing of prompts or answers.

Both searches give candidates; every candidate gets both scores, each is standardised over the question's own candidates, and
the weighted sum ranks them. Adding standardised scores keeps how far ahead a passage is, which rank fusion throws away
(data/results/retrieval-experiments.md). Chunks of a document that the question names are preferred (`rag.openings`), and the
best are read again (`rag.reranker`).
"""

import fnmatch
import threading
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ingest.analysis import detect_language, terms
from ingest.documents import Chunk, Document
from ingest.embedder import Embedder, Vectors
from ingest.errors import StoreError
from ingest.journal import FileState
from ingest.serving import EXACT_BELOW, Scope, Serving, ServingIndex
from ingest.snapshot import Snapshot
from ingest.store import Store, Version
from rag.answers import Passage
from rag.copies import collapsed
from rag.crossencoder.runtime import CrossEncoder
from rag.fusion import fused
from rag.joining import JOINED, joined, near_the_best
from rag.languages import Across, lift
from rag.openings import OPENING_CHARS, Opening, Openings
from rag.places import Places
from rag.reranker import Reranker

_TRIES = 3


@dataclass(frozen=True)
class RetrieverSettings:
    """`dense_weight` in [0, 1] is the share of the dense score; `dense_weight_unknown` in languages foreign to the embedder.

    `dense_weight_across`: where the store has nothing in the language of the question, so that words can hardly match.
    `exact_below`: number of chunks from which the dense search is approximate. `rerank`: how many passages are read with the
    question, where the store has texts in its language. `max_gap`: how far below the best a passage may score that `find`
    gives, in standard deviations of the candidates' scores; 0 for any.
    """

    n_candidates: int = 100
    dense_weight: float = 0.5
    dense_weight_unknown: float = 0.15
    dense_weight_across: float = 0.7
    exact_below: int = EXACT_BELOW
    rerank: int = 8
    max_gap: float = 4.5


@dataclass(frozen=True)
class Filters:
    """Restrict a search by document and its metadata; what is empty restricts nothing.

    `documents`: names or globs such as `policies/*`; `languages`: codes such as `es`; `types`: suffixes such as `pdf`;
    `sources`: names of sources; `since` and `until`: days (UTC) between which the file was last changed, both included.
    `readable` is what whoever asks may see (`rag.access`); None is everything. Passages below `min_score` are not found.
    """

    documents: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    readable: Callable[[FileState], bool] | None = None
    since: date | None = None
    until: date | None = None
    min_score: float | None = None

    def __bool__(self) -> bool:
        return self != Filters()

    def admits(self, state: FileState) -> bool:
        """Say whether a document passes."""
        suffix = PurePosixPath(state.name).suffix.lower().lstrip(".")
        return (
            (not self.documents or any(fnmatch.fnmatchcase(state.name, p) or state.name == p for p in self.documents))
            and (not self.languages or state.language in self.languages)
            and (not self.types or suffix in {kind.lower().lstrip(".") for kind in self.types})
            and (not self.sources or state.source in self.sources)
            and (self.since is None or changed_on(state) >= self.since)
            and (self.until is None or changed_on(state) <= self.until)
            and (self.readable is None or self.readable(state))
        )


def changed_on(state: FileState) -> date:
    """The day on which a file was last changed, UTC."""
    return datetime.fromtimestamp(max(state.mtime_ns, 0) / 1e9, UTC).date()


@dataclass(frozen=True)
class _Field:
    """What is searched: the documents by language, and their chunks; `names` and `scope` None where no filter restricts it."""

    by_language: Mapping[str, frozenset[str]]
    names: set[str] | None
    scope: Scope | None
    n: int

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that there are."""
        return tuple(sorted(self.by_language))

    def own(self, language: str) -> frozenset[str]:
        """Documents in a language."""
        return self.by_language.get(language, frozenset())

    def foreign(self, language: str) -> frozenset[str]:
        """Documents in other languages, where there are some in this one too; else none."""
        if language not in self.by_language:
            return frozenset()
        return frozenset().union(*(names for code, names in self.by_language.items() if code != language))


@dataclass(frozen=True)
class _View:
    """One snapshot of the store with the index made from it."""

    snapshot: Snapshot
    version: Version
    generation: int
    index: ServingIndex
    openings: Openings

    def field(self, filters: Filters) -> _Field:
        """What a filter admits."""
        if not filters:
            return self._whole
        states = {name: state for name, state in self.snapshot.states.items() if filters.admits(state)}
        scope = self.index.scope(states.keys())
        return _Field(_by_language(states.values()), set(states), scope, scope.n)

    @cached_property
    def _whole(self) -> _Field:
        return _Field(_by_language(self.snapshot.states.values()), None, None, len(self.index))


class Retriever:
    """Searches one store; a change of the store is seen at the next question. Safe to use from several threads.

    `version` is raised when the same settings would find other passages than before.
    """

    name = "dense+bm25"
    version = "6"

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        settings: RetrieverSettings | None = None,
        network: CrossEncoder | None = None,
    ) -> None:
        """Search `store`; `network` reads passages again, without it the order is that of the scores."""
        self._store = store
        self._embedder = embedder
        self.settings = settings or RetrieverSettings()
        self._reranker = Reranker(network, self.settings.rerank) if network is not None and self.settings.rerank else None
        self._places = Places()
        self._view: _View | None = None
        self._serving = Serving(self.settings.exact_below, embedder.encode_queries)
        self._lock = threading.Lock()
        self._beside = ThreadPoolExecutor(thread_name_prefix="search")  # reading the question, and both searches at once

    def search(
        self, question: str, top_k: int = 10, filters: Filters | None = None, language: str | None = None
    ) -> list[Passage]:
        """Return the best passages, best first; fewer than `top_k` only where the store (or the filter) has no more.

        Raises: StoreError, CheckerError.
        """
        # The store is opened meanwhile: a first question waits for models and store at once.
        vector = self._beside.submit(self._embedder.encode_queries, [question])
        language = language or detect_language(question)
        for _ in range(_TRIES):
            with suppress(StoreError):  # compacting or rebuilding may take away what is just being read
                return self._search(self._current(), question, vector, top_k, filters or Filters(), language)
        return self._search(self._current(), question, vector, top_k, filters or Filters(), language)

    def find(
        self, question: str, top_k: int = 10, filters: Filters | None = None, language: str | None = None
    ) -> list[Passage]:
        """Search for a reader: as `search`, with neighbours made one passage and without what lies far behind the best.

        Raises: StoreError, CheckerError.
        """
        found = near_the_best(self.search(question, max(top_k, JOINED), filters, language), self.settings.max_gap)
        return joined(found, self._text)[:top_k]

    def _text(self, name: str) -> str | None:
        document = self._current().snapshot.document(name)
        return document.text if document else None

    def _search(
        self,
        view: _View,
        question: str,
        vector: Future[Vectors],
        top_k: int,
        filters: Filters,
        language: str,
        n_candidates: int = 0,
    ) -> list[Passage]:
        if not len(view.index):
            return []
        field = view.field(filters)
        if not field.n:
            return []
        limit = max(self.settings.n_candidates, top_k, n_candidates)
        languages = (language, *field.languages)
        words = _question_terms(question, languages)
        by_text = self._beside.submit(view.snapshot.text_search, words, limit, field.names)
        query = vector.result()[0]
        dense_scores, across = self._dense(view, field, query, limit, language)
        text_scores = dict(by_text.result())
        weight = self._dense_weight(language, field.languages)
        scores = fused(dense_scores, text_scores, query, view.index, weight, min(limit, field.n), across)
        bonus = view.openings.bonus(question, languages, field.names)
        if bonus:
            documents = view.index.documents_of(list(scores))
            scores = {
                identity: score + bonus.get(name, 0.0)
                for (identity, score), name in zip(scores.items(), documents, strict=True)
            }
        reranker = self._reranker if language in field.languages else None
        n_best = max(top_k, reranker.n if reranker else 0)
        found = _distinct(view.snapshot, scores, n_best, (dense_scores, text_scores))
        if len(found) < top_k and limit < field.n:  # most candidates are copies of each other
            return self._search(view, question, vector, top_k, filters, language, 4 * limit)
        ranked = (reranker.ranked(question, found, language) if reranker else found)[:top_k]
        good = [passage for passage in ranked if filters.min_score is None or passage.score >= filters.min_score]
        return self._places.located(view.snapshot, good)

    def document(self, name: str, filters: Filters | None = None) -> tuple[Document, FileState] | None:
        """Return a stored document whole, None if there is none of that name or the filter does not admit it."""
        snapshot = self._current().snapshot
        state = snapshot.states.get(name)
        if state is None or state.status != "stored" or not (filters or Filters()).admits(state):
            return None
        document = snapshot.document(name)
        return (document, state) if document is not None else None

    def snapshot(self) -> Snapshot:
        """The store as it is now."""
        return self._current().snapshot

    def n_chunks(self) -> int:
        """Number of chunks that can be found."""
        return len(self._current().index)

    def _current(self) -> _View:
        version = self._store.version()
        with self._lock:
            generation = self._serving.generation
            if self._view is None or (self._view.version, self._view.generation) != (version, generation):
                self._view = self._new_view(version, generation)
            return self._view

    def _new_view(self, version: Version, generation: int) -> _View:
        snapshot = self._store.snapshot()
        index = self._serving.index(snapshot, self._store.index_folder)
        texts = snapshot.openings(OPENING_CHARS)
        openings = [Opening(s.name, s.title, s.language, texts.get(s.name, ""), s.n_chunks) for s in snapshot.states.values()]
        return _View(snapshot, version, generation, index, Openings(openings, self._view.openings if self._view else None))

    def _dense(
        self, view: _View, field: _Field, query: NDArray[np.float32], limit: int, language: str
    ) -> tuple[dict[str, float], Across | None]:
        """Nearest chunks with their cosines; those in other languages than the question's apart, where there are both."""
        known = self._embedder.languages
        foreign = field.foreign(language) if known is None or language in known else frozenset[str]()
        if not foreign:
            return dict(view.index.search(query, limit, field.scope)), None
        apart, own = view.index.scope(foreign), view.index.scope(field.own(language))
        near, far = view.index.search(query, limit, own), view.index.search(query, limit, apart)
        across = Across(foreign, lift([cosine for _, cosine in near], [cosine for _, cosine in far], apart.n))
        return dict(near) | {identity: cosine + across.lift for identity, cosine in far}, across

    def _dense_weight(self, language: str, store_languages: Sequence[str]) -> float:
        """Little in a language that the embedder does not know, much where the store has none of it and words cannot match."""
        known = self._embedder.languages
        is_known = known is None or language in known
        if language not in store_languages:
            return self.settings.dense_weight_across if is_known else self.settings.dense_weight
        return self.settings.dense_weight if is_known else self.settings.dense_weight_unknown


@dataclass(frozen=True)
class Library:
    """What a generator may look up by itself while it answers one question: as much as the question itself could find."""

    retriever: Retriever
    top_k: int
    filters: Filters | None = None
    language: str | None = None

    def search(self, query: str) -> list[Passage]:
        """Return the best passages for a query, best first."""
        return self.retriever.search(query, self.top_k, self.filters, self.language)

    def document(self, name: str) -> tuple[Document, FileState] | None:
        """Return a document whole, None if there is none of that name to be seen."""
        return self.retriever.document(name, self.filters)


def _by_language(states: Iterable[FileState]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for state in states:
        if state.n_chunks:
            found.setdefault(state.language, set()).add(state.name)
    return {language: frozenset(names) for language, names in found.items()}


def _question_terms(question: str, languages: Sequence[str]) -> list[str]:
    """Index terms of a question as each language of the store would stem them, each once."""
    return list(dict.fromkeys(word for language in dict.fromkeys(languages) for word in terms(question, language)))


def _distinct(
    snapshot: Snapshot, scores: Mapping[str, float], n: int, found_by: tuple[Container[str], Container[str]]
) -> list[Passage]:
    """The `n` best passages, best first, copies left out; where there are any, all candidates are looked through."""
    best = sorted(scores, key=lambda identity: (-scores[identity], identity))
    read = _passages(snapshot, best[:n], scores, found_by)
    distinct = collapsed(read)
    if len(distinct) < len(read):
        distinct = collapsed([*read, *_passages(snapshot, best[n:], scores, found_by)])
    return [replace(passage, rank=rank) for rank, passage in enumerate(distinct[:n], start=1)]


def _passages(
    snapshot: Snapshot, identities: Sequence[str], scores: Mapping[str, float], found_by: tuple[Container[str], Container[str]]
) -> list[Passage]:
    chunks = snapshot.chunks(identities)
    return [
        _passage(chunks[identity], snapshot.states[chunks[identity].document], scores[identity], found_by)
        for identity in identities
        if identity in chunks
    ]


def _passage(chunk: Chunk, state: FileState, score: float, found_by: tuple[Container[str], Container[str]]) -> Passage:
    return Passage(
        chunk=chunk.id,
        document=chunk.document,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        page=chunk.page,
        score=score,
        rank=0,
        context=chunk.context,
        language=chunk.language,
        found_by=tuple(name for name, found in zip(("dense", "text"), found_by, strict=True) if chunk.id in found),
        sha256=state.sha256,
        loaders_version=state.loaders_version,
    )
