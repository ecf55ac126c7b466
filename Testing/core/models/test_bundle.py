"""Bundles: what is written comes back, and what is damaged, foreign or too large is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from published_networks import fill
from safetensors.torch import load_file, save_file
from small_models import write_model

from MedDDPMCore.base.errors import ModelError, ResourceError
from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.base.resources import resource
from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.models.bundle import SPEC_FILE, WEIGHTS_FILE, load_bundle, load_with_atlas, save_bundle
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import WHOLE_HEAD
from MedDDPMCore.volumes.volume import Volume

NETWORK = {"base_channels": 4, "channel_multipliers": (1, 2), "res_blocks": 1, "attention_factors": (), "groups": 2}
SPEC = ModelSpec(
    "small",
    WHOLE_HEAD,
    ModelGrid((16, 16, 16), (8.0, 8.0, 8.0)),
    ("T1",),
    (StageSpec(Domain("haar", 1, 2), "v", 50, NETWORK), StageSpec(Domain("haar_detail"), "v", 50, NETWORK)),
)
WEIGHT = "stage1.input_blocks.0.0.weight"


def states() -> list[dict[str, torch.Tensor]]:
    networks = [build_network(SPEC, stage) for stage in SPEC.stages]
    for network in networks:
        fill(network)
    return [network.state_dict() for network in networks]


@pytest.fixture
def bundle(tmp_path) -> Path:
    save_bundle(tmp_path / "model", SPEC, states())
    return tmp_path / "model"


def rewrite(folder: Path, **changes: torch.Tensor | None) -> None:
    """Changes, adds or (None) drops weights, and states the new hash."""
    weights = {**load_file(folder / WEIGHTS_FILE), **changes}
    save_file({name: value for name, value in weights.items() if value is not None}, folder / WEIGHTS_FILE)
    values = json.loads((folder / SPEC_FILE).read_text())
    values["weights_sha256"] = sha256_of(folder / WEIGHTS_FILE)
    (folder / SPEC_FILE).write_text(json.dumps(values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_come_back_as_stored(tmp_path, dtype):
    written = save_bundle(tmp_path, SPEC, states(), dtype)
    spec, networks = load_bundle(tmp_path)
    assert spec == SPEC
    assert spec.weights_sha256 == written.weights_sha256 == sha256_of(tmp_path / WEIGHTS_FILE)
    for network, state in zip(networks, states(), strict=True):
        assert not network.training
        for name, value in network.state_dict().items():
            assert value.dtype == torch.float32
            assert torch.equal(value, state[name].to(dtype).float())
    assert sorted(path.name for path in tmp_path.iterdir()) == [SPEC_FILE, WEIGHTS_FILE]


def test_weights_of_eight_bits_come_back_within_half_a_step_of_each_channel(tmp_path):
    written = save_bundle(tmp_path, SPEC, states(), torch.int8)
    spec, networks = load_bundle(tmp_path)
    assert spec == SPEC and written.weight_format == spec.weight_format == "int8"
    for network, state in zip(networks, states(), strict=True):
        for name, value in network.state_dict().items():
            if value.ndim < 2:
                assert torch.equal(value, state[name].half().float())
                continue
            step = state[name].flatten(1).abs().amax(dim=1) / 127
            error = (value - state[name]).flatten(1).abs().amax(dim=1)
            assert value.dtype == torch.float32 and (error <= step * 0.5001).all()
    assert load_file(tmp_path / WEIGHTS_FILE)[WEIGHT].dtype == torch.int8


def test_a_channel_of_zeros_has_eight_bits_too(tmp_path):
    empty = states()
    empty[1][WEIGHT[7:]][0] = 0
    save_bundle(tmp_path, SPEC, empty, torch.int8)
    [_, network] = load_bundle(tmp_path)[1]
    assert not network.state_dict()[WEIGHT[7:]][0].any()


@pytest.mark.parametrize("scale", [None, torch.ones(3), torch.ones(4, dtype=torch.int32)])
def test_eight_bits_without_a_scale_for_each_channel_are_refused(tmp_path, scale):
    save_bundle(tmp_path, SPEC, states(), torch.int8)
    rewrite(tmp_path, **{f"{WEIGHT}.scale": scale})
    with pytest.raises(ModelError, match=f"lacks {WEIGHT}.scale"):
        load_bundle(tmp_path)


def test_a_bundle_of_floats_says_nothing_new_to_older_programs(bundle):
    assert "weight_format" not in json.loads((bundle / SPEC_FILE).read_text())


def test_an_unknown_format_of_weights_is_refused(bundle):
    values = json.loads((bundle / SPEC_FILE).read_text())
    (bundle / SPEC_FILE).write_text(json.dumps({**values, "weight_format": "int4"}))
    with pytest.raises(ModelError, match="weight_format must be one of float, int8"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (None, f"lacks {WEIGHT[7:]}"),
        (torch.zeros(3), r"wrong shapes: input_blocks.0.0.weight \(3,\) for"),
        (torch.full((4, 24, 3, 3, 3), torch.nan), "not finite in input_blocks.0.0.weight"),
        (torch.zeros((4, 24, 3, 3, 3), dtype=torch.int32), "no real numbers in input_blocks.0.0.weight"),
    ],
    ids=["missing", "shape", "NaN", "integers"],
)
def test_a_wrong_weight_is_named(bundle, change, named):
    rewrite(bundle, **{WEIGHT: change})
    with pytest.raises(ModelError, match=named):
        load_bundle(bundle)


@pytest.mark.parametrize("name", ["stage1.spare", "stage2.out.2.bias", "spare"])
def test_an_extra_weight_is_named(bundle, name):
    rewrite(bundle, **{name: torch.zeros(1)})
    with pytest.raises(ModelError, match=name.removeprefix("stage1.")):
        load_bundle(bundle)


def test_weights_with_another_hash_are_refused(bundle):
    content = bytearray((bundle / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (bundle / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(ModelError, match="hash"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "content", [b"", b"short", (10**10).to_bytes(8, "little") + b"{}", b"\x08" + b"\0" * 7 + b"nonsense"]
)
def test_a_weights_file_that_is_none_is_refused_even_with_its_hash(bundle, content):
    (bundle / WEIGHTS_FILE).write_bytes(content)
    values = json.loads((bundle / SPEC_FILE).read_text())
    (bundle / SPEC_FILE).write_text(json.dumps({**values, "weights_sha256": sha256_of(bundle / WEIGHTS_FILE)}))
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(bundle)


def test_a_truncated_weights_file_is_refused(bundle):
    content = (bundle / WEIGHTS_FILE).read_bytes()
    (bundle / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="hash"):
        load_bundle(bundle)


@pytest.mark.linux
def test_a_network_larger_than_the_weights_is_refused_before_it_takes_memory(bundle):
    import resource

    values = json.loads((bundle / SPEC_FILE).read_text())
    values["stages"][0]["network"].update(base_channels=1024, channel_multipliers=[64, 64], res_blocks=8)
    (bundle / SPEC_FILE).write_text(json.dumps(values))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match="wrong shapes"):
        load_bundle(bundle)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("name", [SPEC_FILE, WEIGHTS_FILE])
def test_a_folder_without_one_of_the_files_is_no_model(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        load_bundle(bundle)


def test_another_model_is_not_overwritten_but_the_same_one_is(bundle):
    save_bundle(bundle, SPEC, states())
    with pytest.raises(ModelError, match="another model"):
        save_bundle(bundle, ModelSpec(**{**vars(SPEC), "name": "other"}), states())
    (bundle / SPEC_FILE).write_text("[]")
    with pytest.raises(ModelError, match="JSON object"):
        save_bundle(bundle, SPEC, states())


def test_weights_too_large_for_half_precision_are_refused(tmp_path):
    large = states()
    large[0]["out.2.bias"][0] = 1e6
    with pytest.raises(ModelError, match="stage0.out.2.bias"):
        save_bundle(tmp_path / "model", SPEC, large)
    assert not (tmp_path / "model" / SPEC_FILE).exists()


@pytest.mark.posix
def test_a_full_disk_is_said_and_the_model_that_was_there_kept(bundle):
    import resource

    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ResourceError, match="could not be written"):
            save_bundle(bundle, SPEC, states(), torch.float32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_a_path_that_is_a_file_cannot_become_a_model(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ResourceError, match="taken"):
        save_bundle(tmp_path / "taken", SPEC, states())


def test_images_of_eight_bits_agree_with_those_of_sixteen(tmp_path):
    half = load_model(write_model(tmp_path / "half", kinds=("haar", "haar_detail")), "cpu", "float32")
    spec, networks, atlas = load_with_atlas(tmp_path / "half")
    save_bundle(tmp_path / "eighth", spec, [network.state_dict() for network in networks], torch.int8, atlas)
    eight = load_model(tmp_path / "eighth", "cpu", "float32")
    mask = Volume.read(resource("masks") / "one_tumor.nii.gz", labels=True)
    wanted, found = (
        model.synthesize(mask, seed=1, output_grid="model")[0].volumes["T1"].array for model in (half, eight)
    )
    assert 0 < np.linalg.norm(found - wanted) < 0.02 * np.linalg.norm(wanted)
