"""The files of a reader study that a reader sees: the cases, and the answers to them. Needs nothing but Python."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import EvaluationError
from ...base.files import write_text
from ...base.reading import read_json, read_text
from ...base.tables import csv_text

STUDY_FILE, FORM_FILE = "study.json", "form.csv"
FORMAT_VERSION = 1
_CASE = re.compile(r"\w[\w.-]{0,99}")
SLICES = ("centre", "volume")
"""What a reader is shown of a case: a picture of three central slices, or all of it."""
TRUTHS = ("real", "synthetic")
CONFIDENCES = (1, 2, 3, 4, 5)
"""From a guess to certainty."""
COLUMNS = ("case", "answer", "confidence", "seconds")
_MOST_PROBLEMS = 12


@dataclass(frozen=True)
class Study:
    """A finished study folder. id: ties folder, key and answers together. cases: in the order of reading."""

    folder: Path
    id: str
    slices: str
    cases: tuple[str, ...]

    def path(self, case: str) -> Path:
        """The file that a reader looks at."""
        return self.folder / f"{case}{'.png' if self.slices == 'centre' else '.nii'}"


@dataclass(frozen=True)
class Answer:
    """One case's answer: real or synthetic, the confidence in it, and the seconds it took (None: not noted)."""

    case: str
    answer: str
    confidence: int
    seconds: float | None = None


def read_study(folder: str | Path) -> Study:
    """The study that `medddpm reader-study make` made; EvaluationError where there is none, or half of one."""
    folder = Path(folder)
    path = folder / STUDY_FILE
    try:
        values = read_json(path)
        study = Study(folder, str(values["id"]), values["slices"], tuple(map(str, values["cases"])))
        version = values["format_version"]
    except FileNotFoundError as error:
        raise EvaluationError(
            f"There is no reader study in {folder}: it has no {STUDY_FILE}.",
            "Choose the folder that `medddpm reader-study make` wrote; if that was stopped, call it again.",
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EvaluationError(f"{path} cannot be read as a reader study ({error}).", "Copy it again.") from error
    if not all(_CASE.fullmatch(case) for case in study.cases):
        raise EvaluationError(f"{path} names cases that no file can be called.", "Copy it again.")
    if version != FORMAT_VERSION or study.slices not in SLICES or not study.cases:
        raise EvaluationError(f"{path} is of a kind that this version does not know.", "Use a newer version.")
    gone = [case for case in study.cases if not study.path(case).is_file()]
    if gone:
        raise EvaluationError(f"{folder} lacks the files of {_some(gone)}.", "Copy the whole folder again.")
    return study


def write_answers(path: Path, cases: tuple[str, ...], answers: dict[str, Answer]) -> None:
    """Write a form, filled in as far as there are answers, for `medddpm reader-study score` or a spreadsheet."""
    rows = []
    for case in cases:
        given = answers.get(case)
        seconds = "" if given is None or given.seconds is None else f"{given.seconds:.1f}"
        rows.append([case, given.answer, given.confidence, seconds] if given else [case, "", "", ""])
    write_text(path, csv_text(COLUMNS, rows))


def read_answers(path: str | Path, study: Study) -> dict[str, Answer]:
    """A form as filled in by a reader: every case of the study, answered once.

    Columns are separated by commas, semicolons or tabs. EvaluationError names every line that is wrong, half filled in,
    doubled, unknown or missing.
    """
    path = Path(path)
    answers: dict[str, Answer] = {}
    problems: list[str] = []
    seen: Counter[str] = Counter()
    for line, row in _rows(path):
        case = row["case"]
        seen[case] += 1
        if case not in study.cases:
            problems.append(f"line {line}: there is no case {case!r} in this study")
        elif seen[case] == 2:
            problems.append(f"line {line}: {case} is there twice")
        elif seen[case] == 1:
            try:
                answers[case] = answer_from(case, row["answer"], row["confidence"], row["seconds"])
            except ValueError as error:
                problems.append(f"line {line}: {case}: {error}")
    missing = [case for case in study.cases if not seen[case]]
    if missing:
        problems.append(f"missing: {_some(missing)}")
    if problems:
        more = [f"and {len(problems) - _MOST_PROBLEMS} more"] if len(problems) > _MOST_PROBLEMS else []
        raise EvaluationError(
            f"{path} is not a finished answer to this study:\n  " + "\n  ".join(problems[:_MOST_PROBLEMS] + more),
            "\nEvery case needs an answer (real or synthetic) and a confidence (1 to 5): correct the file, try again.",
        )
    return answers


def answer_from(case: str, answer: str, confidence: str, seconds: str) -> Answer:
    """From texts as a person or a program writes them; ValueError says what is wrong."""
    word = answer.strip().lower()
    truth_meant = next((truth for truth in TRUTHS if word in (truth, truth[0])), None)
    if not word and not confidence.strip():
        raise ValueError("it is not filled in")
    if not word:
        raise ValueError("the answer is not filled in")
    if truth_meant is None:
        raise ValueError(f"the answer is {answer.strip()!r}, not real or synthetic")
    if not confidence.strip():
        raise ValueError("the confidence is not filled in")
    if confidence.strip() not in map(str, CONFIDENCES):
        raise ValueError(f"the confidence is {confidence.strip()!r}, not a number from 1 to 5")
    try:
        time = float(seconds.strip().replace(",", ".")) if seconds.strip() else None
    except ValueError:
        time = -1.0
    if time is not None and not 0 <= time < float("inf"):
        raise ValueError(f"the seconds are {seconds.strip()!r}, not a time")
    return Answer(case, truth_meant, int(confidence), time)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a form that hold anything, with their numbers; every column as a text."""
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}.", "Save it as CSV (UTF-8).") from error
    lines = text.splitlines()
    header = lines[0] if lines else ""
    separator = max(",;\t", key=header.count)
    reader = csv.reader(lines, delimiter=separator)
    names = [name.strip().lower() for name in next(reader, [])]
    if not set(COLUMNS[:3]) <= set(names):
        raise EvaluationError(
            f"{path} needs a first line with the columns {', '.join(COLUMNS)}, not {header[:80]!r}.",
            f"Fill in the {FORM_FILE} of the study, or export from the panel in 3D Slicer.",
        )
    rows = []
    for values in reader:
        if any(value.strip() for value in values):
            row = dict(zip(names, values, strict=False))
            rows.append((reader.line_num, {name: row.get(name, "").strip() for name in COLUMNS}))
    return rows


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
