"""Which index serves a store: exact and in memory while it is small, `ingest.inverted` and what changed since when it is large.

    DIR/lance/index/N    the written index, made by whoever first needs it; the highest N counts
    DIR/lance/index/.lock, .new    held by the one process that builds; where it builds

Chunks of the written index whose document was replaced or deleted since never come; new chunks lie beside it in memory. When
more than a tenth changed, it is built anew while questions go on; only the first question of a process may have to wait for
one. An index whose files are damaged while it is open is given up: vectors are searched in memory until it is built anew.

It lies beside the tables that it belongs to, so that `ingest rebuild`, which makes other tables, leaves it behind.
"""

import errno
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.embedder import Vectors
from ingest.errors import IngestError, StoreError
from ingest.inverted import InvertedIndex, Mask, write_index
from ingest.manifest import alone, disk_errors
from ingest.snapshot import Snapshot
from ingest.vector_index import VectorIndex

EXACT_BELOW = 50_000
_RENEWED_AT = 0.1  # share of chunks that changed since it was written
_UNFIT_AT = 0.5  # the same, from which it is not worth to be served
_WAIT_S = 20.0  # commits come in bursts, and a command that ends at once shall not begin to build
_N_QUESTIONS = 128
_QUESTION_WORDS = 9
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scope:
    """What a filter admits: documents of the written index, positions of the chunks beside it, number of chunks in all."""

    written: Mask
    beside: NDArray[np.int64]
    n: int


class ServingIndex:
    """The chunks of one snapshot: those of a written index that are still in it, and the others beside it in memory."""

    def __init__(
        self, snapshot: Snapshot, written: InvertedIndex | None, give_up: Callable[[InvertedIndex, StoreError], None]
    ) -> None:
        """Read the vectors that the written index lacks; None where there is no such index.

        `give_up` is told when the written index can be read no more; every method that reads it then raises StoreError, and
        another `ServingIndex` has to be made.
        """
        self._written = written
        self._give_up = give_up
        documents = written.documents if written else []
        live = {name: state.edition for name, state in snapshot.states.items()}
        self._alive = np.array([live.get(document.name) == document.edition for document in documents], dtype=bool)
        self._n_chunks = np.array([document.n_chunks for document in documents], dtype=np.int64)
        kept = [document for document, is_alive in zip(documents, self._alive, strict=True) if is_alive]
        missing = set(live.values()).difference(document.edition for document in kept) if written else None
        ids, self._documents, languages, vectors = snapshot.vectors(missing)
        self._beside = VectorIndex(ids, vectors)
        self.languages = tuple(sorted({*languages, *(code for document in kept for code in document.languages)}))
        self._n = len(ids) + int(self._n_chunks[self._alive].sum())

    def __len__(self) -> int:
        return self._n

    def scope(self, names: Collection[str]) -> Scope:
        """What remains when only documents of some names are searched."""
        admitted = [document.name in names for document in self._written.documents] if self._written else []
        written = self._alive & np.array(admitted, dtype=bool)
        beside = np.array([position for position, name in enumerate(self._documents) if name in names], dtype=np.int64)
        return Scope(written, beside, len(beside) + int(self._n_chunks[written].sum()))

    def search(self, query: Vectors, limit: int, scope: Scope | None = None) -> list[tuple[str, float]]:
        """Nearest chunks of one query (dim,) float32 as (id, cosine), best first; `scope` restricts it before ranking."""
        found = self._beside.search(query, limit, scope.beside if scope else None)
        if self._written:
            with self._reading(self._written):
                more = self._written.search(query, limit, scope.written if scope else self._alive)
            found = sorted([*found, *more], key=lambda pair: -pair[1])[:limit]
        return found

    def cosines(self, query: Vectors, ids: Sequence[str]) -> list[float]:
        """Cosines of one query with given chunks."""
        beside = [identity for identity in ids if identity in self._beside]
        found = dict(zip(beside, self._beside.cosines(query, beside), strict=True))
        others = [identity for identity in ids if identity not in found]
        if self._written and others:
            with self._reading(self._written):
                found.update(zip(others, self._written.cosines(query, self._written.find(others)), strict=True))
        return [found[identity] for identity in ids]

    def documents_of(self, ids: Sequence[str]) -> list[str]:
        """Names of the documents that chunks belong to."""
        rows = [-1] * len(ids)
        if self._written:
            with self._reading(self._written):
                rows = self._written.find(ids).tolist()
        return [
            self._documents[self._beside.position(identity)] if identity in self._beside else self._name(row)
            for identity, row in zip(ids, rows, strict=True)
        ]

    @contextmanager
    def _reading(self, written: InvertedIndex) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._give_up(written, error)
            raise

    def _name(self, row: int) -> str:
        if self._written is None or row < 0:
            raise LookupError("no such chunk in the index")
        return self._written.documents[self._written.document(row)].name


