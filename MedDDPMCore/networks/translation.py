"""Networks of mask-to-image translation in 3D: an encoder-decoder generator and a patch discriminator.

After Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks" (2017), appendix 6.1, with 3D
convolutions, and group norm for batch norm, as batches of whole heads are small.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .convolution import Conv3d
from .group_norm import GroupNorm


class Generator(nn.Module):
    """Halves the volume once a level, doubles it as often, and ends in a tanh: images in -1..1.

    base_channels times channel_multipliers[i] is the width of level i. skips: each level's features are joined to what
    is made of the levels below (a U-Net, as in Pix2Pix), or not (an encoder-decoder, as in DiscoGAN).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        skips: bool,
        base_channels: int = 64,
        channel_multipliers: Sequence[int] = (1, 2, 4, 8),
        groups: int = 8,
    ):
        super().__init__()
        self.in_channels, self.out_channels, self.skips = in_channels, out_channels, skips
        self.size_factor = 2 ** len(channel_multipliers)
        widths = [base_channels * m for m in channel_multipliers]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (channels, width) in enumerate(zip([in_channels, *widths], widths, strict=False)):
            norm = GroupNorm(groups, width) if level else nn.Identity()
            self.down.append(nn.Sequential(nn.Conv3d(channels, width, 4, 2, 1), norm, nn.LeakyReLU(0.2)))
        for level in reversed(range(len(widths))):
            deepest = level == len(widths) - 1
            channels = widths[level] * (2 if skips and not deepest else 1)
            if level == 0:
                self.up.append(nn.Sequential(nn.ConvTranspose3d(channels, out_channels, 4, 2, 1), nn.Tanh()))
            else:
                width = widths[level - 1]
                up = nn.ConvTranspose3d(channels, width, 4, 2, 1)
                self.up.append(nn.Sequential(up, GroupNorm(groups, width), nn.ReLU()))

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """x (batch, in_channels or more, z, y, x); returns (batch, out_channels, z, y, x) in -1..1.

        Called as a diffusion network is: channels before the last in_channels, and the step number t, are passed over.
        """
        x = x[:, -self.in_channels :]
        size = x.shape[2:]
        padding = [-n % self.size_factor for n in size]
        if any(padding):
            x = F.pad(x, (0, padding[2], 0, padding[1], 0, padding[0]), mode="replicate")
        features = []
        for block in self.down:
            x = block(x)
            features.append(x)
        features.pop()
        for i, block in enumerate(self.up):
            x = block(torch.cat([x, features.pop()], dim=1) if self.skips and i else x)
        return x[:, :, : size[0], : size[1], : size[2]]


class Discriminator(nn.Module):
    """Judges patches of a volume: real (logit above 0) or made (below)."""

    def __init__(self, in_channels: int, base_channels: int, groups: int, levels: int = 3):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv3d(in_channels, base_channels, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level in range(1, levels):
            width = base_channels * 2**level
            layers += [nn.Conv3d(width // 2, width, 4, 2, 1), GroupNorm(groups, width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, Conv3d(base_channels * 2 ** (levels - 1), 1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, in_channels, z, y, x), every size 2^levels or more; returns logits, one a patch."""
        return self.layers(x)
