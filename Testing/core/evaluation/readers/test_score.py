"""Answers as readers hand them in, good and bad, and the scores they get."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.cli import main
from MedDDPMCore.evaluation.metrics.agreement import wilson
from MedDDPMCore.evaluation.readers.files import read_answers, read_study
from MedDDPMCore.evaluation.readers.score import ALL, markdown, read_readings, score, table

TRUTH = "rsrssrrs"
CASES = [f"case-00{n}" for n in range(1, 9)]


@pytest.fixture
def study(tmp_path):
    """A study of eight cases, as `make` leaves it."""
    folder = tmp_path / "study"
    folder.mkdir()
    for case in CASES:
        (folder / f"{case}.nii").write_bytes(b"")
    words = {"r": "real", "s": "synthetic"}
    study = {"format_version": 1, "id": "abc", "slices": "volume", "cases": CASES}
    (folder / "study.json").write_text(json.dumps(study))
    order = [[words[letter], f"/data/{n}.nii.gz"] for n, letter in enumerate(TRUTH)]
    (tmp_path / "study-key.json").write_text(json.dumps({"id": "abc", "seed": 3, "order": order}))
    return read_study(folder)


def answers(study, name: str, called: str, confidence="33333333", seconds="5", separator=",") -> str:
    path = study.folder.parent / f"answers-{name}.csv"
    lines = [separator.join(("case", "answer", "confidence", "seconds"))]
    lines += [separator.join(row) for row in zip(CASES, called, confidence, [seconds] * 8, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def scored(study, *paths):
    return score(read_readings(paths, study), np.array([letter == "s" for letter in TRUTH]))


def test_one_readers_figures_are_counted(study):
    figures = scored(study, answers(study, "ann", "rsrsrrss")).figures["ann"]
    assert figures["accuracy"] == wilson(6, 8)
    assert figures["sensitivity"] == wilson(3, 4) and figures["specificity"] == wilson(3, 4)


def test_confidence_makes_the_area(study):
    """All synthetic are rated above all real, though half are called real."""
    surely = answers(study, "ann", "rrrrrrrr", "51511551")
    found = scored(study, surely).figures["ann"]
    assert found["AUC"].value == 1.0 and found["accuracy"].value == 0.5 and found["sensitivity"].value == 0
    guess = answers(study, "bob", "rrrrrrrr")
    assert scored(study, guess).figures["bob"]["AUC"].value == 0.5


def test_readers_are_pooled_and_compared(study):
    paths = [answers(study, "ann", TRUTH), answers(study, "bob", TRUTH), answers(study, "eve", "srsrrssr")]
    result = scored(study, *paths)
    assert result.figures[ALL]["accuracy"].value == pytest.approx(2 / 3)
    assert result.kappas["ann and bob (Cohen)"].value == 1.0
    assert result.kappas["ann and eve (Cohen)"].value == -1.0
    assert result.kappas[f"{ALL} (Fleiss)"].value == pytest.approx(-1 / 3)
    single = wilson(8, 8)
    assert result.figures["ann"]["accuracy"] == single
    pooled = result.figures[ALL]["accuracy"]
    assert pooled.low <= wilson(16, 24).low and pooled.high >= wilson(16, 24).high


def test_time_a_case_is_told_where_it_was_noted(study):
    result = scored(
        study, answers(study, "ann", TRUTH, seconds="7,5", separator=";"), answers(study, "bob", TRUTH, seconds="")
    )
    assert result.seconds["ann"] == (7.5, 7.5, 7.5) and "bob" not in result.seconds
    assert "not noted" in markdown(result)


@pytest.mark.parametrize(
    "called, words",
    [(TRUTH, "better than by chance"), ("srsrrssr", "more often than by chance"), ("rsrsrssr", "holds 50 %")],
)
def test_the_verdict_follows_the_interval(study, called, words):
    assert words in scored(study, answers(study, "ann", called)).verdict


def test_words_separators_and_a_byte_order_mark_are_understood(study):
    path = study.folder.parent / "answers-ann.csv"
    rows = [f"{case};{'Real' if letter == 'r' else 'SYNTHETIC'};3;" for case, letter in zip(CASES, TRUTH, strict=True)]
    path.write_text(
        "\ufeffCase;Answer;Confidence;Seconds;Remark\r\n" + "\r\n".join(rows) + "\r\n;;;\r\n", encoding="utf-8"
    )
    assert scored(study, path).figures["ann"]["accuracy"].value == 1.0


def spoiled(study, change) -> str:
    path = answers(study, "ann", TRUTH)
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda rows: rows.pop(3), "missing: case-003"),
        (lambda rows: rows.append(rows[2]), "case-002 is there twice"),
        (lambda rows: rows[4].__setitem__(0, "case-044"), "no case 'case-044'.*missing: case-004"),
        (lambda rows: rows[1].__setitem__(slice(1, 4), ["", "", ""]), "line 2: case-001: it is not filled in"),
        (lambda rows: rows[1].__setitem__(2, ""), "the confidence is not filled in"),
        (lambda rows: rows[1].__setitem__(1, ""), "the answer is not filled in"),
        (lambda rows: rows[1].__setitem__(1, "maybe"), "the answer is 'maybe', not real or synthetic"),
        (lambda rows: rows[1].__setitem__(2, "6"), "'6', not a number from 1 to 5"),
        (lambda rows: rows[1].__setitem__(3, "-4"), "not a time"),
        (lambda rows: rows[1].__setitem__(3, "nan"), "not a time"),
        (lambda rows: rows.__setitem__(0, ["a", "b", "c", "d"]), "needs a first line with the columns case, answer"),
        (lambda rows: rows.clear(), "needs a first line"),
    ],
)
def test_bad_answers_are_explained(study, change, words):
    with pytest.raises(EvaluationError, match=f"(?s){words}"):
        read_answers(spoiled(study, change), study)


def test_two_files_of_one_reader_are_refused(study):
    (study.folder.parent / "old").mkdir()
    first = answers(study, "ann", TRUTH)
    second = study.folder.parent / "old" / "answers-ann.csv"
    shutil.copy(first, second)
    with pytest.raises(EvaluationError, match="reader 'ann'"):
        read_readings([first, second], study)


def test_a_folder_that_lost_a_case_is_refused(study):
    study.path("case-005").unlink()
    with pytest.raises(EvaluationError, match="case-005"):
        read_study(study.folder)


def test_the_table_holds_every_figure(study):
    result = scored(study, answers(study, "ann", TRUTH), answers(study, "bob", "rsrsrrss"))
    rows = list(csv.DictReader(table(result).splitlines()))
    assert {(row["reader"], row["figure"]) for row in rows} >= {("ann", "AUC"), (ALL, "accuracy"), ("bob", "seconds")}


def test_the_command_line_scores_and_writes_nothing_over(study, tmp_path, capsys):
    arguments = [
        "reader-study",
        "score",
        str(study.folder),
        answers(study, "ann", TRUTH),
        "--report",
        str(tmp_path / "r"),
    ]
    assert main(arguments) == 0
    assert "| ann | 1 (0.676 … 1)" in capsys.readouterr().out
    assert (tmp_path / "r" / "scores.csv").read_text().startswith("reader,figure")
    assert main(arguments) == 1
    assert "not empty" in capsys.readouterr().err
