"""Checkpoints that are damaged or hostile: refused by name, before memory is asked for."""

import struct

import pytest
import torch

from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.training.stages.checkpoint import ENTRIES, fitting, load_checkpoint, save_checkpoint

GOOD = {**dict.fromkeys(ENTRIES), "network": {"a": torch.ones(1000)}, "step": 3, "seed": 0}


def test_one_that_claims_more_than_it_holds_is_refused_for_that(tmp_path):
    save_checkpoint(tmp_path / "stage-0.pt", GOOD)
    data = bytearray((tmp_path / "stage-0.pt").read_bytes())
    for at in (at for at in range(len(data)) if data[at : at + 4] == b"PK\x01\x02"):
        data[at + 20 : at + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)
    (tmp_path / "stage-0.pt").write_bytes(data)
    with pytest.raises(TrainingError, match="not one that PyTorch wrote"):
        load_checkpoint(tmp_path / "stage-0.pt")


@pytest.mark.parametrize("step", [-1, "3", None, 1.5, True, [3]])
def test_one_without_a_step_is_none(step, tmp_path):
    save_checkpoint(tmp_path / "stage-0.pt", {**GOOD, "step": step})
    with pytest.raises(TrainingError, match="is not a training checkpoint"):
        load_checkpoint(tmp_path / "stage-0.pt")


@pytest.mark.parametrize("error", [TypeError("x"), AttributeError(""), IndexError("x\ny"), KeyError("a")])
def test_entries_of_other_types_do_not_fit(error):
    with pytest.raises(TrainingError, match="does not fit the configuration"), fitting(GOOD, 0, 0):
        raise error


@pytest.mark.posix
def test_a_device_and_a_folder_are_no_checkpoints(tmp_path):
    for path in ("/dev/zero", tmp_path):
        with pytest.raises(TrainingError, match="device|folder"):
            load_checkpoint(path)
