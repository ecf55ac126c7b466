"""The in-domain feature network: a small 3D encoder of whole-head T1 images, trained by `train_head_encoder`."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool3d, interpolate, relu

SPACING = 2.0
"""mm a voxel of what the network sees."""
FEATURES = 64
WIDTHS = (8, 24, 48, 96)


class HeadEncoder(nn.Module):
    """(batch, 1, z, y, x) of even sizes, -1..1, 2 mm -> (batch, 64) features, each at least 0.

    2x2x2 voxels become 8 channels, three strided and one plain 3x3x3 convolution follow, each with batch norm and ReLU,
    and the mean over space.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strided = nn.ModuleList(_convolution(a, b, 2) for a, b in zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
        self.last = _convolution(WIDTHS[-1], FEATURES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features of a batch."""
        batch, _, *sides = x.shape
        z, y, x_side = (n // 2 for n in sides)
        x = x.reshape(batch, z, 2, y, 2, x_side, 2).permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, 8, z, y, x_side)
        for layer in self.strided:
            x = relu(layer(x))
        return relu(self.last(x)).mean(dim=(2, 3, 4))


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm3d(outputs, momentum=0.05)
    )


def to_input(image: np.ndarray, spacing: tuple[float, float, float]) -> torch.Tensor:
    """An image (z, y, x) in -1..1 of any spacing (x, y, z mm) -> (1, 1, z, y, x) of 2 mm and even sizes.

    Whole multiples are averaged, the rest is linear interpolation; air is added where a side is odd.
    """
    x = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None]
    blocks = [max(1, int(SPACING / mm + 0.01)) for mm in spacing[::-1]]
    sides = [max(2, round(n * mm / SPACING)) for n, mm in zip(image.shape, spacing[::-1], strict=True)]
    if max(blocks) > 1:
        x = avg_pool3d(x, blocks, ceil_mode=True, count_include_pad=False)
    if list(x.shape[2:]) != sides:
        x = interpolate(x, size=sides, mode="trilinear", align_corners=False)
    padding = [p for n in reversed(sides) for p in (0, n % 2)]
    return nn.functional.pad(x, padding, value=-1.0)
