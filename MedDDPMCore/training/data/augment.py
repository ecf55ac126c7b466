"""Random flips, rotations, scalings and smooth warps of a head, as one resampling, and changes of its intensities."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base.deformation import linear_weights
from ...base.randomness import uniform
from ...base.typed_json import at_least, below

Window = tuple[tuple[int, int, int], tuple[int, int, int]]
"""A part of a grid: first voxel (z, y, x) and size (z, y, x)."""
_KNOT = 4
"""Voxels between the points at which a transform is computed; it is interpolated in between."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far each case is varied; zeros leave it alone.

    flip: mirror left and right in half of the cases. degrees: largest rotation about each axis. scale: largest relative
    change of size. shift_mm: largest shift. warp_mm: size of a smooth random warp. gain: largest relative change of
    intensity. contrast: the largest natural logarithm of the power that intensities, from air (0) up, are raised to:
    a monotone map, as between scanners. bias: the standard deviation of the logarithm of a smooth random factor, the
    coil's uneven sensitivity.
    """

    flip: bool = True
    degrees: Annotated[float, at_least(0)] = 6.0
    scale: Annotated[float, below(1)] = 0.05
    shift_mm: Annotated[float, at_least(0)] = 4.0
    warp_mm: Annotated[float, at_least(0)] = 2.0
    gain: Annotated[float, below(1)] = 0.04
    contrast: Annotated[float, at_least(0)] = 0.0
    bias: Annotated[float, at_least(0)] = 0.0

    @property
    def moves(self) -> bool:
        """Whether heads are resampled: moved by more than a flip."""
        return bool(self.degrees or self.scale or self.shift_mm or self.warp_mm)


def sampling_grid(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    settings: Augmentation,
    window: Window,
    generator: torch.Generator,
    sideways: int = 0,
) -> Tensor:
    """Where each voxel of the window is taken from: (1, z, y, x, 3), x y z in -1..1 over the whole (z, y, x) shape.

    spacing: (x, y, z) mm. sideways: which of x, y, z runs from left to right, and is flipped.
    """
    start, size = window
    coarse = [max(2, n // _KNOT + 1) for n in size]
    lines = [torch.linspace(start[i], start[i] + size[i] - 1, coarse[i]) for i in range(3)]
    centred = [(line - (n - 1) / 2) * s for line, n, s in zip(lines, shape, spacing[::-1], strict=True)]
    z, y, x = torch.meshgrid(*centred, indexing="ij")
    points = torch.stack([x, y, z], dim=-1)  # mm from the grid's centre
    warp = _smooth_warp(points, settings, shape, spacing, generator)
    points = points @ _affine(settings, generator).T + uniform(generator, -1, 1, (3,)) * settings.shift_mm + warp
    half = torch.tensor([n * s / 2 for n, s in zip(shape[::-1], spacing, strict=True)])
    if settings.flip and torch.rand((), generator=generator) < 0.5:
        half[sideways] = -half[sideways]
    return between_knots(points / half, size)[None]


def between_knots(points: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Trilinear interpolation of (knot z, knot y, knot x, 3) to (z, y, x, 3), by matrix products."""
    along_z, along_y, along_x = (linear_weights(n, k) for n, k in zip(size, points.shape[:3], strict=True))
    lines = (points.mT @ along_x.T).mT
    planes = along_y @ lines.flatten(2)
    return (along_z @ planes.flatten(1)).view(*size, 3)


def _affine(settings: Augmentation, generator: torch.Generator) -> Tensor:
    matrix = torch.eye(3)
    for axis, angle in enumerate(uniform(generator, -1, 1, (3,)) * settings.degrees * torch.pi / 180):
        i, j = [a for a in range(3) if a != axis]
        turn = torch.eye(3)
        turn[i, i] = turn[j, j] = angle.cos()
        turn[i, j], turn[j, i] = -angle.sin(), angle.sin()
        matrix = matrix @ turn
    return matrix * (1 + uniform(generator, -1, 1, (3,)) * settings.scale)


def _smooth_warp(
    points: Tensor,
    settings: Augmentation,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    generator: torch.Generator,
) -> Tensor:
    """Displacements in mm, shaped as points (z, y, x, 3), from a random field that is drawn for the whole grid."""
    field = torch.randn((1, 3, 5, 5, 5), generator=generator) * settings.warp_mm
    half = torch.tensor([n * s / 2 for n, s in zip(shape[::-1], spacing, strict=True)])
    return F.grid_sample(field, (points / half)[None], align_corners=True, padding_mode="border")[0].movedim(0, -1)


def resample(volume: Tensor, grid: Tensor, mode: str, width: int = 1) -> Tensor:
    """(channel, z, y, x) at the grid's points; 0 beyond the volume. mode: "bilinear" or "nearest".

    width: samples means over cubes of so many voxels around each point, for a grid that is coarser than the volume.
    """
    if width > 1:
        grid = grid * torch.tensor([n / (n - width + 1) for n in volume.shape[:0:-1]])
        for axis in (1, 2, 3):
            count = volume.shape[axis] - width + 1
            total = volume.narrow(axis, 0, count)
            for k in range(1, width):
                total = total + volume.narrow(axis, k, count)
            volume = total / width
    return F.grid_sample(volume[None], grid, mode=mode, align_corners=False)[0]


def recoloured(
    image: Tensor, settings: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Callable[[float], float]]:
    """The image (channel, z, y, x) -1..1 with other intensities, and what becomes of one intensity, bias apart."""
    gain = 1 + float(uniform(generator, -1, 1)) * settings.gain
    power = math.exp(float(uniform(generator, -1, 1)) * settings.contrast) if settings.contrast else 1.0
    image = image + 1
    if settings.contrast:
        image = image.clamp_(min=0).div_(2).pow_(power).mul_(2)
    if settings.bias:
        field = torch.randn((1, 1, 3, 3, 3), generator=generator) * settings.bias
        field = F.interpolate(field, size=image.shape[1:], mode="trilinear", align_corners=True)[0]
        image = image.mul_(field.exp_())

    def changed(value: float) -> float:
        return min(1.0, max(0.0, (value + 1) / 2) ** power * 2 * gain - 1)

    return image.mul_(gain).sub_(1).clamp_(-1, 1), changed
