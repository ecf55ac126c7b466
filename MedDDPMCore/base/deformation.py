"""Smooth, invertible pushes of tissue: how a growing lesion displaces what is around it.

A displacement field is (3, z, y, x) float32: for each voxel of the result, how far in mm along the array's x, y and z
axes from there the voxel lies that it is taken from.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import MedDDPMError
from .spline import to_coefficients

STEEPEST = 0.5
"""The largest push relative to the radius at which `radial_push` still does not fold (its Jacobian is 0.05 or more)."""
_LEAST_JACOBIAN = 0.03
_HALVINGS = 8
_POINTS_AT_ONCE = 16384
"""Points of a spline that are computed together: so few that what is between stays in a processor's cache."""


def radial_push(
    shape: Sequence[int],
    spacing: tuple[float, float, float],
    centre: Sequence[float],
    radius_mm: float,
    push_mm: float,
    reach_mm: float,
) -> Tensor:
    """The field that moves tissue radially away from a centre, by push_mm at radius_mm and by nothing from reach_mm on.

    shape (z, y, x); spacing (x, y, z) mm; centre (z, y, x) in voxels, within the shape or not. With distance r from the
    centre, what lies at r comes from r - d(r), d rising smoothly from 0 to push_mm at radius_mm and falling to 0 at
    reach_mm; the Jacobian (1 - d')(1 - d/r)^2 is positive. MedDDPMError where push_mm is not between 0 and STEEPEST
    times radius_mm, or reach_mm not beyond radius_mm.
    """
    if not 0 <= push_mm <= STEEPEST * radius_mm:
        raise MedDDPMError(
            f"A push of {push_mm:g} mm folds the tissue around a lesion of {radius_mm:g} mm radius.",
            f"Push by 0 to {STEEPEST * radius_mm:g} mm.",
        )
    if reach_mm <= radius_mm:
        raise MedDDPMError(f"The push must reach beyond the lesion's radius of {radius_mm:g} mm, not {reach_mm:g} mm.")
    lines = [
        (torch.arange(n, dtype=torch.float32) - c) * s for n, c, s in zip(shape, centre, spacing[::-1], strict=True)
    ]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    points = torch.stack([x, y, z])
    distance = torch.linalg.vector_norm(points, dim=0).clamp(min=1e-3)
    push = _smooth_step(distance / radius_mm) - _smooth_step((distance - radius_mm) / (reach_mm - radius_mm))
    return -push_mm * push * points / distance


def jacobian(field: Tensor, spacing: tuple[float, float, float]) -> Tensor:
    """The Jacobian determinant (z, y, x) of the map that a field stands for; 0 or less where it folds.

    spacing (x, y, z) mm. By central differences, which see folds of two voxels and more.
    """
    rows = []
    for axis in range(3):
        slopes = torch.gradient(field[axis], spacing=tuple(spacing[::-1]), dim=(0, 1, 2))[::-1]
        rows.append([slope + 1 if other == axis else slope for other, slope in enumerate(slopes)])
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def unfolded(field: Tensor, spacing: tuple[float, float, float]) -> Tensor:
    """The field itself, or halved until its Jacobian is positive everywhere (zeros if nothing helps).

    For fields that were held back somewhere, as `radial_push(...) * weight` with a weight (z, y, x) of 0..1.
    """
    for _ in range(_HALVINGS):
        if float(jacobian(field, spacing).min()) >= _LEAST_JACOBIAN:
            return field
        field = field / 2
    return torch.zeros_like(field)


