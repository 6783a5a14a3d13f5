"""FAISS copy of vectors in memory for serving: exact search. It is made from the store and never written.

It knows nothing of text or questions: vectors in, ids and scores out. `ingest.serving` says when it serves a store.
"""

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from ingest.embedder import Vectors


class VectorIndex:
    """Exact inner-product search over unit vectors, so that a score is a cosine in [-1, 1]."""

    def __init__(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Take chunk ids and their vectors (n, dim) float32 in the same order."""
        self.ids = list(ids)
        self._positions = {identity: position for position, identity in enumerate(self.ids)}
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, identity: str) -> bool:
        return identity in self._positions

    def search(self, query: Vectors, limit: int, allowed: NDArray[np.int64] | None = None) -> list[tuple[str, float]]:
        """Nearest chunks of one query (dim,) float32 as (id, cosine), best first; `allowed` positions restrict it first."""
        limit = min(limit, len(self.ids) if allowed is None else len(allowed))
        if limit == 0:
            return []
        parameters = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg]
        scores, positions = self._index.search(query.reshape(1, -1), limit, params=parameters)
        found = zip(positions[0], scores[0], strict=True)
        return [(self.ids[position], float(score)) for position, score in found if position >= 0]

    def position(self, identity: str) -> int:
        """Row of a chunk's vector."""
        return self._positions[identity]

    def cosines(self, query: Vectors, ids: Sequence[str]) -> list[float]:
        """Cosines of one query with given chunks."""
        if not ids:
            return []
        rows = self._index.reconstruct_batch(np.array([self._positions[identity] for identity in ids], dtype=np.int64))
        return [float(value) for value in rows @ query.reshape(-1)]
