"""A 3D convolution that trains in bfloat16 on CPUs at every size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """As torch's, except that two planes are convolved in float32 under bfloat16 autocast where gradients are wanted.

    For a volume of two planes, the weight gradient of oneDNN's bfloat16 convolution (3x3x3, stride 1; torch 2.13) reads
    memory that was never written: now and then it is NaN.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] == 2 and x.device.type == "cpu" and torch.is_grad_enabled() and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float())
        return super().forward(x)
