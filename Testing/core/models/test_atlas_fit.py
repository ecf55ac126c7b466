"""The parts of the atlas's fit against torch's own, and the fit as the bundled model's weights know it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from MedDDPMCore.models.atlas_fit import KNOTS, Adam, Misfit, Trilinear, fit, lattice
from MedDDPMCore.models.bundle import load_atlas
from MedDDPMCore.models.catalogue import find_model

SHAPE = (14, 12, 10)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def sampled(volume: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """torch's own sampling at points (3, n)."""
    return F.grid_sample(volume[None, None], points.T[None, None, None], align_corners=False).flatten()


def spread(knots: torch.Tensor) -> torch.Tensor:
    """torch's own interpolation from knots (3, k) to voxels (3, n)."""
    return F.interpolate(knots.view(1, 3, *KNOTS), size=SHAPE, mode="trilinear", align_corners=True)[0].flatten(1)


def test_values_and_slopes_are_grid_samples_inside_at_the_border_and_beyond():
    volume, size = torch.rand(SHAPE), lattice(SHAPE, CPU).size
    points = (torch.rand(3, 4000) * 4 - 2).requires_grad_()
    values, slopes = Trilinear(volume, size)(points.detach())
    wanted = sampled(volume, points)
    assert torch.allclose(values, wanted, atol=1e-5)
    [wanted] = torch.autograd.grad(wanted.sum(), points)
    assert torch.allclose(slopes * size / 2, wanted, atol=1e-4)


def test_on_a_voxel_the_slope_is_of_the_side_that_grid_sample_takes():
    volume, grid, size = torch.rand(SHAPE), lattice(SHAPE, CPU).grid, lattice(SHAPE, CPU).size
    points = grid.clone().requires_grad_()
    [wanted] = torch.autograd.grad(sampled(volume, points).sum(), points)
    assert torch.allclose(Trilinear(volume, size)(grid)[1] * size / 2, wanted, atol=1e-4)


def test_without_moves_every_voxel_comes_from_where_it_is():
    at = lattice(SHAPE, CPU)
    points = at.points(torch.zeros(3, at.cost.shape[0])).view(3, *SHAPE).movedim(0, -1)[None]
    plain = F.affine_grid(torch.eye(3, 4)[None], (1, 1, *SHAPE), align_corners=False)
    assert torch.equal(points, plain)


def test_knots_are_spread_as_by_torchs_interpolation_and_gathered_by_its_transpose():
    knots, weights = torch.randn(3, 180, requires_grad=True), torch.randn(3, 14 * 12 * 10)
    at = lattice(SHAPE, CPU)
    assert torch.allclose(at.spread(knots.detach()), spread(knots), atol=1e-5)
    [wanted] = torch.autograd.grad((spread(knots) * weights).sum(), knots)
    assert torch.allclose(at.gathered(weights), wanted, atol=1e-4)


def test_the_gradient_is_that_of_the_masks_misfit_above_the_lowest_plane_and_of_what_the_moves_cost():
    moving, fixed = torch.rand(SHAPE), torch.rand(SHAPE) * 0.4
    fixed[4:] += 0.5
    moves = (torch.randn(3, 184) * 0.05).requires_grad_()
    affine, bend = moves[:, :4], moves[:, 4:]
    plain = F.affine_grid(torch.eye(3, 4)[None], (1, 1, *SHAPE), align_corners=False)[0].movedim(-1, 0).flatten(1)
    points = plain + affine @ torch.cat([plain, torch.ones_like(plain[:1])]) + spread(bend)
    misfit = (sampled(moving, points).view(SHAPE) - fixed)[4:].square().mean()
    curves = [bend.view(3, *KNOTS).diff(n=2, dim=axis).square().mean() for axis in (1, 2, 3)]
    [wanted] = torch.autograd.grad(misfit + 0.02 * affine.square().mean() + 0.3 * sum(curves), moves)
    assert torch.allclose(Misfit(moving, fixed).gradient(moves.detach()), wanted, atol=1e-5, rtol=1e-4)


def test_adams_steps_are_torchs():
    ours, theirs = torch.ones(3, 5), torch.ones(3, 5, requires_grad=True)
    adam, optimizer = Adam(ours), torch.optim.Adam([theirs], lr=0.1)
    for _ in range(7):
        theirs.grad = torch.randn(3, 5)
        adam.step(theirs.grad, 0.1)
        optimizer.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_the_bundled_atlas_is_bent_as_when_its_weights_were_trained():
    """Against what torch's own sampling, gradients and Adam made of it; rounding differs by up to 8e-4."""
    lines = [torch.arange(n) - c for n, c in zip((128, 128, 96), (60.5, 66.0, 45.0), strict=True)]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    image = load_atlas(find_model("default")).onto((z / 52) ** 2 + (y / 49) ** 2 + (x / 36) ** 2 < 1)[0]
    found = torch.tensor([image[at] for at in PROBES])
    assert torch.allclose(found, torch.tensor(list(PROBES.values())), atol=3e-3)


def test_the_fit_asks_for_no_value_so_a_gpu_is_not_waited_for():
    head = torch.empty(32, 32, 24, device="meta")
    assert fit(head, head).shape == (1, 32, 32, 24, 3)


PROBES = {
    (60, 66, 45): 0.2205,
    (90, 40, 60): -0.6053,
    (30, 80, 30): -0.2700,
    (75, 100, 45): -0.5142,
    (20, 66, 50): -0.4653,
    (50, 30, 70): -0.8950,
    (100, 70, 25): -0.6225,
    (105, 90, 50): -0.7939,
}
"""Values (-1..1) of the bundled atlas bent into an egg, by voxel (z, y, x)."""
