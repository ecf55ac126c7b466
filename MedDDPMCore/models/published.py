"""The authors' published Med-DDPM checkpoints (Dorjsembe et al., IEEE JBHI 2024) as bundles.

A checkpoint is a pickled {step, model, ema}, of which `ema` is the network to use; its names start with `denoise_fn.`
and stand beside 13 buffers of the noise schedule. Here it may as well be one of the two, a bare state dict, a
DataParallel one, or a safetensors file. Sizes are read off the tensors; the network's inputs and outputs tell the two
published layouts apart. No code in a checkpoint is run, and nothing is allocated for what the file does not hold.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..base.errors import ModelError
from ..base.files import only_writer
from ..diffusion.domain import Domain
from ..diffusion.schedule import Schedule
from ..volumes.grid import ModelGrid
from ..volumes.labels import BRATS, WHOLE_HEAD
from .bundle import load_bundle, load_checked, save_bundle
from .catalogue import SPEC_FILE
from .checkpoint_file import read_tensors
from .spec import ModelSpec, StageSpec
from .stage import build_network

TIMESTEPS = 250
FLOAT16_TOLERANCE = 0.005
"""How far the output of half-precision weights may lie from the original's, relative to the latter's largest value."""
_MARK = "input_blocks.0.0.weight"
_LICENCE = (
    "The weights are their authors' (github.com/mobaidoctor/med-ddpm, whose code is under GPL-3.0); the authors' terms "
    "apply to them."
)
_CITE = (
    "Dorjsembe, Pao, Odonchimed, Xiao: Conditional Diffusion Models for Semantic 3D Brain MRI Synthesis, "
    "IEEE JBHI 2024, doi 10.1109/JBHI.2024.3385504."
)
_LAYOUTS = {
    (3, 1): ModelSpec(
        name="med-ddpm-whole-head",
        labels=WHOLE_HEAD,
        grid=ModelGrid((128, 128, 128), (1.5, 1.5, 1.5), "head_centre", "RAS"),
        modalities=("T1c",),
        stages=(),
        sampler="ddpm",
        steps=TIMESTEPS,
        title="Med-DDPM, whole head with tumour, T1 with contrast (published weights)",
        licence=_LICENCE,
        training_data="Whole-head T1 MRI with contrast of tumour patients, National Taiwan University Hospital.",
        convention="per_slice",
        intensity="min-max of each slice along the z axis to -1..1",
        notes=_CITE,
    ),
    (8, 4): ModelSpec(
        name="med-ddpm-brats",
        labels=BRATS,
        grid=ModelGrid((144, 192, 192), (1.0, 1.0, 1.0), "head_centre", "LPS"),
        modalities=("T1", "T1ce", "T2", "FLAIR"),
        stages=(),
        sampler="ddpm",
        steps=TIMESTEPS,
        title="Med-DDPM, skull-stripped brain with tumour, four modalities (published weights)",
        licence=_LICENCE,
        training_data="BraTS 2021.",
        convention="min_max",
        intensity="min-max of each modality's volume to -1..1",
        notes=_CITE,
    ),
}
"""(input channels, output channels) -> what is known of the published model beside its network."""


@dataclass(frozen=True)
class ImportReport:
    """What was found in a checkpoint, and how close the copy is.

    source: where in the file the weights were ("ema.", "" for a bare state dict). parameters: their number. step: the
    training step that the file states, or None. difference: of the copy's output from the original's on a fixed input,
    the largest over all voxels relative to the largest output. tolerance: what it was allowed to be.
    """

    spec: ModelSpec
    source: str
    parameters: int
    step: int | None
    difference: float
    tolerance: float


def import_published(path: str | Path, folder: str | Path, dtype: torch.dtype = torch.float32) -> ImportReport:
    """Writes the published checkpoint at path as a bundle into folder, weights stored in dtype, and proves the copy.

    The proof: the bundle, read back, gives the output of the checkpoint's own float32 weights on a fixed input; exactly
    for float32, within FLOAT16_TOLERANCE for float16. Raises ModelError for what is no such checkpoint, naming what is
    missing, extra, mis-shaped or not finite, and where the proof fails; ResourceError on a full disk, BusyError where
    another process writes into the folder.
    """
    path = Path(path)
    source, state, step = _network_tensors(path)
    buffers = {name: state.pop(name) for name in (*_schedule_buffers(Schedule.cosine()), *_POSTERIOR) if name in state}
    spec = _recognise(state, _check_schedule(buffers, path), path)
    with torch.device("meta"):
        network = build_network(spec, spec.stages[0])
    load_checked(network, state, str(path))
    tolerance = 0.0 if dtype == torch.float32 else FLOAT16_TOLERANCE
    with only_writer(folder):
        spec = save_bundle(folder, spec, [network.state_dict()], dtype)
        [copy] = load_bundle(folder)[1]
        difference = _difference(
            network.eval().requires_grad_(False), copy, len(spec.modalities) + len(spec.labels.channels)
        )
        if not difference <= tolerance:
            (Path(folder) / SPEC_FILE).unlink()
            raise ModelError(
                f"The copy in {folder} differs from {path} by {difference:.2g} of its largest output, not "
                f"{tolerance:g}.",
                "Store fp32.",
            )
    return ImportReport(spec, source, sum(p.numel() for p in network.parameters()), step, difference, tolerance)


@torch.inference_mode()
def _difference(original: nn.Module, copy: nn.Module, channels: int) -> float:
    """The largest difference of two networks' outputs on a fixed input of so many channels, relative to the largest."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((1, channels, 16, 16, 32), generator=generator)
    t = torch.tensor([TIMESTEPS // 3])
    expected = original(x, t)
    return float((copy(x, t) - expected).abs().max() / expected.abs().max().clamp(min=1e-12))


def _network_tensors(path: Path) -> tuple[str, dict[str, Tensor], int | None]:
    """Where the network's tensors are in the file, those tensors by their published names, and the training step."""
    tensors, step = read_tensors(path)
    prefixes = [name[: -len(_MARK)] for name in tensors if f".{name}".endswith(f".{_MARK}")]
    if not prefixes:
        raise ModelError(
            f"{path} holds no Med-DDPM network: none of its {len(tensors)} tensors is called {_MARK}.",
            "Name the published checkpoint, a dictionary with ema, or its state dict.",
        )
    inner = next((prefix for prefix in prefixes if "ema" in prefix.split(".")), prefixes[0])
    source = inner.removesuffix("denoise_fn.")
    state = {
        name[len(source) :].removeprefix("denoise_fn."): value
        for name, value in tensors.items()
        if name.startswith(source)
    }
    if sum(value.numel() * value.element_size() for value in state.values()) > path.stat().st_size:
        raise ModelError(f"{path} claims to hold more numbers than fit into it.", "It is damaged: download it again.")
    return source, state, step


def _recognise(state: dict[str, Tensor], timesteps: int, path: Path) -> ModelSpec:
    """The spec of the layout whose tensors these are. Only names and shapes are looked at."""
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    first, last = shapes.get(_MARK, ()), shapes.get("out.2.weight", ())
    channels = (first[1] if len(first) == 5 else None, last[0] if len(last) == 5 else None)
    if channels not in _LAYOUTS:
        raise ModelError(
            f"{path} is no published Med-DDPM network: its {_MARK} is {first}, its out.2.weight {last or 'missing'}.",
            "The whole-head network takes 3 channels and gives 1, the BraTS one takes 8 and gives 4.",
        )
    layout = _LAYOUTS[channels]
    network = _network_arguments(shapes, path)
    domain = Domain("voxels", len(layout.modalities))
    spec = replace(layout, stages=(StageSpec(domain, "noise", timesteps, network),), steps=timesteps)
    return ModelSpec.from_dict(spec.to_dict())


def _network_arguments(shapes: dict[str, tuple[int, ...]], path: Path) -> dict:
    """The U-Net's arguments, read off the names and shapes of its tensors; a stray shape is outvoted by the others."""
    numbers = [int(match[1]) for name in shapes if (match := re.match(r"input_blocks\.(\d{1,3})\.", name))]
    widths: list[int] = []
    res_blocks = [0]
    attention = set()
    for i in range(1, max(numbers) + 1):
        block = f"input_blocks.{i}."
        if any(name.startswith(block + "0.op.") for name in shapes):
            res_blocks.append(0)
            continue
        if not res_blocks[-1]:
            made = tuple(f"{block}0.{layer}." for layer in ("in_layers.2", "emb_layers", "out_layers"))
            widths.append(_width(shapes, made, path))
        res_blocks[-1] += 1
        if any(name.startswith(block + "1.") for name in shapes):
            attention.add(2 ** (len(res_blocks) - 1))
    base = _width(shapes, ("input_blocks.0.", "out.0."), path)
    if len(widths) != len(res_blocks) or any(width % base for width in widths):
        raise ModelError(f"{path} is not a Med-DDPM network: its levels are {widths} wide on a base of {base}.")
    return {
        "base_channels": base,
        "channel_multipliers": tuple(width // base for width in widths),
        "res_blocks": Counter(res_blocks).most_common(1)[0][0],
        "attention_factors": tuple(sorted(attention)),
        "bottom_attention": any(name.startswith("middle_block.1.") for name in shapes),
    }


def _width(shapes: dict[str, tuple[int, ...]], prefixes: tuple[str, ...], path: Path) -> int:
    """The commonest first size among the tensors with these prefixes: the width of what they make."""
    sizes = Counter(shape[0] for name, shape in shapes.items() if shape and name.startswith(prefixes))
    size = sizes.most_common(1)[0][0] if sizes else 0
    if not size:
        raise ModelError(f"{path} lacks the tensors {prefixes[0]}….", "It is no Med-DDPM checkpoint, or damaged.")
    return size


_POSTERIOR = (
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "posterior_mean_coef3",
)
"""Buffers that follow from the others, and are not compared."""


def _schedule_buffers(schedule: Schedule) -> dict[str, Tensor]:
    """The published buffers that say what the schedule is, by name, (T,) float64."""
    bar = schedule.alphas_cumprod
    return {
        "betas": schedule.betas,
        "alphas_cumprod": bar,
        "alphas_cumprod_prev": torch.cat([bar.new_ones(1), bar[:-1]]),
        "sqrt_alphas_cumprod": bar.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - bar).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - bar).log(),
        "sqrt_recip_alphas_cumprod": (1 / bar).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / bar - 1).sqrt(),
    }


