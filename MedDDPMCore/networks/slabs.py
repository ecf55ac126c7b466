"""The U-Net's layers one slab of planes at a time: the same result to rounding, in less memory.

Group norm is taken in two passes, first the statistics of the whole volume, then slab by slab with one plane more on
each side, which the 3x3x3 convolution needs. The tensors that are joined along their channels stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .group_norm import GroupNormSiLU, line_of, moments


def norm_silu_conv(
    norm: GroupNormSiLU,
    conv: nn.Conv3d,
    parts: Sequence[Tensor],
    planes: int,
    onto: Tensor | None = None,
) -> Tensor:
    """conv(norm(x)) for x = parts joined along their channels, added in place to `onto`, where that is given.

    Without gradients, as it writes slabs in place.
    parts: (batch, channels, z, y, x) each. planes: of z at a time. conv: 3x3x3 with padding 1.
    """
    mean, variance = moments(parts, norm.num_groups)
    _, _, a, b = line_of(norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt())
    a, b = (v.to(parts[0].dtype)[:, :, None, None, None] for v in (a, b))
    depth = parts[0].shape[2]
    out = None
    for first in range(0, depth, planes):
        last = min(first + planes, depth)
        around = slice(max(0, first - 1), min(depth, last + 1))
        h = F.silu(torch.addcmul(b, _joined(parts, around), a), inplace=True)
        made = _conv(conv, h, first == 0, last == depth)
        if onto is None:
            out = _placed(made, out, first, depth)
        else:
            onto[:, :, first:last] += made
    return _whole(out) if onto is None else onto


def doubled(x: Tensor) -> Tensor:
    """x at twice its size along each axis, by trilinear interpolation in x's own precision."""
    if x.device.type == "meta":  # which knows no autocast
        return F.interpolate(x, scale_factor=2, mode="trilinear")
    with torch.autocast(x.device.type, enabled=False):  # which would go by way of float32
        return F.interpolate(x, scale_factor=2, mode="trilinear")


def over_first(layer: nn.Module, parts: Sequence[Tensor], planes: int) -> Tensor:
    """layer(parts joined along their channels), written over the first part where it has that part's channels."""
    out = None
    depth = parts[0].shape[2]
    for first in range(0, depth, planes):
        made = layer(_joined(parts, slice(first, first + planes)))
        if made.shape[1] == parts[0].shape[1]:
            out = parts[0]
        out = _placed(made, out, first, depth)
    return _whole(out)


def upsample_conv(conv: nn.Conv3d, x: Tensor, planes: int) -> Tensor:
    """conv of x doubled along each axis by trilinear interpolation. planes: of x's z at a time."""
    depth = x.shape[2]
    out = None
    for first in range(0, depth, planes):
        last = min(first + planes, depth)
        around = x[:, :, max(0, first - 1) : min(depth, last + 1)]
        big = doubled(around)
        # of a neighbouring slab's plane only the nearer of its two halves is exact, and only that is needed
        big = big[:, :, 0 if first == 0 else 1 : big.shape[2] - (0 if last == depth else 1)]
        out = _placed(_conv(conv, big, first == 0, last == depth), out, 2 * first, 2 * depth)
    return _whole(out)


def _joined(parts: Sequence[Tensor], planes: slice) -> Tensor:
    return torch.cat([part[:, :, planes] for part in parts], dim=1) if len(parts) > 1 else parts[0][:, :, planes]


def _conv(conv: nn.Conv3d, x: Tensor, at_start: bool, at_end: bool) -> Tensor:
    """The convolution, its padding along z only where the volume ends."""
    if at_start or at_end:
        x = F.pad(x, (0, 0, 0, 0, int(at_start), int(at_end)))
    return F.conv3d(x, conv.weight, conv.bias, conv.stride, (0, *cast("tuple[int, ...]", conv.padding)[1:]))


def _whole(out: Tensor | None) -> Tensor:
    assert out is not None, "a volume has planes"
    return out


def _placed(slab: Tensor, out: Tensor | None, first: int, depth: int) -> Tensor:
    if out is None:
        shape = (*slab.shape[:2], depth, *slab.shape[3:])
        out = torch.empty(shape, dtype=slab.dtype, device=slab.device, memory_format=torch.channels_last_3d)
    out[:, :, first : first + slab.shape[2]] = slab
    return out
