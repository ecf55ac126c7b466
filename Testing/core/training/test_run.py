"""Whole runs: stages, configuration, bundle, fine-tuning, kills, and several processes."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from MedDDPMCore.base.errors import ModelError, TrainingError
from MedDDPMCore.models.bundle import load_bundle
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.training.run import differences, train
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import RunOptions

QUICK = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "threads": 1}
PROCESS = Path(__file__).with_name("train_process.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def ignore(entry: dict) -> None:
    """A report that nobody reads."""


def losses(run: Path, stage: int = 0) -> list[float]:
    entries = [json.loads(line) for line in (run / f"stage-{stage}.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == list(range(1, len(entries) + 1))
    return [entry["loss"] for entry in entries]


def with_entry(config: TrainingConfig, **training) -> TrainingConfig:
    values = config.to_dict()
    return TrainingConfig.from_dict({**values, "training": [{**stage, **training} for stage in values["training"]]})


def test_a_model_says_what_the_packed_set_says_of_its_images_and_nothing_of_a_recipe(config, data_folder, tmp_path):
    recipe = config()
    said = {"training_data": "140 heads of others", "licence": "theirs", "notes": "theirs"}
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **said))
    spec = ModelSpec.read(train(recipe, data_folder, tmp_path / "run", RunOptions(**QUICK, stop_after=1), ignore))
    assert spec.training_data == "4 images, 1 more held out: whose they are is not stated."
    assert spec.licence == "not stated" and "theirs" not in spec.notes
    described = json.loads((data_folder / "dataset.json").read_text())
    stated = {"training_data": "my own heads", "licence": "mine", "notes": "Mine."}
    mine = shutil.copytree(data_folder, tmp_path / "mine")
    (mine / "dataset.json").write_text(json.dumps({**described, "about": stated}))
    spec = ModelSpec.read(train(recipe, mine, tmp_path / "own", RunOptions(**QUICK, stop_after=1), ignore))
    assert spec.training_data.endswith("held out: my own heads.") and spec.licence == "mine"
    assert spec.notes.startswith("Mine. Trained for")


def test_all_stages_are_trained_and_the_model_is_written_as_a_bundle(config, data_folder, tmp_path):
    run = tmp_path / "run"
    reported = []
    folder = train(config("two", steps=2), data_folder, run, RunOptions(**QUICK), reported.append)
    assert folder == run / "model" and [(e["stage"], e["step"]) for e in reported] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    spec, networks = load_bundle(folder)
    assert spec.name == "tiny" and "2 + 2 steps" in spec.notes and spec.intensity.startswith("air")
    for index, (stage, network) in enumerate(zip(spec.stages, networks, strict=True)):
        assert len(stage.domain.std) == stage.domain.x_channels
        trained = load_checkpoint(run / f"stage-{index}.pt")["ema"]
        for name, value in network.state_dict().items():
            assert torch.allclose(value, trained[name], atol=1e-3)
    stored = TrainingConfig.read(run / "config.json")
    assert stored.stages == config("two", steps=2).stages and stored.model.stages == spec.stages


def test_a_model_that_names_no_intensities_has_those_of_its_set_and_then_takes_no_others(config, data_folder, tmp_path):
    other = shutil.copytree(data_folder, tmp_path / "other")
    described = json.loads((other / "dataset.json").read_text())
    (other / "dataset.json").write_text(json.dumps({**described, "intensity": "per_slice"}))
    first = train(config(), other, tmp_path / "run", RunOptions(**QUICK, stop_after=1), ignore)
    assert (ModelSpec.read(first).convention, ModelSpec.read(first).intensity[:10]) == ("per_slice", "each slice")
    with pytest.raises(TrainingError, match="intensities robust where the model has per_slice"):
        train(config(), data_folder, tmp_path / "second", RunOptions(**QUICK), ignore, start_from=first)


def test_one_stage_can_be_trained_alone_and_the_bundle_waits_for_the_others(config, data_folder, tmp_path):
    made = config("two", steps=1)
    assert train(made, data_folder, tmp_path / "run", RunOptions(**QUICK), ignore, stage=1) is None
    assert not (tmp_path / "run" / "stage-0.pt").exists()
    assert train(made, data_folder, tmp_path / "run", RunOptions(**QUICK), ignore, stage=0) is not None
    with pytest.raises(TrainingError, match="no stage 2"):
        train(made, data_folder, tmp_path / "run", RunOptions(**QUICK), ignore, stage=2)


def test_a_run_folder_of_another_configuration_is_refused_saying_what_differs(config, data_folder, tmp_path):
    made = config(steps=2)
    train(made, data_folder, tmp_path, RunOptions(**QUICK, stop_after=1), ignore)
    other = TrainingConfig.from_dict({**made.to_dict(), "seed": 4})
    with pytest.raises(TrainingError, match="seed was 3 and is now 4"):
        train(other, data_folder, tmp_path, RunOptions(**QUICK), ignore)
    with pytest.raises(TrainingError, match=r"training\[0\]\.loss was 'l2' and is now 'l1'"):
        train(with_entry(made, loss="l1"), data_folder, tmp_path, RunOptions(**QUICK), ignore)
    with pytest.warns(UserWarning, match=r"training\[0\]\.steps was 2 and is now 3"):
        train(with_entry(made, steps=3, learning_rate=1e-3), data_folder, tmp_path, RunOptions(**QUICK), ignore)
    assert len(losses(tmp_path)) == 3


def test_differences_name_each_entry():
    before, now = {"a": [1, {"b": 2}], "c": 1}, {"a": [1, {"b": 3}], "d": 1}
    assert differences(before, now) == {"a[1].b": (2, 3), "c": (1, None), "d": (None, 1)}
    assert differences({"a": [1]}, {"a": [1, 2]}) == {"a": ([1], [1, 2])}


def test_fine_tuning_starts_from_a_bundle_and_keeps_its_band_statistics(config, data_folder, tmp_path):
    first = train(config(steps=3, learning_rate=3e-3), data_folder, tmp_path / "first", RunOptions(**QUICK), ignore)
    spec, networks = load_bundle(first)
    made = config(steps=2, learning_rate=1e-12, warmup=0)
    run = tmp_path / "second"
    second = train(made, data_folder, run, RunOptions(**QUICK, stop_after=1), ignore, start_from=first)
    tuned_spec, tuned = load_bundle(second)
    assert tuned_spec.stages == spec.stages and "Fine-tuned from tiny" in tuned_spec.notes
    assert tuned_spec.training_data == f"{spec.training_data} Then fine-tuned on {spec.training_data}"
    for name, value in tuned[0].state_dict().items():
        assert torch.allclose(value, networks[0].state_dict()[name], atol=1e-3)
    with pytest.warns(UserWarning, match="now 1e-09"):
        train(with_entry(made, learning_rate=1e-9), data_folder, run, RunOptions(**QUICK), ignore)
    assert load_checkpoint(run / "stage-0.pt")["step"] == 2


def test_fine_tuning_from_what_is_not_there_or_has_other_stages_is_refused(config, data_folder, tmp_path):
    with pytest.raises(ModelError, match="There is no model 'nothing'"):
        train(config(), data_folder, tmp_path / "run", RunOptions(**QUICK), ignore, start_from="nothing")
    first = train(config(steps=1), data_folder, tmp_path / "first", RunOptions(**QUICK), ignore)
    with pytest.raises(
        TrainingError, match="tiny has 1 stages, and the configuration trains 2.*Give a configuration with 1"
    ):
        train(config("two"), data_folder, tmp_path / "run", RunOptions(**QUICK), ignore, start_from=first)


def test_a_run_killed_at_random_moments_has_the_losses_of_one_left_alone(config, data_folder, tmp_path):
    made = config("two", steps=15)
    path, run = tmp_path / "config.json", tmp_path / "killed"
    path.write_text(json.dumps(made.to_dict()))
    moments = random.Random(5)
    for stage in (0, 1):
        with subprocess.Popen([sys.executable, PROCESS, path, data_folder, run], env=ENVIRONMENT) as process:
            log = run / f"stage-{stage}.jsonl"
            seen = len(log.read_text().splitlines()) if log.exists() else 0
            deadline = time.monotonic() + 600
            while process.poll() is None and time.monotonic() < deadline:
                if log.exists() and len(log.read_text().splitlines()) > seen + 1:
                    time.sleep(moments.uniform(0, 0.3))
                    break
                time.sleep(0.01)
            process.kill()
    train(made, data_folder, run, RunOptions(**QUICK), ignore)
    train(made, data_folder, tmp_path / "whole", RunOptions(**QUICK), ignore)
    for stage in (0, 1):
        assert losses(run, stage) == losses(tmp_path / "whole", stage)


@pytest.mark.posix
def test_a_process_that_is_interrupted_ends_with_an_error_and_a_checkpoint(config, data_folder, tmp_path):
    path, run = tmp_path / "config.json", tmp_path / "run"
    path.write_text(json.dumps(config(steps=100000).to_dict()))
    with subprocess.Popen(
        [sys.executable, PROCESS, path, data_folder, run], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 600
        while not (run / "stage-0.pt").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=600)
    assert process.returncode != 0 and "its state is saved" in error
    assert load_checkpoint(run / "stage-0.pt")["step"] == len(losses(run))


def test_two_processes_train_as_one_with_the_same_batch_and_resume(config, data_folder, tmp_path):
    made = config(steps=4, batch_size=3)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(made.to_dict()))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run(
        [*command, PROCESS, path, data_folder, tmp_path / "two", "2"], env=ENVIRONMENT, check=True, timeout=1800
    )
    train(made, data_folder, tmp_path / "one", RunOptions(**QUICK), ignore)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=2e-5)
    one, two = (load_checkpoint(tmp_path / name / "stage-0.pt")["network"] for name in ("one", "two"))
    assert all(torch.allclose(one[key], two[key], atol=1e-4) for key in one)
    assert (tmp_path / "two" / "model" / "model.json").is_file()
