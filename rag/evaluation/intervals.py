"""Shares with bootstrap intervals that respect how the questions hang together: whole clusters are drawn, not questions.

A share is a ratio of sums over questions; a mean is one whose denominators are 1.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MIN_CLUSTERS = 8  # with fewer the bootstrap over clusters says more about the draw than about the figure

Numbers = NDArray[np.float64]


def usable_clusters(names: Sequence[str]) -> list[str]:
    """The names of the clusters; a name of its own for each member where fewer than eight differ."""
    return list(names) if len(set(names)) >= _MIN_CLUSTERS else [str(number) for number in range(len(names))]


def mean_with_interval(
    values: Sequence[float], clusters: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of `values`, and the middle 95 % of the means of resamples that draw whole clusters with repetition.

    Source: Field and Welsh 2007, cluster bootstrap.
    """
    return ratio_with_interval([(value, 1.0) for value in values], clusters, resamples=resamples, seed=seed)


def ratio_with_interval(
    parts: ArrayLike, clusters: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Sum of numerators over sum of denominators, and the middle 95 % of the same in resamples of whole clusters.

    `parts`: (n, 2), numerator and denominator of each member. NaN three times where the denominators sum to 0.
    """
    sums = _cluster_sums(parts, clusters)
    value = float(_ratios(sums.sum(axis=0, keepdims=True))[0])
    return (value, *_middle(_ratios(_resampled(sums, resamples, seed))))


def difference_with_interval(
    first: ArrayLike, second: ArrayLike, clusters: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Ratio of `second` less ratio of `first` over the same members, and its interval: both are taken from the same resamples.

    `first`, `second`: (n, 2) as in `ratio_with_interval`.
    """
    both = np.hstack([np.asarray(first, dtype=float).reshape(-1, 2), np.asarray(second, dtype=float).reshape(-1, 2)])
    sums = _cluster_sums(both, clusters)
    drawn = _resampled(sums, resamples, seed)
    total = sums.sum(axis=0, keepdims=True)
    value = _ratios(total[:, 2:]) - _ratios(total[:, :2])
    return (float(value[0]), *_middle(_ratios(drawn[:, 2:]) - _ratios(drawn[:, :2])))


def _cluster_sums(parts: ArrayLike, clusters: Sequence[str]) -> Numbers:
    """(clusters, columns): the parts of each cluster's members, summed."""
    names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    member = np.array([names[cluster] for cluster in clusters])
    columns = np.asarray(parts, dtype=float).reshape(len(clusters), -1).T
    return np.stack([np.bincount(member, weights=column, minlength=len(names)) for column in columns], axis=1)


def _resampled(sums: Numbers, resamples: int, seed: int) -> Numbers:
    """(resamples, columns): sums over clusters that were drawn with repetition."""
    draws = np.random.default_rng(seed).integers(0, len(sums), size=(resamples, len(sums)))
    return np.stack([column[draws].sum(axis=1) for column in sums.T], axis=1)


def _ratios(sums: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan)
    return found


def _middle(values: Numbers) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
