"""How much memory a model needs beside its weights, found by running its networks on tensors that hold nothing."""

from __future__ import annotations

import torch

from ..base.memory import PeakMemory
from ..networks.unet import UNet
from .spec import ModelSpec, StageSpec
from .stage import build_network, in_precision

LOOP_TENSORS = 4
"""Of the size of what is diffused, float32, that a sampler holds while the network works."""
SLABS = (32, 16, 8, 4)
"""Planes of a slab to try, where the whole volume at once does not fit."""

_counted: dict[tuple, int] = {}


def weight_memory(spec: ModelSpec, precision: torch.dtype) -> int:
    """Bytes of the networks' weights, of all stages, as a loaded model holds them."""
    networks = (_on_meta(spec, stage, precision) for stage in spec.stages)
    return sum(p.numel() * p.element_size() for network in networks for p in network.parameters())


def working_memory(spec: ModelSpec, precision: torch.dtype, batch: int = 1, slab_planes: int = 0) -> int:
    """Bytes that sampling holds at its fullest beside the weights: the most of any stage.

    slab_planes: as of `UNet.slab_planes`; networks of other kinds are taken whole. What was counted once is remembered,
    as every run asks twice.
    """
    key = (repr(spec), precision, batch, slab_planes)
    if key not in _counted:
        _counted[key] = max(_stage_memory(spec, stage, precision, batch, slab_planes) for stage in spec.stages)
    return _counted[key]


@torch.inference_mode()
def _stage_memory(spec: ModelSpec, stage: StageSpec, precision: torch.dtype, batch: int, slab_planes: int) -> int:
    network = _on_meta(spec, stage, precision)
    if isinstance(network, UNet):
        network.slab_planes = slab_planes
    channels, *size = stage.domain.x_shape(spec.grid.shape)
    condition = stage.domain.condition_channels(spec.conditions)
    with PeakMemory() as memory, torch.device("meta"):
        held = torch.empty(LOOP_TENSORS, batch, channels, *size)
        joined = torch.empty(batch, channels + condition, *size, dtype=precision)
        network(joined, torch.empty(batch, dtype=torch.long))
        del held
    return memory.peak


def _on_meta(spec: ModelSpec, stage: StageSpec, precision: torch.dtype) -> torch.nn.Module:
    with torch.device("meta"):
        network = build_network(spec, stage)
    return in_precision(network, precision).requires_grad_(False)
