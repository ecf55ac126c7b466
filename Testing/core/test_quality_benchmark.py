"""The quality report's command, on a tiny set and an untrained model: it ends with a whole report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from small_models import write_model
from small_training import write_data

from MedDDPMCore.diffusion.names import SAMPLERS
from MedDDPMCore.volumes.grid import ModelGrid

ROOT = Path(__file__).resolve().parents[2]
GRID = ModelGrid((32, 32, 32), (6.0, 6.0, 6.0))


def test_the_quality_report_holds_every_set(tmp_path):
    data, model = write_data(tmp_path / "packed", 6, GRID), write_model(tmp_path / "model", grid=GRID)
    described = json.loads((data / "dataset.json").read_text("utf-8"))
    described["cases"][0]["split"] = "validation"
    (data / "dataset.json").write_text(json.dumps(described), "utf-8")
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "Testing" / "benchmarks" / "quality.py"), str(data), str(out)]
    command += ["--model", str(model), "--samples", "2", "--step-cases", "1", "--judge-steps", "2", "--steps", "2", "3"]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert list(report["sets"]) == ["these real heads", "model", "other real heads", "mean head", "nearest head"]
    model_row = report["sets"]["model"]
    assert {"head mask Dice", "tumour over surroundings", "judge's Dice", "MMD", "Fréchet distance"} <= set(model_row)
    assert report["sets"]["these real heads"]["head mask Dice"]["value"] > 0.8
    assert {"generated", "held-out real", "held-out real, as smooth"} <= set(report["privacy"])
    tried, again = report["steps"][:-2], report["steps"][-2:]
    assert [row["steps"] for row in tried] == [2, 3] * len(SAMPLERS) and {row["seeds from"] for row in tried} == {0}
    assert [row["seeds from"] for row in again] == [100, 200] and len({row["sampler"] for row in again}) == 1
    assert all(-1 <= row["likeness"] <= 1 for row in report["steps"])
    assert report["diversity"]["standard deviation, head"] > 0 and report["lesions"] and "public" not in report
    text = (out / "report.md").read_text("utf-8")
    assert "## Steps and samplers" in text and "mean head" in text
    assert {path.name for path in out.glob("*.png")} == {"closest.png", "comparison.png", "one_mask.png"}
