"""The rough brain region of a head: the same whatever way the array's axes run, and without the face."""

import numpy as np
import pytest

from MedDDPMCore.anatomy.brain import brain_region
from MedDDPMCore.volumes.volume import Geometry, Volume, direction_of_axes, reorient

SPACING = (4.0, 5.0, 6.0)


def ball(radius_mm: float) -> np.ndarray:
    """(z, y, x) bool: a ball in the middle of a grid of 240 mm."""
    sides = [np.arange(int(240 / mm)) * mm - 120 for mm in SPACING[::-1]]
    return sum(side**2 for side in np.meshgrid(*sides, indexing="ij")) < radius_mm**2


def test_the_brain_lies_under_the_scalp_and_not_in_the_face():
    head, inner = ball(100), ball(80)
    brain, white = brain_region(np.where(inner, 0.8, np.where(head, 0.2, 0.0)), head, SPACING)
    assert white == pytest.approx(0.8, abs=0.02)
    assert not (brain & ~inner).any()
    low = slice(16, 22)  # 84 to 120 mm under the head's top
    assert brain[low, :20].any() and inner[low, 36:].any() and not brain[low, 36:].any()


@pytest.mark.parametrize("axes", ["LPS", "LAI", "ARS", "PLI"])
def test_the_same_head_stored_along_other_axes_has_the_same_brain(axes):
    head = ball(100)
    image = np.where(ball(80), 0.8, np.where(head, 0.2, 0.0))
    brain, white = brain_region(image, head, SPACING)
    geometry = Geometry(head.shape, SPACING, (0.0, 0.0, 0.0), direction_of_axes("RAS"))
    turned = [reorient(Volume(array, geometry), axes) for array in (image, head.astype(np.uint8))]
    found, level = brain_region(turned[0].array, turned[1].array > 0, turned[0].geometry.spacing, axes)
    back = reorient(Volume(found.astype(np.uint8), turned[0].geometry), "RAS").array > 0
    assert np.array_equal(back, brain) and level == pytest.approx(white)
