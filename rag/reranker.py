"""Reads the best passages together with the question, and moves those up that seem to answer it.

It adds to the score of the search, which keeps its say: what the network says of tables and of texts unlike those that it was
taught on is worth little. Weight and number of passages: data/results/retrieval-experiments.md.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.answers import Passage
from rag.crossencoder.passages import answer_odds
from rag.crossencoder.runtime import CrossEncoder

WEIGHT = 0.2  # of log-odds, beside standardised scores


class Reranker:
    """Reads `n` passages. Safe to share between threads."""

    def __init__(self, network: CrossEncoder, n: int) -> None:
        self.n = n
        self._network = network

    def ranked(self, question: str, passages: Sequence[Passage], language: str) -> list[Passage]:
        """All passages, best first, the first `n` of them by what reading them adds to their scores.

        The network cannot read across languages: a passage in another than the question's gets what the best of those read get.

        Raises: CheckerError when the weights cannot be loaded.
        """
        read = passages[: self.n]
        odds = self._odds(question, read, language)
        scored = [replace(passage, score=passage.score + WEIGHT * odd) for passage, odd in zip(read, odds, strict=True)]
        # What was not read keeps its place behind, and its score does not say otherwise.
        floor = min((passage.score for passage in scored), default=0.0)
        rest = [replace(passage, score=min(passage.score, floor)) for passage in passages[self.n :]]
        ordered = [*sorted(scored, key=lambda passage: (-passage.score, passage.chunk)), *rest]
        return [replace(passage, rank=rank) for rank, passage in enumerate(ordered, start=1)]

    def _odds(self, question: str, passages: Sequence[Passage], language: str) -> list[float]:
        own = [passage for passage in passages if passage.language == language]
        found = answer_odds(self._network, question, own)
        each = iter(found)
        return [next(each) if passage.language == language else max(found, default=0.0) for passage in passages]
