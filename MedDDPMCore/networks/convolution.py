"""A 3D convolution that trains in bfloat16 on CPUs at every size, and is fast in float32 there."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from .winograd import winograd_conv3d

_FEWEST_CHANNELS, _FEWEST_VOXELS = 48, 16**3
"""Of a convolution that Winograd's method pays for: below, its transforms cost what they save."""


class Conv3d(nn.Conv3d):
    """As torch's, with two exceptions on CPUs.

    Where gradients are wanted, two planes are convolved in float32 under bfloat16 autocast: for a volume of two planes,
    the weight gradient of oneDNN's bfloat16 convolution (3x3x3, stride 1; torch 2.13) reads memory that was never
    written: now and then it is NaN.

    Where they are not, float32 is computed by Winograd's method if that pays, and else by oneDNN, which torch itself
    passes over for a single small volume: that is up to five times slower, and loses the memory format.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        if torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad):
            if x.shape[2] == 2 and _autocast_on_cpu():
                with torch.autocast("cpu", enabled=False):
                    return super().forward(x.float())
        elif _plain_float32(x, self.weight):
            if _winograd_pays(self, x) and self.bias is not None:
                return winograd_conv3d(x, self.weight, self.bias)
            return torch.mkldnn_convolution(
                x,
                self.weight,
                self.bias,
                cast("tuple[int, ...]", self.padding),
                self.stride,
                self.dilation,
                self.groups,
            )
        return super().forward(x)


def _autocast_on_cpu() -> bool:
    try:
        return torch.is_autocast_enabled("cpu")
    except TypeError:  # torch < 2.4
        return torch.is_autocast_cpu_enabled()


def _plain_float32(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.dim() == 5
        and not _autocast_on_cpu()
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
    )


def _winograd_pays(conv: nn.Conv3d, x: Tensor) -> bool:
    return (
        (conv.kernel_size, conv.stride, conv.padding) == ((3, 3, 3), (1, 1, 1), (1, 1, 1))
        and min(conv.weight.shape[:2]) >= _FEWEST_CHANNELS
        and x[0, 0].numel() >= _FEWEST_VOXELS
    )
