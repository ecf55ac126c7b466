"""The published checkpoints: every way they are stored is read, every way they can be wrong is said."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from published_networks import BRATS, WHOLE_HEAD, Case, fill
from safetensors.torch import save_file

from MedDDPMCore.base.errors import ModelError
from MedDDPMCore.diffusion.schedule import Schedule
from MedDDPMCore.models.bundle import SPEC_FILE, load_bundle
from MedDDPMCore.models.published import FLOAT16_TOLERANCE, import_published
from MedDDPMCore.networks.unet import UNet

SMALL = {"channel_multipliers": (1, 2), "res_blocks": 2, "attention_factors": (2,)}
BIAS = "input_blocks.1.0.in_layers.2.bias"


def checkpoint(network: UNet, prefix: str = "denoise_fn.") -> dict[str, torch.Tensor]:
    """The state dict that the published trainer writes, buffers included."""
    schedule = Schedule.cosine(250)
    bar, (on_x0, on_xt, variance) = schedule.alphas_cumprod, schedule.posterior()
    buffers = {
        "betas": schedule.betas,
        "alphas_cumprod": bar,
        "alphas_cumprod_prev": torch.cat([torch.ones(1), bar[:-1]]),
        "sqrt_alphas_cumprod": bar.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - bar).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - bar).log(),
        "sqrt_recip_alphas_cumprod": bar.rsqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / bar - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": on_x0,
        "posterior_mean_coef2": on_xt,
        "posterior_mean_coef3": on_xt * 0,
    }
    outer = prefix.removesuffix("denoise_fn.")
    return {
        **{outer + name: value.float().clone() for name, value in buffers.items()},
        **{prefix + name: value.clone() for name, value in network.state_dict().items()},
    }


@pytest.fixture(scope="module")
def network() -> UNet:
    built = UNet(3, 1, 32, **SMALL).eval().requires_grad_(False)
    fill(built)
    return built


def saved(folder: Path, content: object) -> Path:
    torch.save(content, folder / "model.pt")
    return folder / "model.pt"


def refused(path: Path) -> str:
    """What import_published says of a file that it refuses, having written nothing."""
    with pytest.raises(ModelError) as caught:
        import_published(path, path.parent / "out")
    assert not (path.parent / "out").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("store", "source"),
    [
        (lambda state: {"step": 7, "model": {k: v * 0 for k, v in state.items()}, "ema": state}, "ema."),
        (lambda state: {"ema": state}, "ema."),
        (lambda state: {"model": state}, "model."),
        (lambda state: {"checkpoint": {"ema": {"state_dict": state}}}, "checkpoint.ema.state_dict."),
        (lambda state: state, ""),
        (lambda state: {k.removeprefix("denoise_fn."): v for k, v in state.items() if "denoise_fn" in k}, ""),
        (lambda state: {"step": 1, "ema": {f"module.{k}": v for k, v in state.items()}}, "ema."),
    ],
    ids=["published", "only ema", "only model", "nested", "state dict", "bare network", "DataParallel"],
)
def test_every_way_of_storing_the_weights_is_read(tmp_path, network, store, source):
    content = store(checkpoint(network))
    report = import_published(saved(tmp_path, content), tmp_path / "out", torch.float32)
    assert (report.source, report.difference, report.tolerance) == (source, 0, 0)
    assert report.step == content.get("step")
    assert report.parameters == sum(p.numel() for p in network.parameters())
    [copy] = load_bundle(tmp_path / "out")[1]
    for name, value in network.state_dict().items():
        assert torch.equal(copy.state_dict()[name], value)


def test_a_safetensors_file_is_read_too(tmp_path, network):
    save_file(checkpoint(network, "ema.module.denoise_fn."), tmp_path / "model.safetensors")
    report = import_published(tmp_path / "model.safetensors", tmp_path / "out", torch.float32)
    assert (report.source, report.difference) == ("ema.", 0)


def test_half_precision_stays_within_the_stated_tolerance(tmp_path, network):
    report = import_published(saved(tmp_path, checkpoint(network)), tmp_path / "out", torch.float16)
    assert 0 < report.difference < FLOAT16_TOLERANCE / 4
    assert (tmp_path / "out" / "weights.safetensors").stat().st_size < 2.1 * report.parameters


def test_sizes_and_attention_are_read_off_the_tensors(tmp_path, network):
    report = import_published(saved(tmp_path, checkpoint(network)), tmp_path / "out", torch.float32)
    assert report.spec.stages[0].network == {"base_channels": 32, "bottom_attention": True, **SMALL}


@pytest.mark.parametrize(
    ("case", "shape", "spacing", "axes", "modalities"),
    [
        (WHOLE_HEAD, (128, 128, 128), 1.5, "RAS", ("T1c",)),
        (BRATS, (144, 192, 192), 1.0, "LPS", ("T1", "T1ce", "T2", "FLAIR")),
    ],
    ids=["whole head", "BraTS"],
)
def test_the_published_layouts_are_told_apart(tmp_path, case: Case, shape, spacing, axes, modalities):
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in UNet(*case.channels, 32, **case.network).state_dict().items()}
    path = saved(tmp_path, {"ema": {f"denoise_fn.{name}": torch.full(shape, 0.01) for name, shape in shapes.items()}})
    spec = import_published(path, tmp_path / "out").spec
    assert (spec.grid.shape, spec.grid.spacing, spec.grid.axes) == (shape, (spacing,) * 3, axes)
    assert spec.modalities == modalities
    assert (spec.sampler, spec.steps) == ("ddpm", 250)
    [stage] = spec.stages
    assert (stage.domain.kind, stage.prediction, stage.timesteps) == ("voxels", "noise", 250)
    assert stage.network["channel_multipliers"] == (1, 1, 2, 3, 4)
    assert stage.network["res_blocks"] == case.network["res_blocks"]
    assert stage.network["attention_factors"] == case.network["attention_factors"]


@pytest.mark.parametrize(
    "name", ["input_blocks.0.0.weight", BIAS, "middle_block.1.qkv.weight", "out.2.weight", "out.0.bias"]
)
@pytest.mark.parametrize("fault", ["missing", "shape", "NaN", "integers"])
def test_a_wrong_tensor_is_named(tmp_path, network, name, fault):
    state = checkpoint(network)
    value = state.pop(f"denoise_fn.{name}")
    wrong = {"shape": torch.zeros(5, 7), "NaN": value * torch.nan, "integers": value.int()}
    if fault != "missing":
        state[f"denoise_fn.{name}"] = wrong[fault]
    assert name in refused(saved(tmp_path, state))


@pytest.mark.parametrize("name", ["denoise_fn.spare", "spare", "denoise_fn.input_blocks.1.0.spare.weight"])
def test_an_extra_tensor_is_named(tmp_path, network, name):
    assert "spare" in refused(saved(tmp_path, {**checkpoint(network), name: torch.zeros(2)}))


def test_a_whole_missing_block_is_named(tmp_path, network):
    state = {name: value for name, value in checkpoint(network).items() if "input_blocks.4." not in name}
    assert "input_blocks.4." in refused(saved(tmp_path, state))


@pytest.mark.parametrize("name", ["betas", "sqrt_recip_alphas_cumprod", "posterior_variance"])
def test_another_noise_schedule_is_refused(tmp_path, network, name):
    state = checkpoint(network)
    state[name] = torch.linspace(1e-4, 0.02, 251 if name == "posterior_variance" else 250)
    assert name in refused(saved(tmp_path, state))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_schedule_stored_in_half_precision_is_no_other_schedule(tmp_path, network, dtype):
    state = {name: value.to(dtype) for name, value in checkpoint(network).items()}
    assert import_published(saved(tmp_path, state), tmp_path / "out").parameters
    state["betas"] = torch.linspace(1e-4, 0.02, 250).to(dtype)
    with pytest.raises(ModelError, match="another noise schedule: betas"):
        import_published(saved(tmp_path, state), tmp_path / "other")


@pytest.mark.parametrize("channels", [(2, 1), (3, 4), (8, 1)])
def test_a_network_of_other_channels_is_refused(tmp_path, channels):
    assert "takes 3 channels" in refused(saved(tmp_path, checkpoint(UNet(*channels, 32, **SMALL))))


@pytest.mark.parametrize("content", [{}, {"ema": None}, [1, 2], torch.zeros(3), {"a": torch.zeros(3)}, 5])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    assert "holds no Med-DDPM network" in refused(saved(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "There is no file" in refused(tmp_path / "nothing.pt")


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_would_run_code_does_not(tmp_path, network, protocol):
    content = {"ema": checkpoint(network), "extra": Hostile(tmp_path / "owned")}
    torch.save(content, tmp_path / "model.pt", pickle_protocol=protocol)
    assert "no part of a plain checkpoint" in refused(tmp_path / "model.pt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_that_would_run_code_does_not(tmp_path, protocol):
    (tmp_path / "model.pt").write_bytes(pickle.dumps(Hostile(tmp_path / "owned"), protocol))
    assert "neither a PyTorch checkpoint" in refused(tmp_path / "model.pt")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(tmp_path, network, share):
    path = saved(tmp_path, checkpoint(network))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "cut short" in refused(path)


def repacked(path: Path, compression: int = zipfile.ZIP_STORED, **changed: bytes) -> None:
    """Writes a zip anew, some of its files (by the last part of their names, dots as underscores) changed."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w", compression) as new:
        for entry in old.infolist():
            name = entry.filename.rsplit("/", 1)[-1].replace(".", "_")
            new.writestr(entry.filename, changed.get(name, old.read(entry)))


