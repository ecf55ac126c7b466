"""Small counts of every fault, as a part of the test run; see `python -m Testing.faults --help` for large ones."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.faults.mutations import damaged, damaged_data, damaged_json, damaged_text

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (("fuzz", "company"), ("kills", "scarce"))
"""Those of a pair one after the other, the pairs beside each other."""

pytestmark = pytest.mark.linux


@pytest.fixture(scope="session")
def rows(tmp_path_factory) -> dict[str, list[dict]]:
    """Room -> what was done there, and what was wrong."""
    folder = tmp_path_factory.mktemp("faults")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    begun = []
    for rooms in ROOMS:
        command = [sys.executable, "-m", "Testing.faults", "--json", folder / f"{rooms[0]}.json", "--only", *rooms]
        log = open(folder / f"{rooms[0]}.log", "wb")  # noqa: SIM115
        begun.append((subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log), log))
    found: dict[str, list[dict]] = {}
    for (process, log), rooms in zip(begun, ROOMS, strict=True):
        process.wait()
        log.close()
        file = folder / f"{rooms[0]}.json"
        assert file.exists(), Path(log.name).read_text()[-3000:]
        for row in json.loads(file.read_text()):
            found.setdefault(row["room"], []).append(row)
    return found


@pytest.mark.parametrize("room", [name for rooms in ROOMS for name in rooms])
def test_nothing_breaks(rows, room):
    assert sum(row["inputs"] for row in rows[room]) >= 4
    assert {row["what"]: row["faults"] for row in rows[room] if row["faults"]} == {}


def test_most_damaged_files_are_refused_by_name_and_none_is_taken_for_whole_everywhere(rows):
    inputs = sum(row["inputs"] for row in rows["fuzz"])
    assert 0.4 * inputs < sum(row["refused"] for row in rows["fuzz"]) < inputs


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
