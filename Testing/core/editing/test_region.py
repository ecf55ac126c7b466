"""Mass effect on a whole head: what moves, what stays, and that nothing folds."""

import numpy as np
import pytest
import torch
from phantoms import box, head, rotation, world

from MedDDPMCore.base.deformation import jacobian
from MedDDPMCore.base.distance import signed_distance
from MedDDPMCore.editing.region import SKULL_MM, pushed
from MedDDPMCore.lesions import tools
from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.lesions.shapes import lesions_of
from MedDDPMCore.volumes.labels import WHOLE_HEAD
from MedDDPMCore.volumes.volume import Volume

UPRIGHT = np.diag([-1.0, -1.0, 1.0])
GEOMETRIES = {
    "upright": box((4, 4, 4), (160, 200, 180)),
    "oblique, left-handed, anisotropic": box(
        (3, 3.5, 6), (160, 200, 180), UPRIGHT @ rotation((9, -6, 12)) @ np.diag([-1.0, 1.0, 1.0])
    ),
}


@pytest.fixture(scope="module", params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
def push(request):
    """Where two lesions of 20 and 3 ml took each voxel from (z, y, x, 3) LPS mm, the head, and what moved."""
    mask = head(request.param, radius=0)
    places = ((20, 30, 0, 10), (3, -35, 25, 5))
    for ml, *at in places:
        mask = tools.place(mask, simulated_shape(ml, 1, 2), at=at).mask
    inside, found = mask.array > 0, lesions_of(mask, WHOLE_HEAD)
    images = [
        Volume(coordinate.astype(np.float32), mask.geometry) for coordinate in np.moveaxis(world(mask.geometry), -1, 0)
    ]
    warped = [pushed(image, inside, found, 0.9) for image in images]
    return np.stack([image for image, _, _ in warped], axis=-1), inside, warped[0][1], mask.geometry


def test_the_tissue_does_not_fold_wherever_the_lesions_lie(push):
    taken_from, _, _, geometry = push
    shift = (
        taken_from - world(geometry)
    ) @ geometry.direction  # in mm along the array's axes: columns are unit vectors
    field = torch.from_numpy(np.ascontiguousarray(np.moveaxis(shift, -1, 0)).astype(np.float32))
    assert float(jacobian(field, geometry.spacing).min()) > 0


def test_the_middle_of_the_brain_moves_away_from_the_lesion_and_the_skull_and_skin_stay(push):
    taken_from, inside, moved, geometry = push
    there = world(geometry)
    shift = there - taken_from  # where tissue went
    midplane = inside & (np.abs(there[..., 0]) < 3) & (np.linalg.norm(there - (0, 0, 10), axis=-1) < 10)
    assert shift[midplane][:, 0].mean() < -1
    shallow = -signed_distance(inside, geometry.spacing) <= SKULL_MM[0]
    assert moved.any() and not moved[shallow].any()
    assert np.array_equal(taken_from[shallow], there[shallow].astype(np.float32))
