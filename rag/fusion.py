"""Adds the scores of both searches, each standardised over its own candidates of one question.

Rank fusion throws away how far ahead a passage is; sums of standardised scores keep it (data/results/retrieval-experiments.md).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingest.serving import ServingIndex
from rag.languages import BEHIND, Across


def fused(
    dense: dict[str, float],
    text: dict[str, float],
    query: NDArray[np.float32],
    index: ServingIndex,
    weight: float,
    n: int,
    across: Across | None = None,
) -> dict[str, float]:
    """Weighted sum of both scores, each standardised over its own `n` best; `dense` holds cosines that are lifted already.

    A candidate that only the text search found gets its true cosine; one that only the dense search found gets the text score
    of the last text candidate when that list is full, else 0, as it has no word in common with the question. Where a store
    has several languages, `across` says what is in another than the question's: there meaning counts alone.
    """
    identities = list(dict.fromkeys([*dense, *text]))
    cosines = np.array(index.cosines(query, identities))
    missing = min(text.values()) if len(text) >= n else 0.0
    words = np.array([text.get(identity, missing) for identity in identities])
    is_foreign = np.zeros(len(identities), dtype=bool)
    if across is not None:
        is_foreign = np.array([name in across.foreign for name in index.documents_of(identities)])
        cosines = cosines + across.lift * is_foreign
    by_meaning = _standardise(cosines, sorted(dense.values(), reverse=True)[:n], n)
    both = weight * by_meaning + (1 - weight) * _standardise(words, list(text.values()), n)
    fused = np.where(is_foreign, by_meaning - BEHIND * by_meaning.max(initial=0.0), both)
    return dict(zip(identities, (float(score) for score in fused), strict=True))


def _standardise(values: NDArray[np.float64], best: Sequence[float], n: int) -> NDArray[np.float64]:
    """Subtract the mean of the `n` best and divide by their deviation; a list shorter than `n` is filled up with zeros."""
    sample = np.zeros(max(n, len(best), 1))
    sample[: len(best)] = best
    standardised: NDArray[np.float64] = (values - sample.mean()) / (sample.std() + 1e-9)
    return standardised
