"""Tiny training sets and configurations, as fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_training import COARSE, DETAIL, HAAR, VOXELS, config_values, write_data

from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.stages.config import TrainingConfig


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny tensors are fastest on one thread, and then bit for bit the same on every run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def data(data_folder: Path) -> PackedDataset:
    return PackedDataset.open(data_folder)


@pytest.fixture
def config() -> Callable[..., TrainingConfig]:
    """config(stages, **training) -> TrainingConfig; stages: "haar", "voxels", "two" (coarse, detail) or a dict."""
    named = {"haar": (HAAR,), "voxels": (VOXELS,), "two": (COARSE, DETAIL)}

    def made(stages: str | dict = "haar", **training) -> TrainingConfig:
        listed = (stages,) if isinstance(stages, dict) else named[stages]
        return TrainingConfig.from_dict(config_values(listed, **training))

    return made


@pytest.fixture
def values() -> Callable[..., dict]:
    """The same as plain data."""
    return config_values
