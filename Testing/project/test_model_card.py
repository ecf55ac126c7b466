"""The model card's figures are those that were measured, of the weights and the sampler that are bundled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing" / "benchmarks"))


@pytest.fixture(scope="module")
def writer():
    """The script that writes the card's table."""
    import model_card

    return model_card


def test_the_cards_table_is_made_of_the_measured_figures(writer):
    table = writer.table(json.loads(writer.FIGURES.read_text("utf-8")))
    assert table in writer.CARD.read_text("utf-8"), "run: python Testing/benchmarks/model_card.py OUT/report.json"
    assert table.count("\n") == 2 + len(writer.ROWS) and "| model |" in table.splitlines()[0]


def test_the_figures_are_of_the_bundled_weights_and_the_way_they_are_sampled(writer):
    measured = json.loads(writer.FIGURES.read_text("utf-8"))["model"]["model"]
    bundled = json.loads((ROOT / "Resources" / "models" / "default" / "model.json").read_text("utf-8"))
    assert measured["name"] == f"{bundled['name']}-{bundled['weights_sha256'][:10]}"
    assert (measured["sampler"], measured["steps"]) == (bundled["sampler"], bundled["steps"])
