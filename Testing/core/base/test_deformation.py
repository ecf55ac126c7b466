"""Pushes: they move what they should, fold nowhere and end where they should."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from MedDDPMCore.base.deformation import STEEPEST, jacobian, radial_push, unfolded, warp
from MedDDPMCore.base.errors import MedDDPMError

SHAPE, SPACING, CENTRE = (32, 36, 40), (2.0, 1.5, 2.5), (16.0, 18.0, 20.0)


def distances(shape=SHAPE, spacing=SPACING, centre=CENTRE) -> torch.Tensor:
    lines = [(torch.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing[::-1], strict=True)]
    return torch.stack(torch.meshgrid(*lines, indexing="ij")).square().sum(dim=0).sqrt()


def test_a_ball_grows_by_the_push():
    ball = (distances() < 10.0).float()[None]
    moved = warp(ball, radial_push(SHAPE, SPACING, CENTRE, 14.0, 4.0, 26.0), SPACING)[0]
    radius = ((moved > 0.5).sum() * 7.5 * 3 / (4 * torch.pi)) ** (1 / 3)
    assert 13.5 < radius < 14.5


def test_nothing_moves_from_the_reach_on():
    field = radial_push(SHAPE, SPACING, CENTRE, 10.0, 5.0, 20.0)
    assert field[:, distances() >= 20.0].abs().max() == 0 and field.abs().max() > 4.5


@given(
    radius=st.floats(4.0, 20.0), share=st.floats(0.0, STEEPEST), beyond=st.floats(3.0, 30.0),
    centre=st.tuples(*(st.floats(-5.0, n + 5.0) for n in SHAPE)),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_push_never_folds(radius, share, beyond, centre):
    field = radial_push(SHAPE, SPACING, centre, radius, share * radius, radius + beyond)
    assert jacobian(field, SPACING).min() > 0


def test_the_jacobian_is_the_change_of_volume():
    x = (torch.arange(SHAPE[2]) * 2.0).expand(SHAPE)
    field = torch.stack([x * 0.2, torch.zeros(SHAPE), torch.zeros(SHAPE)])
    assert torch.allclose(jacobian(field, SPACING), torch.tensor(1.2), atol=1e-5)
    assert torch.allclose(jacobian(-6 * field, SPACING), torch.tensor(-0.2), atol=1e-4)


def test_a_field_that_folds_is_held_back_until_it_does_not():
    weight = (torch.arange(SHAPE[2]) >= 17).float().expand(SHAPE)
    field = radial_push(SHAPE, SPACING, CENTRE, 10.0, 4.0, 20.0)
    cut = 3 * field * weight
    assert jacobian(cut, SPACING).min() < 0 < jacobian(unfolded(cut, SPACING), SPACING).min()
    assert torch.equal(unfolded(field, SPACING), field)


def test_without_a_field_a_volume_stays_as_it_is():
    volume = torch.rand((2, *SHAPE), generator=torch.Generator().manual_seed(1))
    still = torch.zeros((3, *SHAPE))
    assert torch.allclose(warp(volume, still, SPACING), volume, atol=1e-4)
    assert torch.equal(warp(volume, still, SPACING, "nearest"), volume)


def test_a_shift_takes_each_voxel_from_where_the_field_points():
    volume = torch.rand((1, *SHAPE), generator=torch.Generator().manual_seed(1))
    field = torch.zeros((3, *SHAPE))
    field[1] = 2 * SPACING[1]
    assert torch.allclose(warp(volume, field, SPACING)[:, :, :-2], volume[:, :, 2:], atol=1e-4)
    assert warp(volume, field, SPACING, outside="zeros")[:, :, -1].abs().max() == 0


@pytest.mark.parametrize("radius, push, reach, said", [(10, 7, 20, "folds"), (10, -1, 20, "folds"),
                                                       (10, 2, 9, "must reach beyond")])  # fmt: skip
def test_a_push_that_would_fold_is_refused(radius, push, reach, said):
    with pytest.raises(MedDDPMError, match=said):
        radial_push(SHAPE, SPACING, CENTRE, radius, push, reach)
