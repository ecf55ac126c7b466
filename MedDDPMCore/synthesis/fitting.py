"""Makes a run fit into the memory that is free: smaller batches, then slab by slab, then the CPU, each said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..base.device import pick_precision
from ..base.errors import ResourceError
from ..base.memory import free_memory
from ..models.footprint import SLABS, weight_memory, working_memory
from ..models.spec import ModelSpec

MARGIN = 1.2
"""Memory taken over memory counted: kernels' scratch, and gaps between tensors. See Documentation/performance.md."""
RESERVE = {"cuda": 600 << 20, "mps": 300 << 20, "cpu": 300 << 20}
"""Bytes left to what is not counted: the kernels' code and workspaces, and the images on their way out."""


@dataclass(frozen=True)
class Fit:
    """Where and in what pieces a run is done.

    slab_planes: as of `UNet.slab_planes`. warnings: what the user should know.
    """

    device: torch.device
    batch_size: int = 1
    slab_planes: int = 0
    warnings: tuple[str, ...] = ()


def needed(spec: ModelSpec, device: torch.device, precision: torch.dtype, batch: int = 1, slab_planes: int = 0) -> int:
    """Bytes that must be free for a loaded model to run."""
    return int(MARGIN * working_memory(spec, precision, batch, slab_planes)) + RESERVE[device.type]


def fit(
    spec: ModelSpec,
    device: torch.device,
    precision: torch.dtype,
    batch_size: int = 1,
    free: Callable[[torch.device], int] = free_memory,
) -> Fit:
    """The first way that fits: as asked, fewer samples at once, slab by slab, on the CPU.

    The model is loaded on `device` already. ResourceError where none fits; free tells a device's free bytes.
    """
    available = free(device)

    def need(batch: int, planes: int = 0) -> int:
        return needed(spec, device, precision, batch, planes)

    if need(batch_size) <= available:
        return Fit(device, batch_size)
    has_free = f"The device {device} has {_gb(available)} of memory free; "
    batch = batch_size
    while batch > 1:
        batch //= 2
        if need(batch) <= available:
            warning = f"{has_free}{batch_size} samples at once need {_gb(need(batch_size))}: {batch} at once are made."
            return Fit(device, batch, 0, (warning,))
    for planes in SLABS:
        if need(1, planes) <= available:
            warning = (
                f"{has_free}this model needs {_gb(need(1))}: its largest layers are computed in slabs, a little slower."
            )
            return Fit(device, 1, planes, (warning,))
    if device.type != "cpu":
        cpu = torch.device("cpu")
        slower = fit(spec, cpu, pick_precision("auto", cpu), 1, lambda d: _beside_weights(spec, free(d)))
        in_slabs = _gb(need(1, SLABS[-1]))
        warning = f"{has_free}this model needs {in_slabs} even in slabs: it is computed on the CPU, far slower."
        return Fit(cpu, 1, slower.slab_planes, (warning, *slower.warnings))
    raise ResourceError(
        f"{has_free}this model needs {_gb(need(1, SLABS[-1]))}.",
        "Close other programs, or choose a smaller model.",
    )


def _beside_weights(spec: ModelSpec, free: int) -> int:
    """What is left when the weights have been loaded too."""
    return free - weight_memory(spec, torch.float32)


def _gb(count: int) -> str:
    return f"{max(0, count) / 1e9:.1f} GB"
