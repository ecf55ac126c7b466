"""One head mask fitted onto another: an affine map, then a smooth free-form deformation (Rueckert et al. 1999).

Both move the knots of one coarse lattice, of which trilinear interpolation, here three small products, makes what each
voxel moves by. The gradient of the misfit is written out, and Adam (Kingma and Ba 2015) is kept in one tensor, so that
a CPU does little but the sums and the host never waits for a GPU.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.deformation import linear_weights
from ..diffusion.domain import shrink

SHRINK = 2
"""Voxels of the masks along one axis that one voxel of the fit covers."""
KNOTS = (6, 6, 5)
"""Of the lattice along z, y and x; the outermost lie on the outermost voxels."""
_AFFINE_STEPS, _BEND_STEPS = 60, 60
_RATE = 0.02
_SMALLNESS = 0.02
"""Of the affine map's change, against the misfit of the masks."""
_STIFFNESS = 0.3
"""Of the free-form deformation, against the misfit of the masks."""
_AFFINE = 4
"""The first columns of the moves (3, columns): what x, y, z and 1 are multiplied by. One a knot follows."""


@torch.no_grad()
def fit(moving: Tensor, fixed: Tensor) -> Tensor:
    """Where each voxel of `fixed` is taken from in `moving`: (1, z, y, x, 3), x y z in -1..1, as for grid_sample.

    Both (z, y, x), 0..1, of one shape and on one device. Below the lowest plane of `fixed` along z nothing pulls.
    """
    small_moving, small_fixed = (_blurred(shrink(v[None, None], SHRINK))[0, 0] for v in (moving, fixed))
    misfit = Misfit(small_moving, small_fixed)
    moves = torch.zeros(3, _AFFINE + math.prod(KNOTS), device=fixed.device)
    for columns, steps in ((_AFFINE, _AFFINE_STEPS), (moves.shape[1], _BEND_STEPS)):
        adam = Adam(moves[:, :columns])
        for step in range(steps):
            adam.step(misfit.gradient(moves)[:, :columns], _RATE * (1 + math.cos(math.pi * step / steps)) / 2)
    return lattice(tuple(fixed.shape), fixed.device).points(moves).view(1, 3, *fixed.shape).movedim(1, -1)


class Misfit:
    """The weighted mean square by which a moved mask differs from another, and what the moves cost, to be descended.

    Both (z, y, x), 0..1.
    """

    def __init__(self, moving: Tensor, fixed: Tensor):
        self.lattice = lattice(tuple(fixed.shape), fixed.device)
        self.moving = Trilinear(moving, self.lattice.size)
        self.fixed = fixed.flatten()
        weight = _known(fixed).flatten()
        self.weight = weight * self.lattice.size / weight.sum()

    def gradient(self, moves: Tensor) -> Tensor:
        """Of the misfit and the moves' cost, by the moves (3, columns); the same shape."""
        moved, slope = self.moving(self.lattice.points(moves))
        pull = self.lattice.gathered((moved - self.fixed) * slope * self.weight)
        return torch.addmm(torch.cat([pull @ self.lattice.knots.T, pull], dim=1), moves, self.lattice.cost)


class Trilinear:
    """A volume (z, y, x), 0 outside, between its voxels: as F.grid_sample with align_corners=False, with its slope.

    size: (3, 1) its voxels along x, y and z. In the cell between eight voxels, the volume is a polynomial of eight
    terms, which are worked out once.
    """

    def __init__(self, volume: Tensor, size: Tensor):
        self.size = size
        terms = F.pad(volume, [2] * 6)  # so that the outermost cells are 0, for all points beyond
        self.rows, self.columns = terms.shape[1] - 1, terms.shape[2] - 1
        for axis in range(3):
            along = terms.dim() - 3 + axis
            terms = torch.stack([terms.narrow(along, 0, terms.shape[along] - 1), terms.diff(dim=along)], dim=axis)
        self.terms = terms.reshape(8, -1)

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """points (3, n), x y z in -1..1 -> values (n,), and their slopes (3, n) a voxel along x, y and z.

        On a voxel, where the slope jumps, rounding decides as in grid_sample: a fit starts there.
        """
        at = torch.minimum((points + 1).mul_(self.size).sub_(1).div_(2).clamp_(min=-2), self.size + 1)
        cell = torch.minimum(at.floor(), self.size)
        x, y, z = at.sub_(cell)
        column, row, plane = cell.add_(2)
        t = self.terms.index_select(1, torch.add(column, plane * self.rows + row, alpha=self.columns).int())
        by_z = t[4:]
        on_z = torch.addcmul(t[:4], by_z, z)
        by_y, by_yz = on_z[2:], by_z[2:]
        on_yz = torch.addcmul(on_z[:2], by_y, y)
        slope_z = torch.addcmul(by_z[:2], by_yz, y)
        slopes = [on_yz[1], torch.addcmul(by_y[0], by_y[1], x), torch.addcmul(slope_z[0], slope_z[1], x)]
        return torch.addcmul(on_yz[0], on_yz[1], x), torch.stack(slopes)


