"""Preparing and training from the command line: what is lost is said and does not pass for success."""

import json
from dataclasses import replace

import numpy as np
import pytest
from phantoms import box, head
from small_models import write_model
from small_training import config_values, write_data

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.cli import main
from MedDDPMCore.commands import console
from MedDDPMCore.models.spec import ModelSpec
from MedDDPMCore.training.data.dataset import PackedDataset, check_fits
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def images(tmp_path):
    """Two MRI, and one whose content is elsewhere."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_model(tmp_path / "model")
    mask = head(box((6, 6, 6), (190, 230, 220)))
    for name in ("a", "b"):
        mri = np.choose(mask.array, (5, 300, 500)) + np.random.default_rng(ord(name)).normal(0, 8, mask.array.shape)
        Volume(mri.astype(np.int16), mask.geometry).write(folder / f"{name}.nii.gz")
    (folder / "c.nii.gz").symlink_to("../.git/annex/objects/x/y/MD5E-s1--z.nii.gz/MD5E-s1--z.nii.gz")
    return folder


def test_a_case_that_is_lost_ends_prepare_with_an_error_unless_that_was_asked_for(images, tmp_path, capsys):
    arguments = ["prepare", str(images), str(tmp_path / "set"), "--model", str(tmp_path / "model")]
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert "2 cases packed" in told.out and "c: " in told.out and "datalad get" in told.out
    [line] = [line for line in told.err.splitlines() if line.startswith("medddpm: ")]
    assert line.startswith("medddpm: 1 of 3 images could not be packed: c: ") and "--skip-failed" in line
    for name in "defghi":
        (images / f"{name}.nii.gz").write_bytes(b"no image")
    arguments[2] += "-1"
    assert main(arguments) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "7 of 9 images" in line and "; and 2 more. Mend or remove them" in line and "h: " not in line
    for name in "defghi":
        (images / f"{name}.nii.gz").unlink()
    arguments[2] += "-2"
    assert main([*arguments, "--skip-failed"]) == 0
    told = capsys.readouterr()
    assert "datalad get" in told.out and "could not be packed" not in told.err
    (images / "c.nii.gz").unlink()
    arguments[2] += "-3"
    assert main(arguments) == 0


def test_a_dry_run_of_prepare_reads_every_case_and_says_what_would_be_left_out(images, tmp_path, capsys):
    arguments = ["prepare", str(images), str(tmp_path / "set"), "--model", str(tmp_path / "model"), "--dry-run"]
    labels = head(box((6, 6, 6), (190, 230, 220)))
    labels.write(images / "d.nii.gz")
    moved = Volume(labels.array, box((6, 6, 6), (190, 230, 220), centre=(60, 0, 0)))
    moved.write(images / "b_mask.nii.gz")
    assert main(arguments) == 1 and not (tmp_path / "set").exists()
    told = capsys.readouterr()
    printed = told.out
    assert "a.nii.gz; no mask: taken as healthy" in printed
    assert "b: " in printed and "left out: The mask has as many voxels as the image" in printed
    assert "datalad get" in printed and "d.nii.gz: The image holds 3 values alone, as a label map does" in printed
    labels.write(images / "b_mask.nii.gz")
    assert main(arguments) == 1
    assert "warning: Of 2 cases 1 have no mask, and are taken as healthy: a." in capsys.readouterr().err


@pytest.mark.parametrize("convention", ["per_slice", "min_max"])
def test_images_are_prepared_in_the_models_intensities_and_no_other_model_takes_them(images, tmp_path, convention):
    model, folder = tmp_path / "model" / "model.json", tmp_path / "set"
    model.write_text(json.dumps({**json.loads(model.read_text()), "convention": convention}))
    arguments = ["prepare", str(images), str(folder), "--skip-failed"]
    assert main([*arguments, "--model", str(tmp_path / "model")]) == 0
    data = PackedDataset.open(folder)
    assert data.intensity == convention
    check_fits(data, ModelSpec.read(tmp_path / "model"))
    with pytest.raises(TrainingError, match=f"intensities {convention} where the model has robust"):
        check_fits(data, replace(ModelSpec.read(tmp_path / "model"), convention="robust"))
    config = {"model": json.loads(model.read_text())}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main([*arguments[:2], str(tmp_path / "2"), "--skip-failed", "--config", str(tmp_path / "config.json")]) == 0
    assert PackedDataset.open(tmp_path / "2").intensity == convention


def test_no_time_left_is_told_from_steps_that_were_done_before_training_was_resumed(tmp_path, capsys, monkeypatch):
    data = write_data(tmp_path / "data")
    (tmp_path / "config.json").write_text(json.dumps(config_values(steps=7)))
    arguments = ["train", str(tmp_path / "config.json"), str(data), str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "--stop-after", "3"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(console, "_LINE_SECONDS", 0)
    assert main(arguments) == 0
    steps = [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines() if line.startswith("stage 0")]
    assert steps[0] == "4" and all(" of 7 steps" in line for line in steps[1:]) and len(steps) == 4


def test_a_dry_run_of_training_checks_what_is_given_and_writes_nothing(tmp_path, capsys):
    data = write_data(tmp_path / "data")
    (tmp_path / "config.json").write_text(json.dumps(config_values(steps=7)))
    arguments = ["train", str(tmp_path / "config.json"), str(data), str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "tiny, on cpu: 4 images, 1 more held out" in printed and "stage 0: 7 steps" in printed
    assert main([*arguments, "--dry-run", "--stage", "3"]) == 1
    assert "no stage 3" in capsys.readouterr().err and not (tmp_path / "run").exists()
