"""A model with an atlas, from its mean head to images: trained, resumed, written, loaded and sampled."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_training import COARSE, DETAIL, config_values, write_data

from MedDDPMCore.base.errors import ModelError
from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.models.bundle import WEIGHTS_FILE, load_atlas, load_bundle
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.training.data.atlas import CASES_FILE, build_atlas
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.run import train
from MedDDPMCore.training.stages.config import TrainingConfig
from MedDDPMCore.training.train import RunOptions
from MedDDPMCore.volumes.volume import Geometry, Volume

QUICK = {"device": "cpu", "validate_every": 1000, "sample_every": 1000, "threads": 1}


def ignore(entry: dict) -> None:  # noqa: ARG001
    """A report that nobody reads."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two stages with an atlas, stopped once on the way."""
    folder = tmp_path_factory.mktemp("atlas")
    values = config_values((COARSE, DETAIL), steps=2)
    values["model"]["atlas"] = True
    config, data = TrainingConfig.from_dict(values), write_data(folder / "data")
    train(config, data, folder / "run", RunOptions(**QUICK, stop_after=1), ignore)
    train(config, data, folder / "run", RunOptions(**QUICK), ignore)
    return folder


def test_the_mean_head_is_a_mean_of_the_training_heads(trained):
    data = PackedDataset.open(trained / "data")
    atlas = build_atlas(data)
    assert atlas.image.shape == (1, 8, 8, 8) and atlas.head.shape == (8, 8, 8)
    assert float(atlas.head[4, 4, 4]) == pytest.approx(1, abs=1e-3) and float(atlas.head[0, 0, 0]) < 0.1
    assert abs(float(atlas.image[0, 4, 4, 4])) < 0.2 and float(atlas.image[0, 0, 0, 0]) < -0.8


def test_the_bundle_holds_the_atlas_and_its_networks_take_it(trained):
    spec, networks = load_bundle(trained / "run" / "model")
    assert spec.atlas and [network.in_channels for network in networks] == [8 + 8 * 3, 7 + 8 * 3 + 1]
    atlas = load_atlas(trained / "run" / "model")
    assert torch.allclose(atlas.image, build_atlas(PackedDataset.open(trained / "data")).image, atol=1e-3)
    bent = np.load(trained / "run" / CASES_FILE)
    assert bent.shape == (5, 1, 16, 16, 16) and bent[:, 0, 8, 8, 8].min() > 100 > bent[:, 0, 0, 0, 0].max()


def test_the_model_synthesizes_with_the_atlas_in_its_condition(trained):
    model = load_model(trained / "run" / "model", "cpu", "float32")
    labels = PackedDataset.open(trained / "data").labels[0]
    assert model.condition(labels).shape == (1, 3, 16, 16, 16)
    mask = Volume(labels, Geometry(labels.shape, (14.0,) * 3, (0.0,) * 3, ((1, 0, 0), (0, 1, 0), (0, 0, 1))))
    [made] = model.synthesize(mask, steps=2)
    assert np.isfinite(made.volumes["T1"].array).all()


def test_fine_tuning_goes_on_with_the_atlas_of_the_bundle(trained, tmp_path):
    values = config_values((COARSE, DETAIL), steps=1)
    other = write_data(tmp_path / "other", tumor=True)
    first = trained / "run" / "model"
    tuned = train(
        TrainingConfig.from_dict(values),
        other,
        tmp_path / "run",
        options=RunOptions(**QUICK),
        report=ignore,
        stage=None,
        start_from=first,
    )
    assert torch.equal(load_atlas(tuned).image, load_atlas(first).image)


def test_a_bundle_whose_atlas_is_gone_is_refused_by_name(trained, tmp_path):
    from safetensors.torch import load_file, save_file

    source = trained / "run" / "model"
    weights = load_file(source / WEIGHTS_FILE)
    del weights["atlas.head"]
    save_file(weights, tmp_path / WEIGHTS_FILE)
    spec = json.loads((source / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**spec, "weights_sha256": sha256_of(tmp_path / WEIGHTS_FILE)}))
    with pytest.raises(ModelError, match="atlas.head"):
        load_model(tmp_path, "cpu")
