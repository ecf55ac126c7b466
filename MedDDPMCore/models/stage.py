"""One stage of a model with its network: from labels to a denoiser, and from what is diffused to an image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..diffusion.objective import x0_from
from ..diffusion.samplers import Denoiser
from ..diffusion.schedule import Schedule
from ..networks.translation import Generator
from ..networks.unet import UNet
from .spec import ModelSpec, StageSpec


def build_network(spec: ModelSpec, stage: StageSpec) -> UNet | Generator:
    """The untrained network of a stage: network(x, t), x (batch, channel, z, y, x) the noise, then the condition.

    A Pix2Pix generator takes that noise as its z; a DiscoGAN generator passes it over.
    """
    if spec.kind == "pix2pix":
        return Generator(len(spec.modalities) + len(spec.labels.channels), len(spec.modalities), True, **stage.network)
    if spec.kind == "discogan":
        return Generator(len(spec.labels.channels), len(spec.modalities), False, **stage.network)
    condition = stage.domain.condition_channels(spec.conditions)
    return UNet(stage.domain.x_channels + condition, stage.domain.x_channels, **stage.network)


def in_precision(network: torch.nn.Module, precision: torch.dtype) -> torch.nn.Module:
    """The network with the weights of its convolutions and linear layers in a precision, the rest as it was.

    That is what autocast would make of them at each call.
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv3d, nn.ConvTranspose3d)):
            module.to(precision)
    return network


def denoiser(
    network: Callable[[Tensor, Tensor], Tensor],
    stage: StageSpec,
    condition: Tensor,
    coarse: Tensor | None = None,
    precision: torch.dtype = torch.float32,
) -> Denoiser:
    """`denoise(x, t) -> x0` for these packed condition channels (batch, channels, z, y, x).

    x0 is kept to images in -1..1. The network runs in `precision`; all else is float32. The network's input is one
    buffer, laid out as its convolutions want it, into which each call copies x.
    """
    domain, device = stage.domain, condition.device
    factors = Schedule.cosine(stage.timesteps).factors(device)
    channels = domain.x_channels
    joined = torch.empty(
        (len(condition), channels + condition.shape[1], *condition.shape[2:]),
        dtype=precision, device=device, memory_format=torch.channels_last_3d,
    )  # fmt: skip
    joined[:, channels:] = condition

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        joined[:, :channels] = x
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            output = network(joined, t)
        x0 = x0_from(stage.prediction, factors, output, x, t)
        return domain.limit(x0, coarse)

    return denoise
