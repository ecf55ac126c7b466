"""Damaged files, kills and company in small numbers, as a part of the test run; `python -m Testing.faults --help` for
all faults."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from Testing.faults.mutations import damaged, damaged_data, damaged_json, damaged_text

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.linux


@pytest.fixture(scope="session")
def rows(tmp_path_factory) -> list[dict]:
    """What was damaged, and what was wrong then."""
    file = tmp_path_factory.mktemp("faults") / "rows.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "Testing.faults", "--only", "fuzz", "kills", "company", "--json", file]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert file.exists(), done.stderr[-3000:]
    return json.loads(file.read_text())


def test_nothing_breaks(rows):
    tried = Counter()
    for row in rows:
        tried[row["room"]] += row["inputs"]
    assert tried["fuzz"] >= 200 and tried["kills"] >= 10 and tried["company"] >= 6
    assert {row["what"]: row["faults"] for row in rows if row["faults"]} == {}


def test_most_damaged_files_are_refused_by_name_and_none_is_taken_for_whole_everywhere(rows):
    inputs = sum(row["inputs"] for row in rows if row["room"] == "fuzz")
    assert 0.4 * inputs < sum(row["refused"] for row in rows) < inputs


def test_damage_is_the_same_for_the_same_seed_and_changes_something():
    data = json.dumps({"a": [1, 2, {"b": "text"}], "c": 0.5}).encode()
    for damage in (damaged, damaged_text, damaged_json):
        drawn = [damage(data, random.Random(seed)) for seed in range(40)]
        assert drawn == [damage(data, random.Random(seed)) for seed in range(40)]
        assert sum(one != data for one in drawn) > 30
    values = {"a": [1, {"b": 2}]}
    assert any(damaged_data(values, random.Random(seed)) != values for seed in range(5)) and values == {
        "a": [1, {"b": 2}]
    }
