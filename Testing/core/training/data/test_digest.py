"""A packed set that is not the one a run began with is noticed, and gigabytes are not read for that on every start."""

import json
import os
import shutil

import numpy as np
import pytest

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.training.data import digest as module
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.digest import set_digest
from MedDDPMCore.training.run import train
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
    changed = set_digest(PackedDataset.open(own), tmp_path)
    assert [name for name in counted if changed[name] != counted[name]] == ["images"]


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
