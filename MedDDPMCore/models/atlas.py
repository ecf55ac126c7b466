"""A mean head, bent into a mask: where eyes, ventricles and jaw lie, as one more condition channel.

The fit sees head masks alone, so it can be made for any mask: an affine map, then a smooth free-form deformation on a
coarse lattice (Rueckert et al. 1999), found by gradient descent on blurred masks. It is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion.domain import shrink

FACTOR = 2
"""Voxels of the model grid along one axis that one voxel of an atlas covers."""
_FIT = 2
"""Voxels of the atlas along one axis that one voxel of the fit covers."""
BLOCK = FACTOR * _FIT
"""What divides the sizes of a grid that can have an atlas."""
_LATTICE = (6, 6, 5)
_AFFINE_STEPS, _BEND_STEPS = 60, 60
_RATE = 0.02
_STIFFNESS = 0.3
"""Of the free-form deformation, against the misfit of the masks."""


@dataclass(frozen=True)
class Atlas:
    """A mean head. image: (modality, z, y, x) -1..1; head: (z, y, x) 0..1, the share of heads that hold a voxel.

    Both are FACTOR times coarser than the model grid.
    """

    image: Tensor
    head: Tensor

    def onto(self, head: Tensor) -> Tensor:
        """The image (modality, z, y, x) bent into a head mask (z, y, x) of model-grid size, bool or 0..1, at that size.

        Below the mask's lowest plane along z nothing is known of the head, and nothing pulls there.
        """
        target = shrink(head.float()[None, None], FACTOR)[0, 0]
        grid = fit(self.head, target)
        bent = F.grid_sample(self.image[None] + 1, grid, align_corners=False)
        return F.interpolate(bent, size=head.shape, mode="trilinear")[0] - 1


def fit(moving: Tensor, fixed: Tensor) -> Tensor:
    """Where each voxel of `fixed` is taken from in `moving`: (1, z, y, x, 3), x y z in -1..1, as for grid_sample.

    Both (z, y, x), 0..1, of one shape.
    """
    small_moving, small_fixed = (_blurred(shrink(v[None, None], _FIT)) for v in (moving, fixed))
    weight = _known(small_fixed)
    plain = F.affine_grid(torch.eye(3, 4)[None], (1, 1, *small_fixed.shape[2:]), align_corners=False)
    change = torch.zeros(1, 3, 4, requires_grad=True)
    bend = torch.zeros(1, 3, *_LATTICE, requires_grad=True)

    def mapped(size, base: Tensor) -> Tensor:
        points = torch.cat([base, torch.ones_like(base[..., :1])], dim=-1) @ change.mT[:, None, None]
        return base + points + F.interpolate(bend, size=size, mode="trilinear", align_corners=True).movedim(1, -1)

    with torch.inference_mode(False), torch.enable_grad():
        for parameters, steps in (([change], _AFFINE_STEPS), ([change, bend], _BEND_STEPS)):
            optimizer = torch.optim.Adam(parameters, lr=_RATE)
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
            for _ in range(steps):
                optimizer.zero_grad()
                moved = F.grid_sample(small_moving, mapped(small_fixed.shape[2:], plain), align_corners=False)
                misfit = (weight * (moved - small_fixed).square()).sum() / weight.sum()
                (misfit + 0.02 * change.square().mean() + _STIFFNESS * _roughness(bend)).backward()
                optimizer.step()
                scheduler.step()
    with torch.no_grad():
        base = F.affine_grid(torch.eye(3, 4)[None], (1, 1, *fixed.shape), align_corners=False)
        return mapped(fixed.shape, base)


def _known(fixed: Tensor) -> Tensor:
    """1 from the lowest plane of the head up, 0 below it; everywhere 1 where there is no head."""
    planes = fixed.amax(dim=(0, 1, 3, 4)) > 0.5
    lowest = int(planes.nonzero()[0]) if bool(planes.any()) else 0
    weight = torch.ones_like(fixed)
    weight[:, :, :lowest] = 0
    return weight


def _blurred(mask: Tensor) -> Tensor:
    for _ in range(2):
        mask = F.avg_pool3d(mask, 3, 1, 1, count_include_pad=False)
    return mask


def _roughness(bend: Tensor) -> Tensor:
    return sum(bend.diff(n=2, dim=d).square().mean() for d in (2, 3, 4))
