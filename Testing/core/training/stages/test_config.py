"""Training configurations: what is in the repository loads, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from MedDDPMCore.base.errors import MedDDPMError, TrainingError
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.training.stages.config import TrainingConfig

RESOURCES = Path(__file__).resolve().parents[4] / "Resources" / "training"


def parameters(config: TrainingConfig) -> int:
    with torch.device("meta"):
        networks = [build_network(config.model, stage) for stage in config.model.stages]
    return sum(p.numel() for network in networks for p in network.parameters())


@pytest.mark.parametrize("path", sorted(RESOURCES.glob("*.json")), ids=lambda path: path.stem)
def test_every_configuration_of_the_project_loads_and_survives_being_written(path, tmp_path):
    config = TrainingConfig.read(path)
    (tmp_path / "copy.json").write_text(json.dumps(config.to_dict()))
    assert TrainingConfig.read(tmp_path / "copy.json") == config


@pytest.mark.parametrize(("name", "millions"), [("whole_head_128", 40.2), ("brats", 57.6)])
def test_the_published_configurations_have_the_published_networks_and_schedule(name, millions):
    config = TrainingConfig.read(RESOURCES / f"{name}.json")
    training, stage = config.stages[0], config.model.stages[0]
    assert parameters(config) / 1e6 == pytest.approx(millions, abs=0.05)
    assert (training.loss, training.schedule, training.learning_rate, training.warmup) == ("l1", "paper", 1e-5, 0)
    assert (stage.prediction, stage.timesteps, stage.domain.kind) == ("noise", 250, "voxels")


WRONG = [
    ({"steps": "many"}, "training[0].steps must be a whole number"),
    ({"steps": 0}, "training[0].steps must be 1 or more"),
    ({"steps": 2.5}, "training[0].steps must be a whole number"),
    ({"batch_size": True}, "training[0].batch_size must be a whole number"),
    ({"learning_rate": -1e-4}, "training[0].learning_rate must be above 0"),
    ({"learning_rate": float("nan")}, "training[0].learning_rate must be a finite number"),
    ({"learningrate": 1e-4}, "unknown entries: training[0].learningrate"),
    ({"loss": "huber"}, "training[0].loss must be one of l1, l2"),
    ({"precision": "float8"}, "training[0].precision must be one of"),
    ({"schedule": "linear"}, "training[0].schedule must be one of"),
    ({"ema_decay": 1.0}, "training[0].ema_decay must be"),
    ({"patch": [8, 8]}, "training[0].patch must be a list of 3"),
    ({"patch": [8, 8, 7]}, "training[0].patch must be multiples of 2"),
    ({"patch": [32, 8, 8]}, "within the grid"),
    ({"checkpointing": 1}, "training[0].checkpointing must be true or false"),
    ({"augmentation": {"gain": 2}}, "training[0].augmentation.gain must be"),
    ({"augmentation": 3}, "training[0].augmentation must be an object"),
    ({"lesions": {"probability": 1.5}}, "training[0].lesions.probability must be from 0 to 1"),
    ({"lesions": {"core": [0.8, 0.4]}}, "training[0].lesions.core must be"),
    ({"lesions": {"core": [0.8, "x"]}}, "training[0].lesions.core[1] must be a number"),
]


@pytest.mark.parametrize(("entry", "message"), WRONG, ids=lambda v: str(v)[:40])
def test_a_wrong_entry_is_named(values, entry, message):
    with pytest.raises(TrainingError) as caught:
        TrainingConfig.from_dict(values(**entry))
    assert message in str(caught.value)


def test_what_is_wrong_outside_the_stages_is_named_too(values):
    for change, message in [
        ({"training": []}, "0 stages are trained of a model that has 1"),
        ({"training": {}}, "training must be a list"),
        ({"training": [{}]}, "lacks the entry training[0].steps"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"extra": 1}, "unknown entries: extra"),
    ]:
        with pytest.raises(TrainingError) as caught:
            TrainingConfig.from_dict({**values(), **change})
        assert message in str(caught.value)


@pytest.mark.parametrize("change", [{"groups": 3}, {"base_channels": "8"}, {"width": 8}, {"channel_multipliers": []}])
def test_a_network_that_cannot_be_built_is_refused_before_training(values, change):
    made = values()
    made["model"]["stages"][0]["network"].update(change)
    with pytest.raises(MedDDPMError, match=r"stage 0|stages\[0\]"):
        TrainingConfig.from_dict(made)


def test_a_file_that_is_no_json_or_no_configuration_is_named(tmp_path):
    path = tmp_path / "c.json"
    for text in ("{", "[]", '{"model": 1, "training": []}', '{"training": []}'):
        path.write_text(text)
        with pytest.raises(MedDDPMError, match="c.json|model.json"):
            TrainingConfig.read(path)
