"""BM25 over bags of terms in memory, for few or short texts; the store's own full-text search serves the chunks."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

# Best over the question sets of data/results/retrieval-experiments.md.
_K1, _B = 0.9, 0.4


class Bm25:
    """Scores of all texts for a question. Source: Robertson and Zaragoza 2009, with the rarity that Lucene uses."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        """Index texts given as their terms."""
        bags = [Counter(text) for text in texts]
        lengths = [sum(bag.values()) for bag in bags]
        mean = max(sum(lengths) / max(len(lengths), 1), 1e-9)
        self._n = len(bags)
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, (bag, length) in enumerate(zip(bags, lengths, strict=True)):
            for term, count in bag.items():
                gain = count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / mean))
                postings[term].append((number, gain))
        # One after the other in two arrays: an array for each of many rare terms would take more room than what is in it.
        ends = np.cumsum([len(found) for found in postings.values()], dtype=np.int64).tolist()
        self._ranges = dict(zip(postings, zip([0, *ends], ends, strict=False), strict=True))
        self._numbers = np.fromiter((number for found in postings.values() for number, _ in found), np.int32)
        self._gains = np.fromiter((gain for found in postings.values() for _, gain in found), np.float64)

    def scores(self, words: Iterable[str]) -> NDArray[np.float64]:
        """Score of every text: (n,) float64, 0 where no word occurs."""
        scores = np.zeros(self._n)
        for word in words:
            start, end = self._ranges.get(word, (0, 0))
            rarity = log(1 + (self._n - (end - start) + 0.5) / (end - start + 0.5))
            scores[self._numbers[start:end]] += rarity * self._gains[start:end]  # a text has each term once
        return scores
