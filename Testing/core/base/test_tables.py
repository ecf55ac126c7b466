"""Tables that a spreadsheet opens."""

import csv
import io
from pathlib import Path

import pytest

from MedDDPMCore.base.tables import csv_text

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_what_a_spreadsheet_would_compute_is_text(start, separator):
    evil = f'{start}HYPERLINK("http://example.org";"x")'
    [head, row] = csv.reader(io.StringIO(csv_text([evil], [[evil]], separator), newline=""), delimiter=separator)
    assert head == row == [f"'{evil}"]


def test_numbers_stay_as_they_are_also_as_text():
    assert csv_text(["a"], [[-1], [-1.5], ["-0.25"], ["+1e-3"], ["-inf"]]) == "a\n-1\n-1.5\n-0.25\n+1e-3\n-inf\n"


def test_what_is_not_known_is_empty():
    assert csv_text(["a", "b"], [[None, float("nan")]]) == "a,b\n,\n"


def test_every_table_of_the_core_is_written_by_the_one_writer():
    words = ("csv.writer", "csv.DictWriter", '"\\t".join')
    sources = sorted((ROOT / "MedDDPMCore").rglob("*.py"))
    found = [path.name for path in sources if any(word in path.read_text(encoding="utf-8") for word in words)]
    assert found == ["tables.py"]
