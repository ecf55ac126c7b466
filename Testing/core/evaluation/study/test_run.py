"""The segmentation study from one file: all arms, a report, kills, and several processes."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from small_training import write_data
from training.baselines.test_baselines import values

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.cli import main
from MedDDPMCore.evaluation.study.config import StudyConfig
from MedDDPMCore.evaluation.study.images import ImageSet, matched_pairs, real_pairs, write_masks
from MedDDPMCore.evaluation.study.report import holm, summary
from MedDDPMCore.evaluation.study.run import dealt, run_study
from MedDDPMCore.evaluation.study.segmentation_network import SegmentationSettings
from MedDDPMCore.lesions.simulation import LesionSettings
from MedDDPMCore.models.bundle import save_bundle
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.training.data.augment import Augmentation
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume

for extra in ("scipy", "matplotlib", "monai"):
    pytest.importorskip(extra)
ROOT = Path(__file__).resolve().parents[4]
BIG = {"probability": 1.0, "smallest_ml": 20.0, "largest_ml": 60.0}


@pytest.fixture
def study(tmp_path) -> Path:
    """A study's configuration: a finer model, and one that the study trains; a further test set."""
    finer = {**values("pix2pix")["model"]["grid"], "shape": [32, 32, 32], "spacing": [4.0, 4.0, 4.0]}
    write_data(tmp_path / "data")
    write_data(tmp_path / "other", cases=3, tumor=True)
    torch.manual_seed(0)
    spec = ModelSpec.from_dict({**values("discogan")["model"], "grid": finer})
    save_bundle(tmp_path / "bundle", spec, [build_network(spec, spec.stages[0]).state_dict()])
    (tmp_path / "pix2pix.json").write_text(json.dumps(values("pix2pix", steps=1)))
    described = {
        "data": "data", "tests": {"other": "other"}, "models": {"DiscoGAN": "bundle", "Pix2Pix": "pix2pix.json"},
        "synthetic": [3], "seed": 2, "lesions": BIG, "segmentation": {
            "most_steps": 2, "batch_size": 2, "base_channels": 4, "levels": 2}}  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(described))
    return tmp_path / "study.json"


def results(out: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text() for path in out.glob("arms/*/result.json")}


