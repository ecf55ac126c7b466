"""A packed set that is not the one a run began with is noticed, and gigabytes are not read for that on every start."""

import json
import os
import shutil

import numpy as np
import pytest
from small_training import COARSE, DETAIL, config_values

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.training.data import digest as module
from MedDDPMCore.training.data.atlas import CASES_FILE
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.digest import set_digest
from MedDDPMCore.training.run import train
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import RunOptions

QUICK = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "threads": 1}


def one_voxel_less(folder):
    images = np.load(folder / "images.npy", mmap_mode="r+")
    images[0, 0, 8, 8, 8] ^= 1
    images.flush()


def another_order(folder):
    described = json.loads((folder / "dataset.json").read_text())
    described["cases"][:2] = described["cases"][1::-1]
    (folder / "dataset.json").write_text(json.dumps(described))


@pytest.fixture
def own(data_folder, tmp_path):
    return shutil.copytree(data_folder, tmp_path / "set")


def test_a_set_is_read_again_for_its_hash_only_where_its_files_have_changed(own, tmp_path, monkeypatch):
    def unwanted(array):
        raise AssertionError("read again")

    counted = set_digest(PackedDataset.open(own), tmp_path)
    with monkeypatch.context() as watched:
        watched.setattr(module, "_sha256", unwanted)
        assert set_digest(PackedDataset.open(own), tmp_path) == counted
        (tmp_path / "elsewhere").mkdir()
        assert set_digest(PackedDataset.open(own), tmp_path / "elsewhere") == counted  # what its writer noted
    os.utime(own / "images.npy")
    assert set_digest(PackedDataset.open(own), tmp_path) == counted
    one_voxel_less(own)
    (tmp_path / "new").mkdir()
    changed = set_digest(PackedDataset.open(own), tmp_path / "new")
    assert [name for name in counted if changed[name] != counted[name]] == ["images"]


def stopped(entry):
    raise RuntimeError("stopped")


@pytest.mark.parametrize("change, named", [(one_voxel_less, "images"), (another_order, "cases")])
def test_atlas_and_bands_of_a_run_without_a_checkpoint_are_not_used_with_a_changed_set(own, tmp_path, change, named):
    values, run = config_values((COARSE, DETAIL)), tmp_path / "run"
    values["model"]["atlas"] = True
    begun = TrainingConfig.from_dict(values)
    with pytest.raises(RuntimeError, match="stopped"):
        train(begun, own, run, RunOptions(**QUICK), stopped)
    assert (run / CASES_FILE).exists() and not (run / "stage-0.pt").exists()
    before = {path.name: path.read_bytes() for path in run.glob("*.*")}
    change(own)
    for _ in range(2):
        with pytest.raises(TrainingError, match=f"this run began with: changed are its {named}"):
            train(begun, own, run, RunOptions(**QUICK), stopped)
    assert {path.name: path.read_bytes() for path in run.glob("*.*")} == before


@pytest.mark.parametrize("change, named", [(one_voxel_less, "images"), (another_order, "cases")])
def test_training_goes_on_with_the_same_set_and_not_with_a_changed_one(config, own, tmp_path, change, named):
    run = tmp_path / "run"
    for steps in (1, 1):
        train(config(), own, run, RunOptions(**QUICK, stop_after=steps), lambda entry: None)
    kept = (run / "stage-0.pt").read_bytes()
    change(own)
    with pytest.raises(TrainingError, match=named):
        train(config(), own, run, RunOptions(**QUICK, stop_after=1), lambda entry: None)
    assert (run / "stage-0.pt").read_bytes() == kept
