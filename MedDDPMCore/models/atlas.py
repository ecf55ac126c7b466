"""A mean head, bent into a mask: where eyes, ventricles and jaw lie, as one more condition channel.

The fit (`atlas_fit`) sees head masks alone, so it can be made for any mask, by gradient descent on blurred masks. It is
deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.domain import shrink
from .atlas_fit import fit
from .spec import ATLAS_FACTOR


@dataclass(frozen=True)
class Atlas:
    """A mean head. image: (modality, z, y, x) -1..1; head: (z, y, x) 0..1, the share of heads that hold a voxel.

    Both are ATLAS_FACTOR times coarser than the model grid, and on one device.
    """

    image: Tensor
    head: Tensor

    def to(self, device: torch.device) -> Atlas:
        """The same on another device."""
        return Atlas(self.image.to(device), self.head.to(device))

    def onto(self, head: Tensor) -> Tensor:
        """The image (modality, z, y, x) bent into a head mask (z, y, x) of model-grid size, bool or 0..1, at that size.

        The mask is on the atlas's device; the host does not wait for it. Below the mask's lowest plane along z nothing
        is known of the head, and nothing pulls there.
        """
        target = shrink(head.float()[None, None], ATLAS_FACTOR)[0, 0]
        grid = fit(self.head, target)
        bent = F.grid_sample(self.image[None] + 1, grid, align_corners=False)
        return F.interpolate(bent, size=head.shape, mode="trilinear")[0] - 1