class Lattice:
    """The knots over a grid of this shape (z, y, x), and trilinear interpolation from them; n is voxels, k knots.

    size: (3, 1) voxels along x, y, z. grid: (3, n) where voxels lie, x y z in -1..1. knots: (4, k) where knots lie,
    and a row of ones. cost: the matrix (columns, columns) that makes of moves the gradient of what they cost: their
    smallness, as a mean square, and the roughness of the deformation, the mean square of its second differences.
    """

    def __init__(self, shape: tuple[int, int, int], device: torch.device):
        self.shape = shape
        self.size = torch.tensor(shape[::-1], dtype=torch.float32, device=device).view(3, 1)
        self.grid = _mesh([torch.linspace(-1, 1, n) * (n - 1) / n for n in shape]).to(device)
        ends = [torch.linspace(-1, 1, k) * (n - 1) / n for n, k in zip(shape, KNOTS, strict=True)]
        self.knots = torch.cat([_mesh(ends), torch.ones(1, math.prod(KNOTS))]).to(device)
        self.cost = _cost().to(device)
        self.z, self.y, self.x = (linear_weights(n, k).to(device) for n, k in zip(shape, KNOTS, strict=True))

    def points(self, moves: Tensor) -> Tensor:
        """moves (3, columns) -> where each voxel comes from (3, n), x y z in -1..1."""
        return self.grid + self.spread(moves[:, :_AFFINE] @ self.knots + moves[:, _AFFINE:])

    def spread(self, values: Tensor) -> Tensor:
        """Values of knots (3, k) -> of voxels (3, n), as F.interpolate with align_corners=True."""
        planes = self.y @ (values.view(3, *KNOTS) @ self.x.T)
        return (self.z @ planes.flatten(2)).flatten(1)

    def gathered(self, values: Tensor) -> Tensor:
        """The transpose of `spread`: (3, n) -> (3, k), gradients by voxels -> by knots."""
        planes = (self.z.T @ values.view(3, self.shape[0], -1)).view(3, KNOTS[0], *self.shape[1:])
        return (self.y.T @ planes @ self.x).flatten(1)


@lru_cache(maxsize=8)
def lattice(shape: tuple[int, int, int], device: torch.device) -> Lattice:
    """The lattice over a grid of this shape; kept, so that it is copied to a GPU once."""
    return Lattice(shape, device)


class Adam:
    """Adam's steps, in place, at its usual decays (0.9, 0.999); as torch.optim.Adam, without its overhead."""

    def __init__(self, values: Tensor):
        self.values, self.steps = values, 0
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)

    def step(self, gradient: Tensor, rate: float) -> None:
        """Moves the values against the gradient, of their shape."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - 0.9)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
        spread = (self.square.sqrt() / math.sqrt(1 - 0.999**self.steps)).add_(1e-8)
        self.values.addcdiv_(self.mean, spread, value=-rate / (1 - 0.9**self.steps))


def _mesh(lines: list[Tensor]) -> Tensor:
    """Coordinates along z, y and x -> (3, points) x y z of all points of the grid."""
    return torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1]).flatten(1)


def _cost() -> Tensor:
    """`Lattice.cost`."""
    knots = math.prod(KNOTS)
    cost = torch.zeros(_AFFINE + knots, _AFFINE + knots, dtype=torch.float64)
    cost[:_AFFINE, :_AFFINE] = 2 * _SMALLNESS / (3 * _AFFINE) * torch.eye(_AFFINE)
    unit = torch.eye(knots, dtype=torch.float64).view(knots, *KNOTS)
    for axis in (1, 2, 3):
        bends = unit.diff(n=2, dim=axis).flatten(1)
        cost[_AFFINE:, _AFFINE:] += 2 * _STIFFNESS / (3 * bends.shape[1]) * bends @ bends.T
    return cost.float()


def _known(fixed: Tensor) -> Tensor:
    """1 from the lowest plane of the head (z, y, x) up, 0 below it; everywhere 1 where there is no head."""
    head = (fixed.amax(dim=(1, 2)) > 0.5).cumsum(0) > 0
    return (head | ~head[-1]).to(fixed.dtype).view(-1, 1, 1).expand_as(fixed)


def _blurred(mask: Tensor) -> Tensor:
    for _ in range(2):
        mask = F.avg_pool3d(mask, 3, 1, 1, count_include_pad=False)
    return mask
