"""The atlas: a mean head bent into a mask."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from MedDDPMCore.models.atlas import Atlas
from MedDDPMCore.models.atlas_fit import fit
from MedDDPMCore.models.spec import ATLAS_FACTOR

SHAPE = (48, 40, 40)


def ball(shape, centre, radii) -> torch.Tensor:
    """An ellipsoid, 0..1, with a soft edge."""
    lines = [torch.arange(n, dtype=torch.float32) - c for n, c in zip(shape, centre, strict=True)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"), dim=-1)
    return torch.sigmoid(4 * (1 - torch.linalg.vector_norm(points / torch.tensor(radii), dim=-1)) * min(radii))


def dice(a: torch.Tensor, b: torch.Tensor) -> float:
    a, b = a > 0.5, b > 0.5
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_head_is_bent_onto_another_of_other_place_and_size():
    moving, fixed = ball((24, 20, 20), (11, 9, 9), (9, 6, 6)), ball((24, 20, 20), (13, 11, 9), (8, 8, 5))
    moved = F.grid_sample(moving[None, None], fit(moving, fixed), align_corners=False)[0, 0]
    assert dice(moving, fixed) < 0.8 < 0.93 < dice(moved, fixed)


def test_the_inside_follows_the_outline():
    head, spot = ball((24, 20, 20), (12, 9, 9), (9, 7, 7)), ball((24, 20, 20), (12, 9, 11), (2, 2, 2))
    atlas = Atlas((head * 0.5 + spot * 0.5)[None] * 2 - 1, head)
    wanted = ball(SHAPE, (25, 21.5, 19), (17, 13, 15)) > 0.5
    image = atlas.onto(wanted)
    assert image.shape == (1, *SHAPE) and image.min() >= -1 and image.max() <= 1
    assert dice(image[0] > -0.5, wanted) > 0.9
    brightest = torch.tensor(torch.unravel_index(image[0].argmax(), SHAPE)).float()
    assert torch.linalg.vector_norm(brightest - torch.tensor([25.0, 21.5, 23.0])) < 4


def test_nothing_pulls_below_the_lowest_plane_of_a_cut_off_head():
    head = ball((24, 20, 20), (12, 9, 9), (9, 7, 7))
    cut = head.clone()
    cut[:10] = 0
    moved = F.grid_sample(head[None, None], fit(head, cut), align_corners=False)[0, 0]
    assert dice(moved[10:], cut[10:]) > 0.93
    assert float(moved[8, 9, 9]) > 0.5


def test_the_same_mask_gives_the_same_image_and_an_empty_one_an_image_without_nan():
    head = ball((24, 20, 20), (12, 9, 9), (9, 7, 7))
    atlas = Atlas(head[None] * 2 - 1, head)
    mask = F.interpolate(head[None, None], scale_factor=ATLAS_FACTOR)[0, 0] > 0.5
    assert torch.equal(atlas.onto(mask), atlas.onto(mask))
    assert torch.isfinite(atlas.onto(torch.zeros_like(mask))).all()
