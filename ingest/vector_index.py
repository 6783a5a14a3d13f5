"""FAISS copy of a snapshot's vectors for serving. Exact search; it is made in memory from the store and never written.

It knows nothing of text or questions: vectors in, positions and scores out.
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
        self.vectors = vectors
        self._positions = {identity: position for position, identity in enumerate(self.ids)}
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def __len__(self) -> int:
        return len(self.ids)

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
        rows = self.vectors[[self._positions[identity] for identity in ids]]
        return [float(value) for value in rows @ query.reshape(-1)]
