"""The script that measures on a GPU, as far as a computer without one can run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "gpu/targets.py"
START = """
import runpy, sys
for package in ("nibabel", "SimpleITK", "scipy", "matplotlib", "monai", "skimage", "tqdm"):
    sys.modules[package] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_runs_on_torch_numpy_and_safetensors_alone_and_passes_no_target_without_a_gpu(tmp_path):
    given = ["--dry-run", "--only", "matrix_rate,whole_head", "--out", str(tmp_path)]
    subprocess.run([sys.executable, "-c", START, str(SCRIPT), *given], check=True, capture_output=True)
    record = json.loads((tmp_path / "dry-run.json").read_text())
    assert record["failed"] == {}
    assert record["figures"]["whole_head.dpmpp15_s"] > 0
    assert {row["verdict"] for row in record["targets"]} == {"dry run", "not measured"}
    assert "dry run" in (tmp_path / "dry-run.md").read_text()
