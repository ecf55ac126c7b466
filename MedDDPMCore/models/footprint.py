"""What a model needs, memory and operations, found by running its networks on tensors that hold nothing."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

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
def stage_work(spec: ModelSpec, stage: StageSpec) -> int:
    """Floating-point operations of one step of a stage on one whole image: times of stages are about as these."""
    key = (repr(spec), repr(stage))
    if key not in _counted:
        with FlopCounterMode(display=False) as counter:
            _called(spec, stage, _on_meta(spec, stage, torch.float32), 1)
        _counted[key] = counter.get_total_flops()
    return _counted[key]


@torch.inference_mode()
def _stage_memory(spec: ModelSpec, stage: StageSpec, precision: torch.dtype, batch: int, slab_planes: int) -> int:
    network = _on_meta(spec, stage, precision)
    if isinstance(network, UNet):
        network.slab_planes = slab_planes
    with PeakMemory() as memory:
        held = torch.empty(LOOP_TENSORS, batch, *stage.domain.x_shape(spec.grid.shape), device="meta")
        _called(spec, stage, network, batch)
        del held
    return memory.peak


def _called(spec: ModelSpec, stage: StageSpec, network: torch.nn.Module, batch: int) -> None:
    """One step of a network on meta tensors of whole images."""
    channels, *size = stage.domain.x_shape(spec.grid.shape)
    channels += stage.domain.condition_channels(spec.conditions)
    with torch.device("meta"):
        dtype = next(network.parameters()).dtype
        network(torch.empty(batch, channels, *size, dtype=dtype), torch.empty(batch, dtype=torch.long))


def _on_meta(spec: ModelSpec, stage: StageSpec, precision: torch.dtype) -> torch.nn.Module:
    with torch.device("meta"):
        network = build_network(spec, stage)
    return in_precision(network, precision).requires_grad_(False)