@pytest.mark.linux
def test_a_tensor_that_claims_ten_gigabytes_takes_no_memory(tmp_path):
    import resource

    path = saved(tmp_path, {"input_blocks.0.0.weight": torch.zeros(77)})
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    assert pickled.count(b"KM") == 2
    repacked(path, data_pkl=pickled.replace(b"KM", b"\x8a\x05" + (2_500_000_000).to_bytes(5, "little")))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.linux
def test_a_tensor_that_repeats_one_number_ten_billion_times_takes_no_memory(tmp_path):
    import resource

    huge = {"input_blocks.0.0.weight": torch.zeros(1).expand(10**10)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more numbers than fit" in refused(saved(tmp_path, huge))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.linux
def test_a_safetensors_header_that_claims_ten_gigabytes_takes_no_memory(tmp_path):
    import resource

    (tmp_path / "length.safetensors").write_bytes(struct.pack("<Q", 10**10) + b"{}")
    header = b'{"input_blocks.0.0.weight":{"dtype":"F32","shape":[2500000000],"data_offsets":[0,10000000000]}}'
    (tmp_path / "tensor.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("length", "tensor"):
        assert "neither a PyTorch checkpoint" in refused(tmp_path / f"{name}.safetensors")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_compressed_zip_is_refused(tmp_path):
    path = saved(tmp_path, {"input_blocks.0.0.weight": torch.zeros(1_000_000)})
    repacked(path, zipfile.ZIP_DEFLATED)
    assert "not one that PyTorch wrote" in refused(path)


@pytest.mark.parametrize("pickled", [b"", b"\x80\x02", b"garbage", b"\x80\x02}q\x00.", b"\x80\x02Nq", b"((((((."])
def test_a_pickle_that_makes_no_sense_is_refused(tmp_path, pickled):
    path = saved(tmp_path, {"a": torch.zeros(2)})
    repacked(path, data_pkl=pickled)
    refused(path)


def test_a_bundle_that_fails_the_proof_is_not_left_behind(tmp_path, network, monkeypatch):
    monkeypatch.setattr("MedDDPMCore.models.published.FLOAT16_TOLERANCE", 0.0)
    with pytest.raises(ModelError, match="differs from"):
        import_published(saved(tmp_path, checkpoint(network)), tmp_path / "out", torch.float16)
    assert not (tmp_path / "out" / SPEC_FILE).exists()
