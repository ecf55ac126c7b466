"""Group norm (Wu and He 2018) with float32 statistics, alone or fused with the SiLU after it.

torch's kernel knows channels-last memory on CPUs alone; elsewhere it would copy there and back. There, x of that layout
is taken as rows of channels: two sums for the statistics, then one line a x + b a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

aten = torch.ops.aten
_ROWS_AT_ONCE = 1 << 16
"""Of a sum on a CPU, where torch first makes a float32 copy of all that it sums."""


class GroupNorm(nn.GroupNorm):
    """Group norm whose statistics are float32 whatever the input's precision; its output keeps the input's dtype.

    x: (batch, channels, ...), any memory format, which the output keeps.
    """

    def forward(self, x: Tensor) -> Tensor:
        return _normalised(_dense(x), self.weight, self.bias, self.num_groups, self.eps)[0]


class GroupNormSiLU(GroupNorm):
    """Group norm and then SiLU. In training it keeps its input alone, and computes the rest again on the way back;
    not so in float32 on a CPU, where torch's own backward is faster, though it keeps the SiLU's input too.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and (x.requires_grad or self.weight.requires_grad):
            if x.device.type == "cpu" and x.dtype == torch.float32:
                return F.silu(super().forward(x))
            return _NormSiLU.apply(x, self.weight, self.bias, self.num_groups, self.eps)
        return F.silu(super().forward(x), inplace=True)


def _dense(x: Tensor) -> Tensor:
    """x in one of the two memory formats that torch's kernel knows."""
    if x.dim() == 5 and x.is_contiguous(memory_format=torch.channels_last_3d):
        return x
    return x.contiguous()


def _normalised(x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of an x as from `_dense`: the output, mean and reciprocal standard deviation (batch, groups) of each group."""
    batch, channels = x.shape[:2]
    if x.device.type not in ("cpu", "meta") and not x.is_contiguous():
        return _normalised_rows(x, weight, bias, groups, eps)
    if x.device.type != "cpu":  # the CPU's kernel alone takes float32 parameters with a half-precision input
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
    voxels = x.numel() // max(1, batch * channels)
    return aten.native_group_norm(x, weight, bias, batch, channels, voxels, groups, eps)


def _normalised_rows(x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The same from sums over rows of channels."""
    mean, variance = moments([x], groups)
    rstd = (variance + eps).rsqrt()
    _, _, a, b = line_of(weight, bias, mean, rstd)
    shape = (*x.shape[:2], *[1] * (x.dim() - 2))
    y = torch.addcmul(b.to(x.dtype).view(shape), x, a.to(x.dtype).view(shape), out=torch.empty_like(x))
    return y, mean, rstd


def moments(parts: Sequence[Tensor], groups: int) -> tuple[Tensor, Tensor]:
    """Mean and variance (batch, groups) float32 of the groups of channels of parts joined along their channels.

    parts: (batch, channels, ...) each, of one size.
    """
    sums, squares = [], []
    for part in parts:
        rows = part.movedim(1, -1).flatten(1, -2)
        pieces = rows.split(_ROWS_AT_ONCE, dim=1) if rows.device.type == "cpu" else [rows]
        sums.append(_total([piece.sum(dim=1, dtype=torch.float32) for piece in pieces]))
        squares.append(_total([torch.linalg.vector_norm(p, dim=1, dtype=torch.float32).square() for p in pieces]))
    values = sum(part.shape[1] for part in parts) // groups * parts[0][0, 0].numel()
    mean, square = (torch.cat(v, dim=1).unflatten(1, (groups, -1)).sum(dim=2) / values for v in (sums, squares))
    return mean, (square - mean.square()).clamp(min=0)


def _total(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


class _NormSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float) -> Tensor:
        x = _dense(x)
        y, mean, rstd = _normalised(x, weight, bias, groups, eps)
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        ctx.groups = groups
        return F.silu(y, inplace=True)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, rstd = ctx.saved_tensors
        return *_backward(grad, x, weight, bias=bias, mean=mean, rstd=rstd, groups=ctx.groups), None, None


def line_of(weight: Tensor, bias: Tensor, mean: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(batch, channels) float32: mean and rstd of each channel's group, and a, b of the norm's output a x + b."""
    per_group = weight.numel() // mean.shape[1]
    mean, rstd = (v.float().repeat_interleave(per_group, dim=1) for v in (mean, rstd))
    a = rstd * weight.float()
    return mean, rstd, a, bias.float() - mean * a


def _backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, rstd: Tensor, groups: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias. On CPUs the sums are matrix products: two to three times as fast as torch's
    half-precision kernel.

    With y = a x + b and n values a group, dx = a dy - rstd (k1 x_hat + k0): k0 and k1 are the means over the group of
    weight dy and of weight dy x_hat.
    """
    batch, channels = x.shape[:2]
    rows, columns = (v.movedim(1, -1).reshape(batch, -1, channels) for v in (x, grad))
    mean, rstd, a, b = line_of(weight, bias, mean, rstd)

    def wide(values: Tensor) -> Tensor:
        return values.to(x.dtype)[:, None]

    y = torch.addcmul(wide(b), rows, wide(a))
    dy = aten.silu_backward(columns, y)
    sum_dy = _sum_over_voxels(dy, x.shape[2])
    sum_dy_x = _sum_over_voxels(torch.mul(dy, rows, out=y), x.shape[2])
    sum_dy_hat = (sum_dy_x - mean * sum_dy) * rstd
    size = rows.shape[1] * channels // groups

    def group_mean(values: Tensor) -> Tensor:
        sums = (values * weight).unflatten(1, (groups, -1)).sum(dim=2) / size
        return sums.repeat_interleave(channels // groups, dim=1)

    k0, k1 = group_mean(sum_dy), group_mean(sum_dy_hat)
    dx = torch.addcmul(wide(rstd * (mean * rstd * k1 - k0)), dy, wide(a)).addcmul_(rows, wide(-rstd * rstd * k1))
    dx = dx.view(batch, *x.shape[2:], channels).movedim(-1, 1)
    return dx, sum_dy_hat.sum(dim=0).to(weight.dtype), sum_dy.sum(dim=0).to(bias.dtype)


def _sum_over_voxels(rows: Tensor, planes: int) -> Tensor:
    """(batch, voxels, channels) -> (batch, channels) float32; on CPUs each plane by one product with ones."""
    if rows.device.type != "cpu":
        return rows.sum(dim=1, dtype=torch.float32)
    parts = rows.reshape(rows.shape[0] * planes, -1, rows.shape[2])
    ones = torch.ones((), dtype=rows.dtype, device=rows.device).expand(parts.shape[0], 1, parts.shape[1])
    return torch.bmm(ones, parts).view(rows.shape[0], planes, -1).float().sum(dim=1)
