"""Building blocks of the 3D diffusion U-Net.

Parameter names follow the published Med-DDPM checkpoints, whose U-Net descends from OpenAI's MIT-licensed
guided-diffusion (Dhariwal and Nichol, "Diffusion Models Beat GANs on Image Synthesis", 2021), so that those checkpoints
load without renaming.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Conv3d
from .group_norm import GroupNorm, GroupNormSiLU
from .slabs import doubled, norm_silu_conv, over_first, upsample_conv


def timestep_embedding(t: Tensor, dim: int, max_period: float = 1000.0) -> Tensor:
    """Sinusoidal embedding of step numbers (Vaswani et al. 2017), cosine half first.

    t: (batch,) step numbers, any real dtype. Returns (batch, dim) float32.
    """
    half = dim // 2
    frequencies = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    angles = t.float()[:, None] * frequencies[None]
    embedding = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return F.pad(embedding, (0, dim - 2 * half))


def zero(layer: nn.Conv1d | nn.Conv3d) -> None:
    """Makes a layer's weights and bias nothing, so that a network begins with what bypasses it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class PointwiseConv(nn.Conv3d):
    """A 1x1x1 convolution, computed as one matrix product over the channels (several times faster backward on CPUs)."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)


class ResBlock(nn.Module):
    """Two norm-SiLU-convolution layers with the step embedding added between them, around a skip connection.

    The identities stand where the published layers have a SiLU and a dropout, so that names stay theirs.
    """

    def __init__(self, channels: int, out_channels: int, embedding_channels: int, groups: int):
        super().__init__()
        self.slab_planes = 0
        in_norm, in_conv = GroupNormSiLU(groups, channels), Conv3d(channels, out_channels, 3, padding=1)
        out_norm, out_conv = GroupNormSiLU(groups, out_channels), Conv3d(out_channels, out_channels, 3, padding=1)
        self._slabs = ((in_norm, in_conv), (out_norm, out_conv))
        self.in_layers = nn.Sequential(in_norm, nn.Identity(), in_conv)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding_channels, out_channels))
        self.out_layers = nn.Sequential(out_norm, nn.Identity(), nn.Identity(), out_conv)
        self.skip_connection = nn.Identity() if channels == out_channels else PointwiseConv(channels, out_channels)
        zero(out_conv)

    def forward(self, x: Tensor | tuple[Tensor, ...], embedding: Tensor) -> Tensor:
        """With slab_planes, x may be a tuple of tensors to join along their channels; the first is written over."""
        shift = self.emb_layers(embedding)[:, :, None, None, None]
        if self.slab_planes:
            parts = x if isinstance(x, tuple) else (x,)
            (norm, conv), (out_norm, out_conv) = self._slabs
            h = norm_silu_conv(norm, conv, parts, self.slab_planes)
            h.add_(shift.to(h.dtype))
            if len(parts) == 1:
                return norm_silu_conv(out_norm, out_conv, (h,), self.slab_planes).add_(self.skip_connection(parts[0]))
            return norm_silu_conv(
                out_norm, out_conv, (h,), self.slab_planes, over_first(self.skip_connection, parts, self.slab_planes)
            )
        h = self.in_layers(x)
        h.add_(shift.to(h.dtype))
        return self.out_layers(h).add_(self.skip_connection(x))


class AttentionBlock(nn.Module):
    """Single-head self-attention over all voxels, added to its input."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        zero(self.proj_out)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = F.linear(rows, self.qkv.weight[..., 0], self.qkv.bias).chunk(3, dim=2)
        h = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + F.linear(h, self.proj_out.weight[..., 0], self.proj_out.bias).transpose(1, 2).unflatten(
            2, x.shape[2:]
        )


class Downsample(nn.Module):
    """Halves each axis with a strided convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.op = Conv3d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    """Doubles each axis by trilinear interpolation, then convolves."""

    def __init__(self, channels: int):
        super().__init__()
        self.slab_planes = 0
        self.conv = Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if self.slab_planes:
            return upsample_conv(self.conv, x, self.slab_planes)
        return self.conv(doubled(x))


class EmbedSequential(nn.Sequential):
    """A sequence that hands the step embedding to those of its layers that take it."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x
