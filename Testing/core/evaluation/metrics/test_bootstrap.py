"""Intervals hold the truth about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.evaluation.metrics.bootstrap import Interval, half_interval, mean_interval, pair_interval
from MedDDPMCore.evaluation.metrics.metrics import frechet_distance, random_pairs


def covered(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def test_the_interval_of_a_mean_is_that_of_scipy_and_covers_it():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).exponential(size=60)
    ours = mean_interval(values, repeats=5000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=5000).confidence_interval
    assert (ours.value, ours.low, ours.high) == pytest.approx((values.mean(), theirs.low, theirs.high), rel=0.03)
    draws = [np.random.default_rng(i).normal(2, 1, 40) for i in range(200)]
    assert covered([mean_interval(values, 300) for values in draws], 2.0) > 0.88


def test_pairs_that_share_images_get_wider_intervals_than_independent_values():
    """A pair's value is the sum of its images' own: taking pairs for independent covers far too seldom."""
    honest, naive = [], []
    for seed in range(100):
        images = np.random.default_rng(seed).normal(size=25)
        pairs = random_pairs(25, 300)
        values = [images[i] + images[j] for i, j in pairs]
        honest.append(pair_interval(pairs, values, 200))
        naive.append(mean_interval(values, 200))
    assert covered(honest, 0.0) > 0.85
    assert covered(naive, 0.0) < 0.6


def test_halves_give_the_spread_of_a_frechet_distance_where_the_bootstrap_is_biased():
    """The interval is as wide as the estimates of fresh sets scatter, and holds the estimate itself."""

    def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        return random.normal(size=(40, 4)), random.normal(size=(41, 4)) * 1.2 + 0.7

    def interval(a: np.ndarray, b: np.ndarray) -> Interval:
        return half_interval(lambda i, j: frechet_distance(a[i], b[j]), len(a), len(b), 100)

    intervals = [interval(*draw(seed)) for seed in range(40)]
    fresh = [frechet_distance(*draw(1000 + seed)) for seed in range(400)]
    width = np.mean([i.high - i.low for i in intervals])
    assert width == pytest.approx(np.quantile(fresh, 0.975) - np.quantile(fresh, 0.025), rel=0.25)
    assert covered(intervals, float(np.mean(fresh))) > 0.85
    assert all(i.low < i.value < i.high for i in intervals)


def test_too_few_images_have_no_interval_and_the_text_says_none():
    assert mean_interval([0.5]).text() == "0.5"
    assert half_interval(lambda i, j: 1.0, 3, 9).text() == "1"  # noqa: ARG005
    assert pair_interval([(0, 1)], [0.25]).text() == "0.25"
    assert Interval(0.12345, 0.1, 0.2).text() == "0.1235 (0.1 … 0.2)"
    for values in ([], [np.nan]):
        with pytest.raises(EvaluationError):
            mean_interval(values)


def test_a_seed_fixes_the_interval():
    values = np.arange(20.0)
    assert mean_interval(values, 100, seed=1) == mean_interval(values, 100, seed=1)
    assert mean_interval(values, 100, seed=1) != mean_interval(values, 100, seed=2)
