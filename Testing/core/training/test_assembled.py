"""Resources/training/assembled.py: stages of several runs in one model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from MedDDPMCore.models.bundle import load_bundle
from MedDDPMCore.training.run import train
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.train import RunOptions

SCRIPT = Path(__file__).parents[3] / "Resources" / "training" / "assembled.py"


def test_the_stage_of_another_run_takes_its_place_in_the_model_and_in_the_log(config, data_folder, tmp_path):
    options = RunOptions(device="cpu", validate_every=1000, sample_every=1000, threads=1)
    model = train(config("two", steps=2), data_folder, tmp_path / "first", options, lambda _: None)
    line = {"stage": 1, "step": 10, "loss": 1.0}
    (model / "training-log.jsonl").write_text(json.dumps(line) + "\n")
    train(config("two", steps=4), data_folder, tmp_path / "second", options, lambda _: None, stage=1)
    out = tmp_path / "out"
    command = [sys.executable, SCRIPT, model, out, "--stage", "1", tmp_path / "second", "--sampler", "dpmpp_2m_sde"]
    subprocess.run([str(part) for part in command], check=True, timeout=300)
    spec, networks = load_bundle(out)
    assert spec.sampler == "dpmpp_2m_sde" and spec.weight_format == "int8"
    for index, run in enumerate(("first", "second")):
        trained = load_checkpoint(tmp_path / run / f"stage-{index}.pt")["ema"]
        for name, value in networks[index].state_dict().items():
            assert torch.allclose(value, trained[name], atol=float(trained[name].abs().max()) / 200 + 1e-6)
    before, after = [json.loads(text) for text in (out / "training-log.jsonl").read_text().splitlines()]
    assert before == line and (after["step"], "validation_loss" in after) == (4, True)