def _is_stored_as(value: Tensor, wanted: Tensor) -> bool:
    """Whether a tensor holds the numbers wanted (float64), as far as its own type can hold them: bfloat16 is coarse."""
    rounded = wanted.to(value.dtype).double() if value.is_floating_point() else wanted
    step = torch.finfo(value.dtype).eps if value.is_floating_point() else 0.0
    return torch.allclose(value.double(), rounded, rtol=max(1e-3, 2 * step), atol=1e-6)


def _check_schedule(buffers: dict[str, Tensor], path: Path) -> int:
    """The number of steps of the checkpoint's schedule, the published one's where it holds none.

    Raises ModelError naming the buffers that are not those of a cosine schedule.
    """
    timesteps = buffers["betas"].numel() if "betas" in buffers else TIMESTEPS
    if not 1 <= timesteps <= 10000:
        raise ModelError(f"{path} states a schedule of {timesteps} steps.")
    wanted = _schedule_buffers(Schedule.cosine(timesteps))
    wrong = [
        name
        for name, value in buffers.items()
        if value.shape != (timesteps,)
        or not torch.isfinite(value.float()).all()
        or (name in wanted and not _is_stored_as(value, wanted[name]))
    ]
    if wrong:
        raise ModelError(f"{path} was trained with another noise schedule: {', '.join(wrong)} is not the cosine's.")
    return timesteps
