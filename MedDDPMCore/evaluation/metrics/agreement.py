"""How right readers are, and how far they agree: proportions, kappas and areas under the curve, with intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .bootstrap import Interval

Z95 = 1.959963984540054
"""The normal distribution's 97.5th percentile."""
DRAWS = 2000


def wilson(successes: int, total: int, z: float = Z95) -> Interval:
    """A proportion with its score interval (Wilson, JASA 1927; method 3 of Newcombe, Stat Med 1998); not numbers for
    a total of 0."""
    if total == 0:
        return Interval(np.nan, np.nan, np.nan)
    share, square = successes / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z / (1 + square / total) * np.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement of two readers on the same cases (n,), (n,) beyond chance (Cohen 1960); not a number where chance
    alone would make them agree always."""
    categories = np.union1d(first, second)
    observed = float(np.mean(first == second))
    expected = float(sum(np.mean(first == c) * np.mean(second == c) for c in categories))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def fleiss_kappa(counts: np.ndarray) -> float:
    """Agreement of any number of readers beyond chance (Fleiss 1971).

    counts: (cases, categories), how many readers chose each; the same number of readers, two or more, for every case.
    Not a number where all chose one category always.
    """
    readers = counts[0].sum()
    observed = float(np.mean((np.square(counts).sum(axis=1) - readers) / (readers * (readers - 1))))
    expected = float(np.square(counts.sum(axis=0) / counts.sum()).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that a rating from `positive` is above one from `negative`, ties counting half: the area under the
    ROC curve (Hanley & McNeil, Radiology 1982). Not a number if either is empty."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    up_to = np.searchsorted(ordered, positive, "right")
    return float((below + up_to).mean() / (2 * len(negative)))


def by_cases(statistic: Callable[[np.ndarray], float], cases: int, seed: int = 0, draws: int = DRAWS) -> Interval:
    """A statistic of all cases with its 95 % percentile interval over cases drawn with replacement (Efron 1979).

    statistic(indices) -> number; draws in which it is not a number are left out.
    """
    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(cases, size=cases)) for _ in range(draws)])
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, (2.5, 97.5)) if len(values) else (np.nan, np.nan)
    return Interval(statistic(np.arange(cases)), float(low), float(high))
