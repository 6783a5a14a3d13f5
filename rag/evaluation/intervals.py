"""Means with bootstrap intervals that respect how the questions hang together: whole clusters are drawn, not questions."""

from collections.abc import Sequence

import numpy as np

_MIN_CLUSTERS = 8  # with fewer the bootstrap over clusters says more about the draw than about the figure


def usable_clusters(names: Sequence[str]) -> list[str]:
    """The names of the clusters; a name of its own for each member where fewer than eight differ."""
    return list(names) if len(set(names)) >= _MIN_CLUSTERS else [str(number) for number in range(len(names))]


def mean_with_interval(
    values: Sequence[float], clusters: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of `values`, and the middle 95 % of the means of resamples that draw whole clusters with repetition.

    Source: Field and Welsh 2007, cluster bootstrap.
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    member = np.array([names[cluster] for cluster in clusters])
    sums = np.bincount(member, weights=np.asarray(values, dtype=float), minlength=len(names))
    sizes = np.bincount(member, minlength=len(names))
    draws = np.random.default_rng(seed).integers(0, len(names), size=(resamples, len(names)))
    means = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean(values)), float(low), float(high)
