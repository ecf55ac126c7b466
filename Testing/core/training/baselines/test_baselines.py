"""Pix2Pix and DiscoGAN: trained, resumed, stored, refused and sampled through the doors of every model."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import phantoms
import pytest
import torch

from MedDDPMCore.base.errors import ModelError, TrainingError
from MedDDPMCore.cli import main
from MedDDPMCore.models.bundle import load_bundle, save_bundle
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.training.baselines.adversarial_run import IMAGE_WEIGHT, as_baseline
from MedDDPMCore.training.data.augment import Augmentation
from MedDDPMCore.training.run import train
from MedDDPMCore.training.stages.checkpoint import load_checkpoint
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import BASELINES, RunOptions, checkpoint_path
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD

KINDS = ("pix2pix", "discogan")
CPU = torch.device("cpu")
QUICK = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "threads": 1}
GRID = ModelGrid((16, 16, 16), (8.0, 8.0, 8.0))
NETWORK = {"base_channels": 8, "channel_multipliers": [1, 2], "groups": 4}
PROCESS = Path(__file__).parents[1] / "train_process.py"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def values(kind: str, scheme=WHOLE_HEAD, modalities=("T1",), **training) -> dict:
    domain = {"kind": "voxels", "channels": len(modalities)}
    model = {
        "format_version": 1, "name": f"tiny {kind}", "kind": kind, "labels": scheme.to_dict(), "grid": GRID.to_dict(),
        "modalities": list(modalities), "sampler": "ddim", "steps": 1,
        "stages": [{"domain": domain, "prediction": "x0", "timesteps": 1, "network": NETWORK}],
    }  # fmt: skip
    stage = {"steps": 4, "batch_size": 2, "warmup": 0, "schedule": "constant", "precision": "float32", **training}
    return json.loads(json.dumps({"seed": 3, "model": model, "training": [stage]}))


def config(kind: str, **changes) -> TrainingConfig:
    return TrainingConfig.from_dict(values(kind, **changes))


def one_case(scheme=WHOLE_HEAD, modalities: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """A ball with a brighter ball inside, and its label channels."""
    mask = phantoms.head(phantoms.box((8.0, 8.0, 8.0), (128, 128, 128)), radius=20, semi_axes=(50, 50, 50)).array
    mask = mask if scheme is WHOLE_HEAD else np.where(mask == 1, 4, np.where(mask == 2, 3, 0))
    image = torch.tensor([-1.0, 0.2, 0.8])[torch.from_numpy((mask > 0) + (mask == mask[8, 8, 9]).astype(int))]
    labels = torch.from_numpy(scheme.to_condition(mask.astype(np.uint8)))
    return image.expand(1, modalities, -1, -1, -1), labels[None]


def generators(seed: int, count: int = 1) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed + k) for k in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_case_is_learnt_by_heart(kind):
    made = config(kind, batch_size=1, learning_rate=2e-3)
    run = BASELINES[kind](made.model, 0, made.stages[0], 3, CPU)
    images, labels = one_case()
    for step in range(80):
        run.train_step(images, labels, generators(step))
    z = torch.randn(images.shape, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        found = run.ema(torch.cat([z, labels], dim=1), torch.zeros(1))
    assert float((found - images).abs().mean()) < 0.16
    assert float((found - images.mean()).abs().mean()) > 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_loss_is_the_sum_of_the_papers_terms(kind):
    made = config(kind, batch_size=1)
    run = BASELINES[kind](made.model, 0, made.stages[0], 3, CPU)
    images, labels = one_case()
    z = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(0))[None]
    with torch.no_grad():
        out = run.make(images, labels, z)
    errors = {
        "pix2pix": [(out["image"] - images).abs().mean(), (out["image"] - images).square().mean()],
        "discogan": [
            (out["image"] - images).abs().mean(),
            (out.get("mask", labels) - labels).abs().mean(),
            (out.get("image again", images) - images).square().mean(),
            (out.get("mask again", labels) - labels).square().mean(),
        ],
    }[kind]
    adversaries = 1 if kind == "pix2pix" else 2
    expected = IMAGE_WEIGHT * float(sum(errors))
    found = run.train_step(images, labels, generators(0))
    assert 0.2 * adversaries < found - expected < 1.6 * adversaries


@pytest.mark.parametrize("kind", KINDS)
def test_each_optimiser_moves_its_own_networks_alone(kind):
    made = config(kind, batch_size=1)
    run = BASELINES[kind](made.model, 0, made.stages[0], 3, CPU)
    images, labels = one_case()
    before = [p.clone() for p in run.discriminators.parameters()]
    made_images = run.make(images, labels, torch.zeros_like(images))
    run.discriminators.requires_grad_(False)
    run._update(run.optimizers[0], run.generators, sum(run.generator_losses(images, labels, made_images)))
    assert all(torch.equal(old, new) for old, new in zip(before, run.discriminators.parameters(), strict=True))
    assert all(p.grad is not None for p in run.generators.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_the_brats_scheme_with_four_modalities_trains_too(kind):
    modalities = ("t1", "t1ce", "t2", "flair")
    made = config(kind, scheme=BRATS, modalities=modalities, batch_size=1)
    run = BASELINES[kind](made.model, 0, made.stages[0], 3, CPU)
    images, labels = one_case(BRATS, 4)
    assert np.isfinite(run.train_step(images.contiguous(), labels, generators(0)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_one_that_was_never_stopped(kind, data_folder, tmp_path):
    made = config(kind)
    train(made, data_folder, tmp_path / "whole", RunOptions(**QUICK), [].append)
    train(made, data_folder, tmp_path / "parts", RunOptions(**QUICK, stop_after=2), [].append)
    train(made, data_folder, tmp_path / "parts", RunOptions(**QUICK), [].append)
    one, other = (load_checkpoint(checkpoint_path(tmp_path / name, 0)) for name in ("whole", "parts"))
    for part in ("network", "discriminators"):
        assert all(torch.equal(one[part][name], other[part][name]) for name in one[part])
    weights = [(tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_a_run_that_was_killed_goes_on(data_folder, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(values("pix2pix", steps=100000)))
    command = [sys.executable, str(PROCESS), str(path), str(data_folder), str(tmp_path / "run")]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = checkpoint_path(tmp_path / "run", 0)
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    reached = load_checkpoint(checkpoint)["step"]
    made = config("pix2pix", steps=100000)
    assert 1 <= reached < 100000
    train(made, data_folder, tmp_path / "run", RunOptions(**QUICK, stop_after=2), [].append)
    assert load_checkpoint(checkpoint)["step"] == reached + 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_trained_and_sampled_by_the_commands_of_every_model(kind, data_folder, tmp_path, capsys):
    diffusion = {
        **values(kind)["model"], "kind": "diffusion", "sampler": "ddpm", "name": "tiny",
        "stages": [{"domain": {"kind": "haar"}, "prediction": "v", "timesteps": 20, "network": {
            "base_channels": 8, "channel_multipliers": [1, 2], "groups": 4, "attention_factors": []}}],
    }  # fmt: skip
    path, mask = tmp_path / "config.json", tmp_path / "mask.nii.gz"
    path.write_text(json.dumps({"model": diffusion, "training": [{"steps": 2, "batch_size": 1}]}))
    train_it = ["train", str(path), str(data_folder), str(tmp_path / "run"), "--model", kind, "--device", "cpu"]
    assert main(train_it) == 0
    folder = capsys.readouterr().out.splitlines()[-1]
    assert ModelSpec.read(folder).kind == kind and ModelSpec.read(folder).name == f"tiny_{kind}"
    phantoms.head(phantoms.box((6.0, 7.0, 8.0), (190, 210, 190)), semi_axes=(75, 85, 75)).write(mask)
    assert main(["synthesize", str(mask), str(tmp_path / "out"), "--model", folder, "--device", "cpu"]) == 0
    record = json.loads((tmp_path / "out" / "mask_synthetic_T1_seed0.json").read_text())
    assert record["synthetic"] and record["steps"] == 1 and record["model"] == f"tiny_{kind}"


def write_bundle(folder: Path, kind: str) -> Path:
    spec = config(kind).model
    torch.manual_seed(0)
    save_bundle(folder, spec, [build_network(spec, spec.stages[0]).state_dict()], torch.float32)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_makes_one_step_and_the_seed_matters_to_pix2pix_alone(kind, tmp_path):
    model = load_model(write_bundle(tmp_path / "m", kind), "cpu")
    mask = phantoms.head(phantoms.box((6.0, 7.0, 8.0), (190, 210, 190)), semi_axes=(75, 85, 75))
    steps = list(model.steps(mask, samples=2, batch_size=2))
    assert [(p.index, p.total, p.finished) for p in steps] == [(2, 2, True)]
    first, second = model.synthesize(mask, samples=2)
    assert first.volumes["T1"].geometry == mask.geometry
    assert np.array_equal(first.volumes["T1"].array, model.synthesize(mask)[0].volumes["T1"].array)
    assert np.array_equal(first.volumes["T1"].array, second.volumes["T1"].array) == (kind == "discogan")


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("kind", "cyclegan", "cyclegan"),
        ("stages.0.timesteps", 250, "1 timestep"),
        ("stages.0.prediction", "v", "predicting x0"),
        ("stages.0.domain.kind", "haar", "over voxels"),
        ("stages.0.network.res_blocks", 2, "res_blocks"),
        ("stages.0.network.groups", 3, "norm groups"),
    ],
)
def test_a_description_that_is_no_baseline_is_refused_naming_the_entry(path, value, named):
    described = values("pix2pix")["model"]
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    at = described
    for key in way:
        at = at[key]
    at[last] = value
    with pytest.raises(ModelError, match=named):
        ModelSpec.from_dict(described)


def test_a_damaged_bundle_is_refused(tmp_path):
    folder = write_bundle(tmp_path / "m", "pix2pix")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelError, match="does not have the hash"):
        load_bundle(folder)


def test_the_weights_of_one_baseline_are_refused_as_those_of_another(tmp_path):
    folder = write_bundle(tmp_path / "m", "pix2pix")
    described = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**described, "kind": "discogan"}))
    with pytest.raises(ModelError, match="wrong shapes"):
        load_bundle(folder)


def test_what_a_baseline_cannot_do_is_refused():
    made = config("pix2pix", micro_batch=1)
    with pytest.raises(TrainingError, match="micro_batch"):
        BASELINES["pix2pix"](made.model, 0, made.stages[0], 3, CPU)


def test_a_loss_that_is_not_a_number_ends_the_training():
    made = config("pix2pix", batch_size=1)
    run = BASELINES["pix2pix"](made.model, 0, made.stages[0], 3, CPU)
    images, labels = one_case()
    with pytest.raises(TrainingError, match="not a finite number in step 1"):
        run.train_step(images * float("nan"), labels, generators(0))


def test_a_configuration_becomes_the_baselines_on_the_same_data():
    tiny = config("pix2pix", steps=7, batch_size=3, lesion_weight=5.0, augmentation={"degrees": 1})
    assert as_baseline(tiny, "pix2pix") is tiny
    other = as_baseline(tiny, "discogan")
    assert other.model.kind == "discogan" and other.stages[0].augmentation == Augmentation(degrees=1.0)
    assert (other.stages[0].steps, other.stages[0].batch_size, other.stages[0].learning_rate) == (7, 3, 2e-4)
    assert TrainingConfig.from_dict(other.to_dict()) == dataclasses.replace(other)
