"""The 3D U-Net of Med-DDPM (Dorjsembe et al., IEEE JBHI 2024), with its sizes as arguments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .convolution import Conv3d
from .group_norm import GroupNormSiLU
from .layers import AttentionBlock, Downsample, EmbedSequential, ResBlock, Upsample, timestep_embedding, zero
from .slabs import norm_silu_conv


class UNet(nn.Module):
    """Predicts noise (or v, or x0) from a noisy volume joined with its condition channels.

    in_channels: image channels plus condition channels. out_channels: image channels.
    base_channels times channel_multipliers[i] is the width of level i, each level half the size of the one before.
    attention_factors: the down-sampling factors at whose levels attention follows each residual block.
    groups: groups of each group norm. bottom_attention: attention between the two blocks at the bottom, as published.
    The attribute `checkpointing`, when set, recomputes activations in the backward pass to save memory.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        base_channels: int = 64,
        channel_multipliers: Sequence[int] = (1, 1, 2, 3, 4),
        res_blocks: int = 1,
        attention_factors: Sequence[int] = (8,),
        groups: int = 32,
        bottom_attention: bool = True,
    ):
        super().__init__()
        self.in_channels, self.out_channels, self.base_channels = in_channels, out_channels, base_channels
        self.checkpointing = False
        self.size_factor = 2 ** (len(channel_multipliers) - 1)
        widths = [base_channels * m for m in channel_multipliers]
        embedding = 4 * base_channels
        self.time_embed = nn.Sequential(nn.Linear(base_channels, embedding), nn.SiLU(), nn.Linear(embedding, embedding))

        def level_layers(channels: int, width: int, factor: int) -> list[nn.Module]:
            layers: list[nn.Module] = [ResBlock(channels, width, embedding, groups)]
            if factor in attention_factors:
                layers.append(AttentionBlock(width, groups))
            return layers

        channels = widths[0]
        self.input_blocks = nn.ModuleList([EmbedSequential(Conv3d(in_channels, channels, 3, padding=1))])
        skips = [channels]
        for level, width in enumerate(widths):
            for _ in range(res_blocks):
                self.input_blocks.append(EmbedSequential(*level_layers(channels, width, 2**level)))
                channels = width
                skips.append(channels)
            if level < len(widths) - 1:
                self.input_blocks.append(EmbedSequential(Downsample(channels)))
                skips.append(channels)
        self.middle_block = EmbedSequential(
            ResBlock(channels, channels, embedding, groups),
            AttentionBlock(channels, groups) if bottom_attention else nn.Identity(),
            ResBlock(channels, channels, embedding, groups),
        )
        self.output_blocks = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for index in range(res_blocks + 1):
                layers = level_layers(channels + skips.pop(), width, 2**level)
                channels = width
                if level and index == res_blocks:
                    layers.append(Upsample(channels))
                self.output_blocks.append(EmbedSequential(*layers))
        norm, conv = GroupNormSiLU(groups, channels), Conv3d(channels, out_channels, 3, padding=1)
        self._last = (norm, conv)
        self.out = nn.Sequential(norm, nn.Identity(), conv)
        zero(conv)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x (batch, in_channels, z, y, x), t (batch,) step numbers; returns (batch, out_channels, z, y, x).

        An axis that size_factor does not divide is padded at its end by repeating the last plane, and cropped back.
        """
        size = x.shape[2:]
        padding = [-n % self.size_factor for n in size]
        if any(padding):
            x = F.pad(x, (0, padding[2], 0, padding[1], 0, padding[0]), mode="replicate")
        dtype = next(self.time_embed.parameters()).dtype
        embedding = self.time_embed(timestep_embedding(t, self.base_channels).to(dtype))
        h, skips = x, []
        for block in self.input_blocks:
            h = self._run(block, h, embedding)
            skips.append(h)
        h = self._run(self.middle_block, h, embedding)
        for block in self.output_blocks:
            joined = (h, skips.pop()) if self.slab_planes else torch.cat([h, skips.pop()], dim=1)
            h = self._run(block, joined, embedding)
        h = norm_silu_conv(*self._last, (h,), self.slab_planes) if self.slab_planes else self.out(h)
        return h[:, :, : size[0], : size[1], : size[2]] if any(padding) else h

    @property
    def slab_planes(self) -> int:
        """Planes of z that one piece of the work covers; 0: the whole volume at once. Only without gradients.

        Small numbers need less memory. The result is the same to rounding.
        """
        return next(module.slab_planes for module in self.modules() if isinstance(module, ResBlock))

    @slab_planes.setter
    def slab_planes(self, planes: int) -> None:
        for module in self.modules():
            if isinstance(module, (ResBlock, Upsample)):
                module.slab_planes = planes

    def _run(self, block: nn.Module, h: Tensor | tuple[Tensor, Tensor], embedding: Tensor) -> Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, h, embedding, use_reentrant=False)
        return block(h, embedding)
