"""One stage of a model with its network: from labels to a denoiser, and from what is diffused to an image."""

from __future__ import annotations

import torch
from torch import Tensor

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


def denoiser(
    network, stage: StageSpec, condition: Tensor, coarse: Tensor | None = None, precision: torch.dtype = torch.float32
) -> Denoiser:
    """`denoise(x, t) -> x0` for these packed condition channels (batch, channels, z, y, x).

    x0 is kept to images in -1..1. The network runs in `precision`; all else is float32.
    """
    schedule = Schedule.cosine(stage.timesteps)
    domain = stage.domain

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast(x.device.type, precision, enabled=precision != torch.float32):
            output = network(torch.cat([x, condition], dim=1), t)
        x0 = x0_from(stage.prediction, schedule, output, x, t)
        return domain.limit(x0, coarse)

    return denoise
