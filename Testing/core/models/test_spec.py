"""model.json: what is wrong is named, and nothing in it can do worse than be refused."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from MedDDPMCore.anatomy.intensity import MIN_MAX, ROBUST
from MedDDPMCore.base.errors import ModelError
from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.models.catalogue import find_model
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import WHOLE_HEAD

NETWORK = {"base_channels": 8, "channel_multipliers": [1, 2], "res_blocks": 1, "attention_factors": [2], "groups": 4}
SPEC = ModelSpec(
    name="two stages",
    labels=WHOLE_HEAD,
    grid=ModelGrid((16, 24, 32), (4.0, 4.0, 4.0)),
    modalities=("T1",),
    stages=(
        StageSpec(Domain("haar", 1, 2, (0.0,) * 8, (1.5,) * 8), "v", 50, NETWORK),
        StageSpec(Domain("haar_detail", 1, 1), "noise", 250, NETWORK),
    ),
    licence="none",
)
VALUES = json.loads(json.dumps(SPEC.to_dict()))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([10**9, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def changed(path: str, value: object) -> dict:
    """VALUES with the entry at a dotted path set to a value."""
    values = copy.deepcopy(VALUES)
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    at = values
    for key in way:
        at = at[key]
    at[last] = value
    return values


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in ((*path, key), *places(item, (*path, key)))]


def test_a_spec_comes_back_from_json():
    found = ModelSpec.from_dict(VALUES)
    assert ModelSpec.from_dict(found.to_dict()) == found
    assert found.stages[0].domain == SPEC.stages[0].domain
    assert (found.labels, found.grid, found.modalities) == (SPEC.labels, SPEC.grid, SPEC.modalities)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("format_version", 2, "format version 2"),
        ("surprise", 1, "surprise"),
        ("name", 3, "name"),
        ("labels", [], "labels"),
        ("labels.values", ["head"], "values"),
        ("labels.values.head", 300, "labels.values.head must be from 1 to 255"),
        ("labels.channels", ["nose"], "nose"),
        ("grid.shape", [16, 24], "grid.shape must be a list of 3"),
        ("grid.shape.0", 10**9, r"grid.shape\[0\] must be from 1 to 2048"),
        ("grid.spacing.0", float("inf"), "spacing"),
        ("grid.axes", "XYZ", "XYS|XYZ"),
        ("grid.placement", "feet", "feet"),
        ("modalities", [], "modalities"),
        ("modalities", ["T1", "T1"], "modalities"),
        ("modalities", ["T1", "T2"], "2 are named"),
        ("stages", [], "stages"),
        ("sampler", "magic", "model.json: sampler must be one of .*, not 'magic'"),
        ("steps", 0, "steps"),
        ("convention", "median", "convention must be one of .*robust.*, not 'median'"),
        ("stages.0.prediction", "luck", r"stages\[0\].prediction must be one of noise, v, x0, not 'luck'"),
        ("stages.0.timesteps", 10**9, "timesteps"),
        ("stages.0.domain.kind", "fourier", "fourier"),
        ("stages.0.domain.factor", 4, "refine|divides"),
        ("stages.0.domain.std", [1.0], "standard deviations"),
        ("stages.0.domain.std.3", 0, r"std\[3\] must be above 0"),
        ("stages.1.domain.kind", "haar", "refine"),
        ("stages.0.network.base_channels", 10**9, "base_channels"),
        ("stages.0.network.res_blocks", 10**9, "res_blocks"),
        ("stages.0.network.channel_multipliers", [1] * 60, "channel_multipliers must be a list of 1 to 8"),
        ("stages.0.network.groups", 0, "groups"),
        ("stages.0.network.groups", 3, "groups"),
        ("stages.0.network.layers", 3, r"unknown entries: stages\[0\].network.layers"),
        ("stages.0.network.bottom_attention", "yes", "bottom_attention must be true or false"),
    ],
)
def test_an_entry_that_is_wrong_is_named(path, value, named):
    with pytest.raises(ModelError, match=named):
        ModelSpec.from_dict(changed(path, value))


def test_a_description_without_a_convention_means_what_its_words_say():
    words = {"robust": ROBUST, "per_slice": "min-max of each slice along the z axis to -1..1", "min_max": MIN_MAX}
    older = {key: value for key, value in VALUES.items() if key != "convention"}
    for name, text in {**words, "": "as the scanner made them"}.items():
        assert ModelSpec.from_dict({**older, "intensity": text}).convention == name
    assert ModelSpec.from_dict({**VALUES, "convention": "min_max", "intensity": ROBUST}).convention == "min_max"
    assert ModelSpec.read(find_model("default")).convention == "robust"


@pytest.mark.parametrize("name", ["name", "labels", "grid", "modalities", "stages"])
def test_an_entry_that_is_missing_is_named(name):
    with pytest.raises(ModelError, match=name):
        ModelSpec.from_dict({key: value for key, value in VALUES.items() if key != name})


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from(places(VALUES)), value=anything, data=st.data())
def test_no_change_to_a_spec_does_worse_than_be_refused(place, value, data):
    values = copy.deepcopy(VALUES)
    at = values
    for key in place[:-1]:
        at = at[key]
    act = data.draw(st.sampled_from(["set", "delete", "add"]))
    if act == "delete":
        del at[place[-1]]
    elif act == "add" and isinstance(at, dict):
        at[data.draw(st.text(max_size=5))] = value
    else:
        at[place[-1]] = value
    try:
        spec = ModelSpec.from_dict(values)
    except ModelError:
        return
    with torch.device("meta"):
        for stage in spec.stages:
            build_network(spec, stage)


@settings(max_examples=100, deadline=None)
@given(values=anything)
def test_no_json_value_does_worse_than_be_refused(values):
    with pytest.raises(ModelError):
        ModelSpec.from_dict(values)


def test_the_file_is_named_where_its_description_is_wrong(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(changed("steps", 0)))
    with pytest.raises(ModelError, match=f"{tmp_path}/model.json: steps must be from 1 to 10000, not 0"):
        ModelSpec.read(tmp_path)