def test_a_dry_run_of_a_study_says_what_it_would_do_and_writes_nothing(study, tmp_path, capsys):
    assert main(["study", str(study), str(tmp_path / "out"), "--device", "cpu", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "on cpu: 4 real images to train on, 1 held out, 3 masks" in printed and "test other: 3 images" in printed
    assert "model Pix2Pix is trained, then: 3 images are made" in printed and "arm Real: 2 steps" in printed
    assert not (tmp_path / "out").exists()
    write_data(tmp_path / "other", cases=3, grid=ModelGrid((8, 8, 8), (16.0, 16.0, 16.0), "head_top", "RAS"))
    assert main(["study", str(study), str(tmp_path / "out"), "--dry-run"]) == 1
    assert "The test set other does not fit" in capsys.readouterr().err


def test_a_study_runs_every_arm_and_reports(study, tmp_path):
    config = StudyConfig.read(study)
    out, said = tmp_path / "out", []
    report = run_study(config, out, "cpu", said.append)
    names = [arm.name for arm in config.arms()]
    assert names == [
        "Real", "Real + augmentation", "DiscoGAN", "Pix2Pix", "DiscoGAN + Pix2Pix", "Real + DiscoGAN",
        "Real + Pix2Pix", "Real + DiscoGAN + Pix2Pix"]  # fmt: skip
    text = report.read_text()
    assert all(f"| {name} |" in text for name in names) and "Table 3" in text and "other (3 real images)" in text
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert len(rows) == len(names) * (1 + 3)
    for name in ("pictures/synthetic.png", "pictures/dice-held-out.png", "summary.csv", "comparisons.csv"):
        assert (out / name).stat().st_size > 0
    real, made = (ImageSet.open(out / "sets" / name) for name in ("real", "pix2pix"))
    assert len(real.ids) == 4 and real.masks.any(axis=(1, 2, 3)).all()
    assert made.images.shape == (3, 1, 16, 16, 16)
    mask = Volume.read(out / "masks" / "mask-00001.nii.gz", labels=True)
    assert np.array_equal(made.masks[1], mask.array == 2)
    record = json.loads((out / "synthetic/pix2pix/mask-00001_synthetic_T1_seed3.json").read_text())
    assert record["synthetic"] is True
    before = (results(out), text)
    said.clear()
    run_study(config, out, "cpu", said.append)
    assert said == [] and results(out) == before[0]
    other = StudyConfig.read(study)
    with pytest.raises(TrainingError, match="seed was 2 and is now 3"):
        run_study(StudyConfig(**{**vars(other), "seed": 3}), out, "cpu", said.append)


def test_a_study_that_was_killed_ends_as_one_that_was_not(study, tmp_path):
    command = [sys.executable, "-m", "MedDDPMCore.cli", "study", str(study), str(tmp_path / "killed"), "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, cwd=ROOT)
    while not results(tmp_path / "killed") and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    config = StudyConfig.read(study)
    assert 0 < len(results(tmp_path / "killed")) < len(config.arms())
    run_study(config, tmp_path / "killed", "cpu", [].append)
    run_study(config, tmp_path / "whole", "cpu", [].append)
    assert results(tmp_path / "killed") == results(tmp_path / "whole")


def test_processes_share_the_arms_and_come_to_the_same_result(study, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    described = json.loads(study.read_text())
    described["models"] = {"DiscoGAN": "bundle"}
    study.write_text(json.dumps(described))
    command = [sys.executable, "-m", "MedDDPMCore.cli", "study", str(study), str(tmp_path / "two"), "--threads", "1"]
    ranks = [
        subprocess.Popen(command, env={**environment, "RANK": str(rank), "WORLD_SIZE": "2"}, cwd=ROOT)
        for rank in range(2)
    ]
    assert [process.wait(timeout=500) for process in ranks] == [0, 0]
    run_study(StudyConfig.read(study), tmp_path / "one", "cpu", [].append)
    assert results(tmp_path / "two") == results(tmp_path / "one")
    times = [(tmp_path / "two" / f"times-{rank}.jsonl").read_text() for rank in range(2)]
    assert all("arm " in text for text in times)


def test_the_papers_study_made_small_trains_its_models_under_torchrun(tmp_path):
    """The configuration that waits for a GPU server, with grid, networks and numbers made small, and nothing else."""
    source, grid = ROOT / "Resources" / "studies" / "paper", ModelGrid((16, 16, 16), (12.0, 12.0, 12.0), "head_centre")
    described = json.loads((source / "study.json").read_text())
    for name, path in described["models"].items():
        recipe = json.loads((source / path).read_text())
        recipe["model"] |= {"grid": grid.to_dict(), "steps": min(recipe["model"]["steps"], 2)}
        for stage, training in zip(recipe["model"]["stages"], recipe["training"], strict=True):
            stage["network"]["base_channels"] //= 8
            stage["network"]["groups"] //= 4
            training |= {"steps": 1, "batch_size": 2, "precision": "float32"}
        (tmp_path / f"{name}.json").write_text(json.dumps(recipe))
    described |= {"data": "data", "synthetic": [2], "models": {name: f"{name}.json" for name in described["models"]}}
    described["segmentation"] |= {"epochs": 1, "base_channels": 4, "levels": 3}
    (tmp_path / "study.json").write_text(json.dumps(described))
    write_data(tmp_path / "data", grid=grid, tumor=True, modality="T1c")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["MedDDPMCore.cli", "study", "study.json", "out", "--device", "cpu", "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(results(tmp_path / "out")) == 2 + 3 + 4 + 4
    report = (tmp_path / "out" / "report.md").read_text()
    assert "1 steps of 2" in report and "Real + DiscoGAN + Pix2Pix + Med-DDPM" in report


def test_a_lesion_of_ones_own_is_replaced_by_another_cases_inside_the_head(tmp_path):
    data = PackedDataset.open(write_data(tmp_path / "data", tumor=True))
    still = Augmentation(flip=False, degrees=0, scale=0, shift_mm=0, warp_mm=0, gain=0)
    write_masks(tmp_path / "masks", data, 4, LesionSettings(**BIG), still, 1)
    own = np.array(data.labels[0])
    found = [Volume.read(tmp_path / "masks" / f"mask-{k:05d}.nii.gz", labels=True).array for k in range(4)]
    for labels in found:
        assert np.array_equal(labels > 0, own > 0) and 0 < (labels == 2).sum() <= (own == 2).sum()
    assert any((labels != own).any() for labels in found)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"models": {}}, "models"),
        ({"models": {"A": 3}}, "models"),
        ({"models": {"Real": "bundle"}}, "Real"),
        ({"synthetic": [0]}, "synthetic"),
        ({"data": None}, "data"),
        ({"surprise": 1}, "surprise"),
        ({"segmentation": {"epochs": 0}}, "epochs"),
        ({"lesions": {"probability": 2}}, "probability"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_naming_the_entry(study, change, named):
    study.write_text(json.dumps({**json.loads(study.read_text()), **change}))
    with pytest.raises(TrainingError, match=named):
        StudyConfig.read(study)


def test_several_numbers_of_images_make_arms_of_their_own(study):
    study.write_text(json.dumps({**json.loads(study.read_text()), "synthetic": [2000, 1000]}))
    arms = StudyConfig.read(study).arms()
    assert [arm.name for arm in arms if arm.table == 2] == ["DiscoGAN + Pix2Pix (1000)", "DiscoGAN + Pix2Pix (2000)"]
    assert len(arms) == 2 + 2 * 6


def test_processes_are_dealt_arms_so_that_the_last_ends_soon(study):
    """No deal can end before an even share is done, nor before the longest arm."""
    study.write_text(json.dumps({**json.loads(study.read_text()), "synthetic": [1000, 2000, 5000]}))
    config = dataclasses.replace(StudyConfig.read(study), segmentation=SegmentationSettings(epochs=100))

    def images(arms) -> list[int]:
        return [sum(1000 if name == "Real" else arm.count for name in arm.sources) for arm in arms]

    whole = images(config.arms())
    for world in (1, 3, 8):
        shares = dealt(config, 1000, world)
        assert sorted(arm.name for share in shares for arm in share) == sorted(arm.name for arm in config.arms())
        assert max(sum(images(share)) for share in shares) <= 1.1 * max(sum(whole) / world, max(whole))


def test_images_of_another_scanner_are_scaled_to_the_white_matter_of_the_training_images(tmp_path):
    """Balls of brain in heads as large as heads are, at 8 mm; the second set half as bright above air."""
    grid = ModelGrid((24, 24, 24), (8.0, 8.0, 8.0))
    data = PackedDataset.open(write_data(tmp_path / "data", grid=grid))
    for factor in (1.0, 0.5):
        dim = dataclasses.replace(data, images=np.rint(data.images * factor).astype(np.uint8))
        cases, lesions = data.indices("train"), LesionSettings(**BIG, enhancement=(1.1, 1.5))  # none is clipped
        pairs = list(real_pairs(dim, cases, 4, lesions, 1, False))
        matched = list(matched_pairs(iter(pairs), dim, cases, 0.2))
        head = data.labels[0] > 0
        for (image, mask, name), (scaled, same_mask, same_name) in zip(pairs, matched, strict=True):
            assert np.array_equal(mask, same_mask) and name == same_name
            assert (scaled[:, ~head] < -0.99).all() and scaled.max() <= 1
            healthy = head & ~mask
            assert np.median(scaled[0][healthy]) == pytest.approx(0.15, abs=0.1)
            assert np.corrcoef(image[0][healthy], scaled[0][healthy])[0, 1] > 0.99


def test_an_image_without_a_brain_keeps_its_intensities(tmp_path):
    data = PackedDataset.open(write_data(tmp_path / "data"))
    pairs = list(real_pairs(data, [0], 1, LesionSettings(**BIG), 1, False))
    assert np.array_equal(next(iter(matched_pairs(iter(pairs), data, [0], 0.2)))[0], pairs[0][0])


def test_holms_correction_is_that_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])


def test_a_summary_is_mean_and_sample_deviation():
    case = dict.fromkeys(("iou", "accuracy", "recall", "precision"), 0.5)
    result = {"scores": {"t": [{"dice": 0.2, **case}, {"dice": 0.6, **case}]}}
    assert summary(result, "t")["dice"] == pytest.approx((0.4, np.std([0.2, 0.6], ddof=1)))


@pytest.mark.parametrize("name", ["paper", "small"])
def test_the_studies_that_come_with_the_program_can_be_read(name):
    config = StudyConfig.read(ROOT / "Resources" / "studies" / name / "study.json")
    recipes = [path for path in config.models.values() if path.endswith(".json")]
    models = [TrainingConfig.read(path).model for path in recipes]
    assert set(config.models) == {"DiscoGAN", "Pix2Pix", "Med-DDPM"} and len(models) >= 2
    assert {"discogan", "pix2pix"} <= {model.kind for model in models} and len({model.grid for model in models}) == 1
