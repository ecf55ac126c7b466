"""Proportions, kappas and areas against published worked examples and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from MedDDPMCore.evaluation.metrics.agreement import area_under_curve, by_cases, cohen_kappa, fleiss_kappa, wilson


@pytest.mark.parametrize(
    "successes, total, low, high",
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_score_intervals_are_newcombes_of_1998(successes, total, low, high):
    interval = wilson(successes, total)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize("successes, total", [(0, 1), (3, 7), (50, 50), (17, 40)])
def test_score_intervals_are_scipys(successes, total):
    given = stats.binomtest(successes, total).proportion_ci(method="wilson")
    interval = wilson(successes, total)
    assert (interval.low, interval.high) == (pytest.approx(given.low), pytest.approx(given.high))


def test_a_proportion_of_nothing_is_not_a_number():
    assert np.isnan(wilson(0, 0).value)


def test_cohens_kappa_of_two_readers_is_that_of_the_worked_example():
    """50 proposals: both yes 20, both no 15, first alone yes 5, second alone yes 10: observed 0.7, by chance 0.5."""
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_fleiss_kappa_of_fourteen_readers_is_that_of_the_worked_example():
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)


def test_kappa_is_not_a_number_where_there_is_one_answer_only():
    assert np.isnan(cohen_kappa(np.ones(4), np.ones(4)))
    assert np.isnan(fleiss_kappa(np.array([[0, 3], [0, 3]])))


def test_kappa_of_opposite_readers_is_minus_one():
    assert cohen_kappa(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])) == pytest.approx(-1)


def test_the_area_under_the_curve_is_hanleys_and_mcneils_of_1982():
    """109 CT images in five ratings: 58 normal, 51 abnormal."""
    normal, abnormal = (np.repeat([1, 2, 3, 4, 5], n) for n in ([33, 6, 6, 11, 2], [3, 2, 2, 11, 33]))
    assert area_under_curve(abnormal, normal) == pytest.approx(0.893, abs=5e-4)


def test_the_area_is_mann_whitneys():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, 40), rng.integers(0, 5, 30)
    assert area_under_curve(a, b) == pytest.approx(stats.mannwhitneyu(a, b).statistic / (40 * 30))


def test_the_interval_over_cases_covers_as_often_as_it_says():
    """A mean of 30 normal values: the percentile interval holds the truth in 88 to 99 of 100 trials."""
    inside = 0
    for trial in range(100):
        values = np.random.default_rng(trial).normal(0, 1, 30)
        interval = by_cases(lambda n, v=values: float(v[n].mean()), 30, seed=trial, draws=300)
        inside += interval.low <= 0 <= interval.high
    assert 88 <= inside <= 99


def test_the_interval_over_cases_is_the_same_each_time():
    values = np.arange(10.0)
    assert by_cases(lambda n: values[n].mean(), 10) == by_cases(lambda n: values[n].mean(), 10)
