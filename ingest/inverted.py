"""Vectors of a large store on disk, for serving: inverted lists of compressed vectors, beside them the vectors as they are.

    DIR/meta.json        what it was made from: embedder, documents with their editions; checksums; how much a search must read
    DIR/lists.faiss      IVF: for each cluster its chunks in 8 bits a dimension; mapped into memory
    DIR/vectors.f32      the vectors of the record, (n, dim) float32; a search reads its candidates' rows
    DIR/ids.npy          ids of the chunks in ascending order, which is the order of all rows; mapped into memory
    DIR/documents.npy    document of each row, as its number in meta.json
    DIR/clusters.npy     cluster of each row
    DIR/checks.npy       checksum of each row of vectors.f32

It is written once and never changed; `ingest.serving` says which chunks of it still count. How many rows a search reads is
found at the end of building, with questions of which the exact result is known.

Damage is looked for where it can be afforded. Opening compares all of a file up to 64 MiB and 64 parts of a larger one. A
search compares each vector that it reads with its checksum, so that no cosine comes of a damaged one; what opening does not
see of lists.faiss can only cost candidates. A file that was written to while it was mapped is read no more, see `_unchanged`.
"""

import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ingest.embedder import Vectors
from ingest.errors import StoreError

_FORMAT = 2  # raised when files that were written before are not to be used
_FILES = ("lists.faiss", "vectors.f32", "ids.npy", "documents.npy", "clusters.npy", "checks.npy")
_KEPT_OPEN = ("lists.faiss", "vectors.f32", "ids.npy")
_LISTS_PER_ROOT = 4  # clusters for each square root of n: a search compares as many centroids as it reads vectors in one or two
_SAMPLE_PER_LIST = 48  # vectors for each cluster that k-means sees
_ROUNDS = 10
_FEW = 1000  # so many chunks are compared one by one faster than their clusters are looked up
_ADDED_AT_ONCE = 32_768
_RECALL = 0.995  # of the exact ten best of the sample
_MARGIN = 2  # of what the sample needs: at 100,000 chunks 300 other questions had recall 0.977 without it, 0.986 with it
_LEAST_LISTS = 8
_BLOCK, _N_BLOCKS = 1 << 20, 64
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Indexed:
    """A document as the index has it: its name and edition, and the languages and number of its chunks."""

    name: str
    edition: str
    languages: tuple[str, ...]
    n_chunks: int


