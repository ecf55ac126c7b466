"""Outlines of simulated lesions: lobed, stretched, rough; and smooth noise to vary tissue with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.randomness import uniform

_JOINT = 0.25
"""How softly lobes run into each other, relative to the radius."""


def lesion_radius(millilitres: float) -> float:
    """The radius in mm of a ball of this volume."""
    return (3 * millilitres * 1000 / (4 * math.pi)) ** (1 / 3)


def smooth_noise(
    size: Sequence[int], cell_mm: float, spacing: tuple[float, float, float], generator: torch.Generator
) -> Tensor:
    """Smooth noise (z, y, x) of about unit variance that varies over cell_mm. spacing (x, y, z) mm."""
    cells = [max(2, math.ceil(n * s / max(cell_mm, s)) + 1) for n, s in zip(size, spacing[::-1], strict=True)]
    field = torch.randn((1, 1, *cells), generator=generator)
    return F.interpolate(field, size=tuple(size), mode="trilinear", align_corners=True)[0, 0] * 1.5


def lesion_outline(
    shape: Sequence[int],
    spacing: tuple[float, float, float],
    centre: Sequence[float],
    millilitres: float,
    lobes: int,
    generator: torch.Generator,
) -> Tensor:
    """About the distance in mm (z, y, x), negative inside, to the surface of a lesion of this volume.

    shape (z, y, x) must hold the lesion whole; spacing (x, y, z) mm; centre (z, y, x) in voxels. A stretched, turned
    union of `lobes` balls with a rough surface. Where voxels are larger than the lesion, one voxel is inside.
    """
    radius = lesion_radius(millilitres)
    sides = zip(shape, centre, spacing[::-1], strict=True)
    lines = [(torch.arange(n, dtype=torch.float32) - float(c)) * s for n, c, s in sides]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    rotation = torch.linalg.qr(torch.randn((3, 3), generator=generator))[0]
    stretch = torch.exp(uniform(generator, -0.25, 0.25, (3,)))
    points = (points @ rotation) / (stretch / stretch.prod() ** (1 / 3))
    balls = []
    for lobe in range(lobes):
        aside = F.normalize(torch.randn(3, generator=generator), dim=0) * radius * (0.0 if lobe == 0 else 0.75)
        size = radius * float(uniform(generator, 0.55, 1.0) if lobe else 1.0)
        balls.append(torch.linalg.vector_norm(points - aside, dim=-1) - size)
    joint = _JOINT * radius
    distance = -joint * torch.logsumexp(torch.stack(balls) / -joint, dim=0)
    roughness = float(uniform(generator, 0.05, 0.2)) * radius
    distance = distance + roughness * smooth_noise(shape, max(4.0, radius / 1.5), spacing, generator)
    distance = distance + 0.35 * roughness * smooth_noise(shape, max(2.0, radius / 4), spacing, generator)
    inside = max(1, round(millilitres * 1000 / math.prod(spacing)))
    return distance - torch.kthvalue(distance.flatten(), min(inside, distance.numel())).values - 1e-4