def warp(
    volume: Tensor, field: Tensor, spacing: tuple[float, float, float], mode: str = "bilinear", outside: str = "border"
) -> Tensor:
    """A volume (channel, z, y, x) moved by a field (3, z, y, x); same shape, float32.

    spacing (x, y, z) mm. mode: "bilinear" (trilinear), "cubic" (as `sample_cubic`), or "nearest" for labels. outside:
    what is taken from beyond the volume, "border" (its nearest voxel) or "zeros". Where the field is 0,
    voxels are kept as they are to rounding.
    """
    shape = volume.shape[1:]
    lines = [torch.arange(n, dtype=torch.float32, device=field.device) for n in shape]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    at = torch.stack([x, y, z]) + field / torch.tensor(spacing, device=field.device).view(3, 1, 1, 1)
    size = torch.tensor(shape[::-1], device=field.device).view(3, 1, 1, 1)
    grid = ((at + 0.5) * 2 / size - 1).movedim(0, -1)[None]
    if mode == "cubic":
        edge = 1 - 1 / size.view(3)
        return sample_cubic(volume.float(), grid.clamp(-edge, edge) if outside == "border" else grid)
    return F.grid_sample(volume[None].float(), grid, mode=mode, padding_mode=outside, align_corners=False)[0]


def linear_weights(voxels: int, knots: int) -> Tensor:
    """(voxels, knots) float32: the share of each knot in each voxel along one axis, linearly between the knots, of
    which the outermost lie on the outermost voxels (as F.interpolate with align_corners=True, as a matrix)."""
    at = torch.linspace(0, knots - 1, voxels, dtype=torch.float64)
    return (1 - (at[:, None] - torch.arange(knots)).abs()).clamp(min=0).float()


def _smooth_step(share: Tensor) -> Tensor:
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def sample_cubic(volume: Tensor, grid: Tensor) -> Tensor:
    """(channel, z, y, x) at the grid's points (1, z, y, x, 3), interpolated by cubic B-splines (Unser 1999), within the
    volume's own range; 0 beyond the volume."""
    coefficients = F.pad(_spline_coefficients(volume), [4] * 6)
    planes = max(1, _POINTS_AT_ONCE // grid[0, 0, ..., 0].numel())
    parts = [_on_spline(coefficients, volume.shape[1:], part) for part in grid[0].split(planes)]
    return torch.cat(parts, dim=1).clamp_(volume.min(), volume.max())


def _on_spline(coefficients: Tensor, shape: torch.Size, points: Tensor) -> Tensor:
    """The spline of these coefficients, padded by 4, at points (z, y, x, 3) of the volume of this shape."""
    sizes = coefficients.shape[1:]
    base, weights = torch.zeros(points.shape[:-1], dtype=torch.int64), []
    for axis, (n, padded) in enumerate(zip(shape, sizes, strict=True)):
        place = ((points[..., 2 - axis] + 1) * n - 1) / 2 + 3  # of the first of four coefficients, in the padded
        first = place.floor().clamp(0, padded - 4)
        base = base * padded + first.long()
        weights.append(_spline_weights((place - first).clamp(0, 1)))
    flat = coefficients.flatten(1)
    result = torch.zeros((len(coefficients), *points.shape[:-1]))
    for i in range(4):
        for j in range(4):
            start = base + (i * sizes[1] + j) * sizes[2]
            line = torch.zeros(())
            for k in range(4):
                line = line + flat.index_select(1, (start + k).flatten()).view(-1, *base.shape) * weights[2][k]
            result.addcmul_(line, weights[0][i] * weights[1][j])
    return result


def _spline_weights(t: Tensor) -> list[Tensor]:
    """The cubic B-spline at 1 + t, t, 1 - t and 2 - t, for t in 0..1."""
    u = 1 - t
    return [u**3 / 6, 2 / 3 - t**2 + t**3 / 2, 2 / 3 - u**2 + u**3 / 2, t**3 / 6]


def _spline_coefficients(volume: Tensor) -> Tensor:
    """The coefficients whose cubic B-spline goes through the voxels, mirrored at the borders."""
    for axis in (1, 2, 3):
        inverse = torch.from_numpy(to_coefficients(volume.shape[axis])).float()
        volume = torch.tensordot(inverse, volume, dims=([1], [axis])).movedim(0, axis)
    return volume.contiguous()