class InvertedIndex:
    """Search over unit vectors by inner product. Safe to use from several threads; files may be deleted while it is open."""

    def __init__(self, folder: Path) -> None:
        """Open what `write_index` wrote.

        Raises: OSError, ValueError, LookupError, TypeError or RuntimeError when it is damaged or of another format.
        """
        meta = _read_meta(folder)
        if meta["files"] != _fingerprints(folder):
            raise ValueError("it is damaged")
        self.folder = folder
        self.written_at = (folder / "meta.json").stat().st_mtime_ns  # with the folder it tells one index from another
        self.embedder: str = meta["embedder"]
        self.dim: int = meta["dim"]
        self.documents = [Indexed(name, edition, tuple(langs), n) for name, edition, langs, n in meta["documents"]]
        self._n_read: int = meta["n_read"]
        self._ids = np.load(folder / "ids.npy", mmap_mode="r")
        self._documents = np.load(folder / "documents.npy")
        self._clusters = np.load(folder / "clusters.npy")
        self._checks = np.load(folder / "checks.npy")
        self._index = _mapped(folder)
        self._centroids = self._index.quantizer.reconstruct_n(0, self._index.nlist)
        self._sizes = np.bincount(self._clusters, minlength=self._index.nlist)
        self._opened = [(folder / name).open("rb", buffering=0) for name in _KEPT_OPEN]
        self._vectors = self._opened[_KEPT_OPEN.index("vectors.f32")]
        self._stamps = self._stamped()
        if [size for size, _ in self._stamps] != [meta["files"][name][0] for name in _KEPT_OPEN]:
            raise ValueError("it was changed while it was opened")

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, query: Vectors, limit: int, admitted: Mask | None = None) -> list[tuple[str, float]]:
        """Nearest chunks of one query (dim,) float32 as (id, cosine), best first; cosines are those of the record.

        `admitted`: (number of documents,) bool, whose chunks count. There are as many results as an exact search would give.
        Raises: StoreError when a file was damaged since it was opened; the index can then not be used any more.
        """
        self._unchanged()
        rows = None if admitted is None or admitted.all() else admitted[self._documents]
        n = len(self) if rows is None else int(np.count_nonzero(rows))
        n_candidates = min(n, limit + limit // 4 + 16)
        if rows is not None and n <= max(_FEW, n_candidates):
            candidates = np.flatnonzero(rows)
        else:
            candidates = self._candidates(query, n_candidates, rows, self._n_read)
        cosines = self._rows(candidates) @ query
        best = np.argsort(-cosines, kind="stable")[:limit]
        return [(self._ids[candidates[place]].decode(), float(cosines[place])) for place in best]

    def find(self, ids: Sequence[str]) -> Numbers:
        """Rows of chunks, -1 for those that it does not have.

        Raises: StoreError as `search`.
        """
        self._unchanged()
        wanted = np.array([identity.encode() for identity in ids], dtype=self._ids.dtype)
        places = np.minimum(np.searchsorted(self._ids, wanted), len(self) - 1)
        return np.where(self._ids[places] == wanted, places, -1)

    def cosines(self, query: Vectors, rows: Numbers) -> list[float]:
        """Cosines of one query with given rows.

        Raises: StoreError as `search`.
        """
        return [float(value) for value in self._rows(rows) @ query]

    def document(self, row: int) -> int:
        """Number of the document of a row."""
        return int(self._documents[row])

    def _candidates(self, query: Vectors, limit: int, rows: Mask | None, n_read: int) -> Numbers:
        """Best rows by compressed vectors, out of the clusters nearest to the query that hold `n_read` rows which count.

        Clusters where nothing counts cost nothing, so that a filter makes the search wider and not poorer.
        """
        if not limit:
            return np.zeros(0, dtype=np.int64)
        nearness = self._centroids @ query
        sizes = self._sizes if rows is None else np.bincount(self._clusters[rows], minlength=len(self._sizes))
        order = np.argsort(-nearness)
        order = order[sizes[order] > 0]
        n_lists = int(np.searchsorted(np.cumsum(sizes[order]), max(n_read, limit))) + 1
        probed = np.ascontiguousarray(order[:n_lists])
        parameters = faiss.SearchParametersIVF(nprobe=len(probed))  # type: ignore[call-arg]
        if rows is not None:
            parameters.sel = faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg,arg-type]
        found, scores = np.empty(limit, dtype=np.int64), np.empty(limit, dtype=np.float32)
        near = np.ascontiguousarray(nearness[probed], dtype=np.float32)
        pointers = (faiss.swig_ptr(array) for array in (probed, near, scores, found))
        self._index.search_preassigned_c(1, faiss.swig_ptr(query), limit, *pointers, False, parameters)
        return found[found >= 0]

    def _rows(self, rows: Numbers) -> Vectors:
        """Vectors (n, dim) float32 of the record; read and not mapped, so that they take no memory for long.

        Raises: StoreError when they cannot be read or are not what was written.
        """
        vectors = np.empty((len(rows), self.dim), dtype=np.float32)
        width = vectors.itemsize * self.dim
        for vector, row in zip(vectors, rows.tolist(), strict=True):
            try:
                n = os.preadv(self._vectors.fileno(), [vector.data], row * width)
            except OSError as error:
                raise self._unread(str(error)) from error
            if n != width:
                raise self._unread("the vectors end too early")
        if not np.array_equal(_checks(vectors), self._checks[rows]):
            raise self._unread("a vector is not what was written")
        return vectors

    def _unchanged(self) -> None:
        """Look whether files are as they were opened: to read mapped memory whose file was cut short kills the process.

        Time stamps of what is open stay the same when its folder is renamed or deleted.
        Raises: StoreError.
        """
        try:
            is_same = self._stamped() == self._stamps
        except OSError as error:
            raise self._unread(str(error)) from error
        if not is_same:
            raise self._unread("a file of it was changed while it was open")

    def _stamped(self) -> list[tuple[int, int]]:
        states = [os.fstat(file.fileno()) for file in self._opened]
        return [(state.st_size, state.st_mtime_ns) for state in states]

    def _unread(self, why: str) -> StoreError:
        return StoreError(f"cannot read the index `{self.folder}`: {why}. Ask again: it is built anew.")

    def fit(self, queries: Vectors) -> int:
        """Number of rows that a search must read to find the ten best of queries (m, dim), and of others, as an exact one."""
        exact = [set(best) for best in _exact(self._vectors.name, queries, len(self))]
        n_read = _LEAST_LISTS * len(self) // len(self._sizes)
        while n_read < len(self):
            found = [self._candidates(query, 20, None, n_read).tolist() for query in queries]
            recall = np.mean([len(best.intersection(rows)) / len(best) for best, rows in zip(exact, found, strict=True)])
            if recall >= _RECALL:
                break
            n_read += n_read // 4
        return min(_MARGIN * n_read, len(self))