class Serving:
    """Keeps the index of one store up to date. `generation` rises when another one is ready for the same content."""

    def __init__(
        self, exact_below: int, encode_queries: Callable[[Sequence[str]], Vectors], *, wait_s: float = _WAIT_S
    ) -> None:
        self.generation = 0
        self._exact_below = exact_below
        self._encode_queries = encode_queries
        self._wait_s = wait_s
        self._written: InvertedIndex | None = None
        self._given_up: set[tuple[Path, int]] = set()
        self._lock = threading.Lock()
        self._is_serving = False
        self._folder: Path | None = None
        self._latest: Snapshot | None = None
        self._renewal: threading.Timer | None = None

    def index(self, snapshot: Snapshot, folder: Path) -> ServingIndex:
        """Make the index of a snapshot; a written one lies in `folder`.

        Where there is none, or little of it holds, it is built: the first time before anything is served, later while vectors
        are searched in memory. So they are where it cannot be built: a full disk makes a store slow and does not close it.

        Raises: StoreError.
        """
        if folder != self._folder:
            self._folder, self._written = folder, None
        self._latest = snapshot
        if _n_chunks(snapshot) < self._exact_below:
            written = None
        else:
            written = self._written or self._newest(folder, snapshot)
            changed = 1.0 if written is None else _changed(written, snapshot)
            if changed > _UNFIT_AT and not self._is_serving:
                written = self._first(snapshot, folder) or written
            elif changed > _RENEWED_AT:
                self._renew_later(folder)
        self._written, self._is_serving = written, True
        return ServingIndex(snapshot, written, self._give_up)

    def _give_up(self, written: InvertedIndex, error: StoreError) -> None:
        """Use a written index no more, and say so once; opening it again might not show the damage."""
        with self._lock:
            is_news = _name_of(written) not in self._given_up
            self._given_up.add(_name_of(written))
            if self._written is written:
                self._written = None
                self.generation += 1
        if is_news:
            _LOG.warning("%s Until then the vectors are searched in memory.", error)

    def _first(self, snapshot: Snapshot, folder: Path) -> InvertedIndex | None:
        try:
            return self._renewed(snapshot, folder)
        except StoreError as error:
            _LOG.warning("the index could not be built, the vectors are searched in memory: %s", error)
            return None

    def _renew_later(self, folder: Path) -> None:
        if self._renewal is None:
            self._renewal = threading.Timer(self._wait_s, self._renew, [folder])
            self._renewal.daemon = True
            self._renewal.start()

    def _renew(self, folder: Path) -> None:
        try:
            if self._latest is not None and folder == self._folder:
                written = self._renewed(self._latest, folder)
                if folder == self._folder:
                    self._written = written
                    self.generation += 1
        except IngestError as error:  # the next change of the store tries again
            _LOG.warning("the index could not be renewed, the old one goes on: %s", error)
        finally:
            self._renewal = None

    def _renewed(self, snapshot: Snapshot, folder: Path) -> InvertedIndex:
        """The index that another process has built meanwhile, or a new one."""
        with disk_errors(folder):
            try:
                folder.mkdir(exist_ok=True)
                with alone(folder):
                    written = self._newest(folder, snapshot)
                    if written is None or _changed(written, snapshot) > _RENEWED_AT:
                        written = self._build(snapshot, folder)
                    return written
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                # Whoever may only read the store builds for itself.
                with tempfile.TemporaryDirectory() as own:
                    return self._build(snapshot, Path(own))

    def _newest(self, folder: Path, snapshot: Snapshot) -> InvertedIndex | None:
        """The written index, None if there is none that is whole and made with the embedder of the store."""
        numbers = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()] if folder.is_dir() else []
        for number in sorted(numbers, reverse=True):
            try:
                index = InvertedIndex(folder / str(number))
                is_of_store = (index.embedder, index.dim) == (snapshot.manifest.embedder, snapshot.manifest.dim)
                if is_of_store and _name_of(index) not in self._given_up:
                    return index
            except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
                why = str(error).splitlines()[0]
                _LOG.warning("cannot read the index `%s`, it is built anew: %s", folder / str(number), why)
        return None

    def _build(self, snapshot: Snapshot, folder: Path) -> InvertedIndex:
        new = folder / ".new"
        shutil.rmtree(new, ignore_errors=True)  # left by a run that was killed
        new.mkdir()
        numbers = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
        texts = [_like_a_question(text) for text in snapshot.sample_texts(_N_QUESTIONS)]
        _LOG.warning("building the index of %d chunks in `%s`, which may take minutes", _n_chunks(snapshot), folder)
        write_index(
            new, snapshot.manifest.embedder, snapshot.catalogue(), snapshot.vector_batches(), self._encode_queries(texts)
        )
        built = new.rename(folder / str(max(numbers, default=0) + 1))
        for number in numbers:
            shutil.rmtree(folder / str(number), ignore_errors=True)
        return InvertedIndex(built)


def _name_of(written: InvertedIndex) -> tuple[Path, int]:
    """What tells a written index from all others, also from one that was built in its place."""
    return written.folder, written.written_at


def _changed(written: InvertedIndex, snapshot: Snapshot) -> float:
    """Chunks that are in only one of both, as a share of the snapshot's."""
    there = {document.edition: document.n_chunks for document in written.documents}
    live = {state.edition: state.n_chunks for state in snapshot.states.values()}
    n = sum(there[edition] for edition in there.keys() - live.keys())
    return (n + sum(live[edition] for edition in live.keys() - there.keys())) / max(1, _n_chunks(snapshot))


def _n_chunks(snapshot: Snapshot) -> int:
    return sum(state.n_chunks for state in snapshot.states.values())


def _like_a_question(text: str) -> str:
    """Some words from the middle of a text, as many as questions have."""
    words = text.split()
    start = max(0, (len(words) - _QUESTION_WORDS) // 2)
    return " ".join(words[start : start + _QUESTION_WORDS])
