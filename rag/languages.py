"""A store in several languages: passages in other languages than the question's, beside those in its own.

Words cannot match across languages, and an embedder gives texts in one language higher cosines than a translation of them. So
what stands in another language is searched apart, lifted by as much as its best passages lie below those in the question's
own, and judged by meaning alone. It stays a little behind, as who asks in a language would rather read it
(data/results/retrieval-experiments.md).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

BEHIND = 0.2  # share of the best score by meaning
_N_LEVEL = 20  # best passages of either side that are compared
_N_DOUBTED = 4  # passages in other languages of which half of what is seen is believed


@dataclass(frozen=True)
class Across:
    """Which documents are in other languages, and what is added to the cosines of their chunks."""

    foreign: Collection[str]
    lift: float


def lift(own: Sequence[float], others: Sequence[float], n_others: int) -> float:
    """By how much the best cosines in other languages lie below those in the question's own, both best first.

    Of few chunks the best are no measure, so that `n_others` of them count by their number.
    """
    n = min(_N_LEVEL, len(own), len(others))
    if not n:
        return 0.0
    return (fmean(own[:n]) - fmean(others[:n])) * n_others / (n_others + _N_DOUBTED)