def write_index(
    folder: Path, embedder: str, chunks: dict[str, list[str]], batches: Iterator[tuple[list[str], Vectors]], queries: Vectors
) -> None:
    """Build an index in an empty folder.

    `chunks`: columns id, document, edition, language, a row for each chunk. `batches`: ids and vectors (m, dim) of the same
    chunks in any order. `queries`: (k, dim) vectors of questions such as will be asked; with none, some chunks stand for them.
    Raises: OSError.
    """
    dim = queries.shape[1]
    ids, first = np.unique(np.array(chunks["id"], dtype=np.bytes_), return_index=True)
    documents, numbers = _documents(chunks, first)
    with (folder / "vectors.f32").open(
        "wb"
    ) as file:  # all of it at once: a full disk would kill whoever writes to mapped memory
        os.posix_fallocate(file.fileno(), 0, len(ids) * dim * 4)
    vectors = np.memmap(folder / "vectors.f32", dtype=np.float32, mode="r+", shape=(len(ids), dim))
    for batch, rows in batches:
        vectors[np.searchsorted(ids, np.array(batch, dtype=ids.dtype))] = rows
    vectors.flush()
    index = _trained(vectors)
    starts = range(0, len(ids), _ADDED_AT_ONCE)
    for start in starts:
        index.add(np.ascontiguousarray(vectors[start : start + _ADDED_AT_ONCE]))
    clusters = np.zeros(len(ids), dtype=np.int32)
    for cluster in range(index.nlist):
        size = index.invlists.list_size(cluster)
        if size:
            clusters[faiss.rev_swig_ptr(index.invlists.get_ids(cluster), size)] = cluster
    faiss.write_index(index, str(folder / "lists.faiss"))
    checks = np.concatenate([_checks(np.array(vectors[start : start + _ADDED_AT_ONCE])) for start in starts])
    for name, array in (("ids", ids), ("documents", numbers), ("clusters", clusters), ("checks", checks)):
        np.save(folder / f"{name}.npy", array)
    if not len(queries):
        queries = np.array(vectors[:: max(1, len(ids) // 64)][:64])
    del vectors, index
    meta = {"format": _FORMAT, "embedder": embedder, "dim": dim, "n_read": 0, "files": _fingerprints(folder)}
    meta["documents"] = [list(asdict(document).values()) for document in documents]
    _write_meta(folder, meta)
    _write_meta(folder, meta | {"n_read": InvertedIndex(folder).fit(queries)})
    for path in folder.iterdir():  # its checksums are of samples: after a power cut a hole might not be seen
        with path.open("rb") as written:
            os.fsync(written.fileno())


def _write_meta(folder: Path, meta: dict[str, Any]) -> None:
    (folder / "meta.json").write_text(json.dumps(meta | {"checksum": _meta_checksum(meta)}), encoding="utf-8")


def _read_meta(folder: Path) -> dict[str, Any]:
    """What `_write_meta` wrote.

    Raises: OSError, ValueError when it is anything else.
    """
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
        raise ValueError("it is damaged or of another version")
    if meta.pop("checksum", None) != _meta_checksum(meta):
        raise ValueError("its meta.json is damaged")
    return meta


def _meta_checksum(meta: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def _checks(vectors: Vectors) -> NDArray[np.uint32]:
    """Checksum of each vector (n, dim) float32: its words times odd numbers, added up, so that no change of one word is missed.

    CRCs would have to be made row by row, which takes longer than to read the rows.
    """
    words = vectors.view(np.uint32)
    found: NDArray[np.uint32] = (words * np.arange(1, 2 * words.shape[1], 2, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    return found


def _documents(chunks: dict[str, list[str]], rows: Numbers) -> tuple[list[Indexed], NDArray[np.int32]]:
    """The documents of some chunks, and the number of each chunk's document."""
    numbers: dict[str, int] = {}
    column = np.array([numbers.setdefault(chunks["document"][row], len(numbers)) for row in rows], dtype=np.int32)
    languages: list[set[str]] = [set() for _ in numbers]
    editions = [""] * len(numbers)
    for row, number in zip(rows, column.tolist(), strict=True):
        languages[number].add(chunks["language"][row])
        editions[number] = chunks["edition"][row]
    counts = np.bincount(column, minlength=len(numbers)).tolist()
    return [
        Indexed(name, editions[number], tuple(sorted(languages[number])), counts[number]) for name, number in numbers.items()
    ], column


def _trained(vectors: Vectors) -> Any:
    """An empty index of inverted lists whose clusters and 8-bit codes were found on a sample."""
    n, dim = vectors.shape
    n_lists = max(1, min(round(_LISTS_PER_ROOT * n**0.5), n // _SAMPLE_PER_LIST))
    index: Any = faiss.index_factory(dim, f"IVF{n_lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = _ROUNDS
    sample = np.random.default_rng(0).choice(n, min(n, n_lists * _SAMPLE_PER_LIST), replace=False)
    index.train(np.ascontiguousarray(vectors[np.sort(sample)]))
    return index


def _exact(file: str, queries: Vectors, n: int) -> list[list[int]]:
    """The ten best rows of each query, by all vectors of a file."""
    vectors = np.memmap(file, dtype=np.float32, mode="r", shape=(n, queries.shape[1]))
    best = faiss.ResultHeap(len(queries), min(10, n), keep_max=True)
    for start in range(0, n, _ADDED_AT_ONCE):
        scores = queries @ vectors[start : start + _ADDED_AT_ONCE].T
        places = np.argsort(-scores, axis=1)[:, :10]
        rows = np.ascontiguousarray(places + start)
        best.add_result(np.ascontiguousarray(np.take_along_axis(scores, places, axis=1)), rows)
    best.finalize()
    return [[row for row in rows if row >= 0] for rows in best.I.tolist()]


def _mapped(folder: Path) -> Any:
    index: Any = faiss.read_index(str(folder / "lists.faiss"), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    # It would start 32 threads for each search to read ahead, which costs more than the search.
    lists: Any = faiss.downcast_InvertedLists(index.invlists)
    lists.prefetch_nthread = 0
    return index


def _fingerprints(folder: Path) -> dict[str, list[int]]:
    """Size and checksum of each file; of one larger than 64 MiB, of 64 parts of it, so that opening stays quick."""
    found = {}
    for name in _FILES:
        size, checksum = (folder / name).stat().st_size, 0
        with (folder / name).open("rb") as file:
            for start in range(0, size, max(_BLOCK, size // _N_BLOCKS)):
                file.seek(start)
                checksum = zlib.crc32(file.read(_BLOCK), checksum)
        found[name] = [size, checksum]
    return found
