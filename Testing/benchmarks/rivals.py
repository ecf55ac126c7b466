"""What a user would run instead: the published network by a path, MONAI's of the same shape from PyPI."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from MedDDPMCore.networks.unet import UNet

MULTIPLIERS = (1, 1, 2, 3, 4)


def filled(network: nn.Module) -> nn.Module:
    """Random weights, the zeroed last layers too: a zero can be multiplied faster than a number."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network


def ours(base: int) -> UNet:
    """The published whole-head configuration, attention at factor 8."""
    return filled(UNet(3, 1, base)).to(memory_format=torch.channels_last_3d)


def published(folder: str, base: int, size: int, like: UNet) -> nn.Module:
    """The network of the published code in `folder`, with the weights of ours."""
    sys.path.insert(0, str(Path(folder).resolve()))
    try:
        make = importlib.import_module("diffusion_model.unet").create_model
    finally:
        sys.path.pop(0)
    network = make(
        size, base, 1, channel_mult=",".join(map(str, MULTIPLIERS)), attention_resolutions=str(size // 8),
        in_channels=3, out_channels=1,
    )  # fmt: skip
    network.load_state_dict(like.state_dict())
    return network


class Monai(nn.Module):
    """MONAI's DiffusionModelUNet of the same widths, called as ours is."""

    def __init__(self, base: int):
        super().__init__()
        from monai.networks.nets import DiffusionModelUNet

        self.network = filled(
            DiffusionModelUNet(
                3, 3, 1, num_res_blocks=(1,) * 5, channels=tuple(base * m for m in MULTIPLIERS),
                attention_levels=(False, False, False, True, False), norm_num_groups=min(32, base),
                num_head_channels=(0, 0, 0, base * 3, base * 4),
            )
        )  # fmt: skip

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.network(x, t)
