"""What a reader study's answers say: could the readers tell synthetic from real?

Synthetic is the positive finding: sensitivity is the share of synthetic cases called synthetic, specificity the share
of real ones called real. Intervals are of 95 %: Wilson's for proportions, over cases drawn with replacement for AUC and
kappa. Answers of several readers to one case are not independent: proportions of all readers together have the hull of
both intervals.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...base.errors import EvaluationError
from ...base.tables import csv_text
from ..metrics.agreement import area_under_curve, by_cases, cohen_kappa, fleiss_kappa, wilson
from ..metrics.bootstrap import Interval
from .files import Study, read_answers

ALL = "all readers"
FIGURES = ("accuracy", "sensitivity", "specificity", "AUC")


@dataclass(frozen=True)
class Reading:
    """One reader's answers in the study's order of cases: called synthetic (n,) bool, confidence (n,) 1..5, seconds
    (n,), not a number where not noted."""

    reader: str
    called: np.ndarray
    confidence: np.ndarray
    seconds: np.ndarray

    @property
    def rating(self) -> np.ndarray:
        """From surely real (-5) to surely synthetic (5)."""
        return np.where(self.called, self.confidence, -self.confidence)


@dataclass(frozen=True)
class ReaderScores:
    """figures: reader (or ALL) -> figure -> interval. kappas: which readers -> interval. seconds: reader (or ALL) ->
    (median, 25th and 75th percentile), for those who noted it."""

    cases: int
    synthetic: int
    figures: dict[str, dict[str, Interval]]
    kappas: dict[str, Interval]
    seconds: dict[str, tuple[float, float, float]]

    @property
    def verdict(self) -> str:
        """What the scores say, in one sentence."""
        pooled = self.figures.get(ALL) or next(iter(self.figures.values()))
        accuracy = pooled["accuracy"]
        share = (
            f"{100 * accuracy.value:.0f} % right (95 % interval {100 * accuracy.low:.0f} to {100 * accuracy.high:.0f} %"
        )
        if accuracy.low > 0.5:
            return f"The readers told synthetic from real better than by chance: {share})."
        if accuracy.high < 0.5:
            return f"The readers took synthetic for real and real for synthetic more often than by chance: {share})."
        return (
            f"These answers do not show that the readers could tell synthetic from real: {share}, which holds 50 %). "
            "That is no proof that nobody can: it depends on the number of cases and on the readers."
        )


def read_readings(paths: Sequence[str | Path], study: Study) -> list[Reading]:
    """Each file's answers; the reader is called as the file is. EvaluationError for any that cannot be scored."""
    readings: list[Reading] = []
    for path in map(Path, paths):
        answers = read_answers(path, study)
        ordered = [answers[case] for case in study.cases]
        name = path.stem.removeprefix("answers-")
        if name in [reading.reader for reading in readings]:
            raise EvaluationError(f"Two files are of the reader {name!r}.", "Name them answers-<reader>.csv.")
        readings.append(
            Reading(
                name,
                np.array([answer.answer == "synthetic" for answer in ordered]),
                np.array([answer.confidence for answer in ordered]),
                np.array([np.nan if answer.seconds is None else answer.seconds for answer in ordered]),
            )
        )
    return readings


def score(readings: Sequence[Reading], synthetic: np.ndarray, seed: int = 0) -> ReaderScores:
    """All figures. synthetic: (n,) bool, the truth in the order of the readings' cases."""
    if not readings:
        raise EvaluationError("There are no answers to score.")
    figures = {reading.reader: _figures(reading, synthetic, seed) for reading in readings}
    times = {reading.reader: reading.seconds for reading in readings}
    kappas = {}
    called = np.array([reading.called for reading in readings])
    if len(readings) > 1:
        figures[ALL] = _pooled(readings, synthetic, seed)
        times[ALL] = np.concatenate([reading.seconds for reading in readings])
        for i, j in itertools.combinations(range(len(readings)), 2):
            pair = f"{readings[i].reader} and {readings[j].reader} (Cohen)"
            kappas[pair] = by_cases(partial(_agreement, called[i], called[j]), len(synthetic), seed)
    if len(readings) > 2:
        votes = np.stack([(~called).sum(axis=0), called.sum(axis=0)], axis=1)
        kappas[f"{ALL} (Fleiss)"] = by_cases(lambda n: fleiss_kappa(votes[n]), len(synthetic), seed)
    noted = {name: seconds[np.isfinite(seconds)] for name, seconds in times.items()}
    seconds = {name: tuple(np.percentile(values, (50, 25, 75))) for name, values in noted.items() if len(values)}
    return ReaderScores(len(synthetic), int(synthetic.sum()), figures, kappas, seconds)


