"""The orthonormal 3D Haar wavelet transform: one full-size channel <-> eight half-size sub-bands.

Reference: Mallat, "A Wavelet Tour of Signal Processing", ch. 7. Diffusing wavelet bands instead of voxels: Friedrich
et al., WDM, 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor

_HALF = 0.5**0.5


def _split(x: Tensor, axis: int) -> Tensor:
    even, odd = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
    return torch.stack([(even + odd) * _HALF, (even - odd) * _HALF], dim=2)


def _join(low: Tensor, high: Tensor, axis: int) -> Tensor:
    return torch.stack([(low + high) * _HALF, (low - high) * _HALF], dim=axis + 1).flatten(axis, axis + 1)


def haar(x: Tensor) -> Tensor:
    """(batch, channel, z, y, x), even sizes -> (batch, 8 * channel, z/2, y/2, x/2).

    Each channel becomes eight neighbouring ones, in the order LLL, LLH, LHL, LHH, HLL, HLH, HHL, HHH, letters for
    z, y, x. Energy is kept: the sum of squares does not change. Raises ValueError for an odd size.
    """
    if any(n % 2 for n in x.shape[2:]):
        raise ValueError(f"the Haar transform needs even sizes, got {tuple(x.shape[2:])}")
    bands = _split(x, 2)  # (batch, channel, [z band], z, y, x)
    bands = _split(bands.flatten(1, 2), 3).unflatten(1, bands.shape[1:3])
    batch, channel, bz, by = bands.shape[:4]
    bands = _split(bands.flatten(1, 3), 4).reshape(batch, channel, bz, by, 2, *[n // 2 for n in x.shape[2:]])
    return bands.flatten(1, 4)


def inverse_haar(bands: Tensor) -> Tensor:
    """The inverse of `haar`: (batch, 8 * channel, z, y, x) -> (batch, channel, 2z, 2y, 2x)."""
    x = bands.unflatten(1, (-1, 2))
    x = _join(x[:, :, 0], x[:, :, 1], 4).unflatten(1, (-1, 2))
    x = _join(x[:, :, 0], x[:, :, 1], 3).unflatten(1, (-1, 2))
    return _join(x[:, :, 0], x[:, :, 1], 2)
