"""Intervals: how much a figure would change with other images of the same kind.

Three resamplings, each for what it is valid for:
- means over independent images: the percentile bootstrap (Efron 1979).
- means over pairs of images, which share images: the bootstrap of the images, a pair counting as often as both of its
  images were drawn (Snijders & Borgatti 1999; "pigeonhole bootstrap", Owen 2007).
- distances of two sets (Fréchet, MMD): drawing with replacement would repeat images and bias them upwards, so that
  random halves without replacement are taken (the delete-half jackknife; Shao & Wu, Annals of Statistics 1989). The
  deviations of halves from their mean spread as the estimate of the whole set does; the bias of small sets remains in
  the estimate and is no part of the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import EvaluationError

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval at LEVEL; low and high are not numbers where too few samples are there for one."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 4) -> str:
        """Such as "0.1234 (0.1200 … 0.1300)"."""
        if not np.isfinite(self.low):
            return f"{self.value:.{digits}g}"
        return f"{self.value:.{digits}g} ({self.low:.{digits}g} … {self.high:.{digits}g})"


def mean_interval(values: Sequence[float], repeats: int = 2000, seed: int = 0) -> Interval:
    """The mean of one value an image."""
    array = _finite(values)
    value = float(array.mean())
    if len(array) < 2:
        return _without(value)
    draws = np.random.default_rng(seed).integers(len(array), size=(repeats, len(array)))
    return _between(value, array[draws].mean(axis=1))


def pair_interval(
    pairs: Sequence[tuple[int, int]], values: Sequence[float], repeats: int = 2000, seed: int = 0
) -> Interval:
    """The mean of one value a pair of images; pairs: the two images' numbers from 0. Without an interval where fewer
    than four images are in them: drawn again, these say nothing of others."""
    array, numbers = _finite(values), np.asarray(pairs, int).reshape(-1, 2)
    value, images = float(array.mean()), int(numbers.max()) + 1
    if len(np.unique(numbers)) < 4:
        return _without(value)
    random, means = np.random.default_rng(seed), []
    for _ in range(repeats):
        drawn = np.bincount(random.integers(images, size=images), minlength=images)
        weights = drawn[numbers[:, 0]] * drawn[numbers[:, 1]]
        if weights.any():
            means.append(float(weights @ array / weights.sum()))
    return _between(value, means) if means else _without(value)


def half_interval(
    statistic: Callable[[np.ndarray, np.ndarray], float], first: int, second: int, repeats: int = 200, seed: int = 0
) -> Interval:
    """The distance of two sets of `first` and `second` images; statistic(numbers, numbers) of the images it is to use.

    Without an interval where a side has fewer than four images.
    """
    value = float(statistic(np.arange(first), np.arange(second)))
    if min(first, second) < 4:
        return _without(value)
    random = np.random.default_rng(seed)
    halves = []
    for _ in range(repeats):
        chosen = (random.permutation(count)[: count // 2] for count in (first, second))
        halves.append(float(statistic(*chosen)))
    deviations = np.array(halves) - np.mean(halves)
    # Of an odd count the smaller half is taken, whose spread is wider by this much; the wider interval is given.
    scale = max(np.sqrt((n // 2) / (n - n // 2)) for n in (first, second))
    return _between(value, value + deviations * scale)


def _between(value: float, draws: Sequence[float] | np.ndarray) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def _without(value: float) -> Interval:
    return Interval(value, float("nan"), float("nan"))


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, float)
    if array.size == 0 or not np.isfinite(array).all():
        raise EvaluationError("An interval needs values, all of them finite.")
    return array