def _figures(reading: Reading, synthetic: np.ndarray, seed: int) -> dict[str, Interval]:
    right = reading.called == synthetic
    area = by_cases(lambda n: _area(reading.rating[n], synthetic[n]), len(synthetic), seed)
    parts = (right, right[synthetic], right[~synthetic])
    return dict(zip(FIGURES, [*(wilson(int(part.sum()), len(part)) for part in parts), area], strict=True))


def _pooled(readings: Sequence[Reading], synthetic: np.ndarray, seed: int) -> dict[str, Interval]:
    """Every reader's answers together, with intervals over cases."""
    right = np.array([reading.called == synthetic for reading in readings])
    ratings = np.array([reading.rating for reading in readings])
    share = right.mean(axis=0)
    result = {}
    for name, kind in zip(FIGURES, (np.ones(len(synthetic), bool), synthetic, ~synthetic), strict=False):
        binomial = wilson(int(right[:, kind].sum()), int(right[:, kind].size))
        drawn = by_cases(partial(_mean_of, share[kind]), int(kind.sum()), seed)
        result[name] = Interval(binomial.value, min(binomial.low, drawn.low), max(binomial.high, drawn.high))
    result["AUC"] = by_cases(
        lambda n: _area(ratings[:, n].ravel(), np.tile(synthetic[n], len(readings))), len(synthetic), seed
    )
    return result


def _agreement(first: np.ndarray, second: np.ndarray, cases: np.ndarray) -> float:
    return cohen_kappa(first[cases], second[cases])


def _mean_of(shares: np.ndarray, cases: np.ndarray) -> float:
    return float(shares[cases].mean())


def _area(rating: np.ndarray, synthetic: np.ndarray) -> float:
    return area_under_curve(rating[synthetic], rating[~synthetic])


def markdown(scores: ReaderScores) -> str:
    """The scores as a page."""
    lines = [
        "# Reader study",
        "",
        f"{scores.cases} cases, {scores.synthetic} of them synthetic. {scores.verdict}",
        "",
        "| reader | " + " | ".join(FIGURES) + " | seconds a case |",
        "| --- |" + " --- |" * (len(FIGURES) + 1),
    ]
    for reader, figures in scores.figures.items():
        time = scores.seconds.get(reader)
        noted = f"{time[0]:.1f} ({time[1]:.1f} … {time[2]:.1f})" if time else "not noted"
        lines.append(" | ".join([f"| {reader}", *(figures[name].text(3) for name in FIGURES), noted]) + " |")
    lines += [
        "",
        "Synthetic is the positive finding. In brackets: 95 % intervals (Wilson for proportions, over cases drawn with",
        "replacement for AUC and kappa, the hull of both for all readers' proportions); seconds: median and quartiles.",
    ]
    if scores.kappas:
        lines += ["", "| agreement between readers | kappa |", "| --- | --- |"]
        lines += [f"| {who} | {kappa.text(3)} |" for who, kappa in scores.kappas.items()]
        if any(not np.isfinite(kappa.value) for kappa in scores.kappas.values()):
            lines += [
                "",
                "nan: the readers gave one answer to every case, so that agreement beyond chance has no meaning.",
            ]
    return "\n".join([*lines, ""])


def table(scores: ReaderScores) -> str:
    """The scores as CSV: reader, figure, value, low, high."""
    rows = [
        (who, name, i.value, i.low, i.high) for who, figures in scores.figures.items() for name, i in figures.items()
    ]
    rows += [(who, "kappa", i.value, i.low, i.high) for who, i in scores.kappas.items()]
    rows += [(who, "seconds", *time) for who, time in scores.seconds.items()]
    cells = [[who, name, *(f"{value:.6g}" for value in values)] for who, name, *values in rows]
    return csv_text(("reader", "figure", "value", "low", "high"), cells)
