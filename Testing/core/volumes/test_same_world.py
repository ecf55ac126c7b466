"""Whether an image's masks and modalities lie on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import box, head, rotation

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.same_world import displacement, require_together
from MedDDPMCore.volumes.volume import Volume, reorient, resample_image, resample_labels

GRID = box((4, 4, 4), (200, 240, 220))


@pytest.fixture
def mask() -> Volume:
    return head(GRID)


@pytest.fixture
def image(mask) -> Volume:
    noise = np.random.default_rng(0).normal(0, 5, mask.array.shape)
    return Volume((np.choose(mask.array, (5, 300, 500)) + noise).astype(np.float32), GRID)


def shifted(volume: Volume, millimetres) -> Volume:
    origin = tuple(np.array(volume.geometry.origin) + millimetres)
    return Volume(volume.array, replace(volume.geometry, origin=origin))


def test_a_mask_on_the_images_own_voxels_is_taken_without_a_word(image, mask):
    assert require_together("mask", mask, "image", image) == ""


@pytest.mark.parametrize("axes", ["LPS", "PIR"])
def test_a_mask_whose_axes_run_otherwise_lies_on_the_image(image, mask, axes):
    assert "resampled" in require_together("mask", reorient(mask, axes), "image", image)


@pytest.mark.parametrize("shift", [(18, 0, 0), (0, -30, 24), (-10, 0, 0)])
def test_a_mask_of_the_images_shape_at_another_place_is_refused_with_the_distance(image, mask, shift):
    with pytest.raises(VolumeError, match=f"puts them {np.linalg.norm(shift):.0f} mm from it"):
        require_together("mask", shifted(mask, shift), "image", image)


def test_a_mask_that_lost_its_orientation_is_refused(image, mask):
    turned = replace(mask.geometry, direction=rotation((0, 25, 0)) @ mask.geometry.direction)
    with pytest.raises(VolumeError, match="its header puts them"):
        require_together("mask", Volume(mask.array, turned), "image", image)


@pytest.mark.parametrize("spacing", [2.0, 6.0])
def test_a_mask_of_other_voxels_is_refused_where_it_lies_elsewhere_and_else_resampled(image, mask, spacing):
    other = resample_labels(mask, box((spacing,) * 3, (190, 230, 210)))
    assert "resampled" in require_together("mask", other, "image", image)
    with pytest.raises(VolumeError, match="mm away"):
        require_together("mask", shifted(other, (0, 30, 0)), "image", image)


def test_a_lesion_alone_lies_on_the_head_wherever_in_it_it_is(image, mask):
    lesion = resample_labels(Volume((mask.array == 2).astype(np.uint8), GRID), box((3, 3, 3), (200, 240, 220)))
    assert displacement(lesion, image) == 0
    with pytest.raises(VolumeError, match="mm away"):
        require_together("tumour mask", shifted(lesion, (0, 0, 160)), "image", image)


def test_an_image_45_mm_from_another_is_refused_and_a_slab_of_the_head_is_not(image):
    slab = resample_image(image, box((3, 3, 6), (200, 240, 90), centre=(0, 0, 40)))
    assert "resampled" in require_together("T2 image", slab, "T1 image", image, labels=False)
    far = resample_image(image, box((3, 3, 3), (210, 250, 230)))
    for shift in ((45, 0, 0), (0, 27, 36)):
        with pytest.raises(VolumeError, match=r"T2 image does not lie on the T1 image: it is 4\d mm away"):
            require_together("T2 image", shifted(far, shift), "T1 image", image, labels=False)


def test_an_empty_mask_is_nowhere_else(image):
    empty = Volume(np.zeros((5, 5, 5), np.uint8), box((9, 9, 9), (45, 45, 45), centre=(500, 0, 0)))
    assert displacement(empty, image) == 0
