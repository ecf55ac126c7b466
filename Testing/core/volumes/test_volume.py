"""Geometry, and labels and images brought from one geometry to another."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import AXES, box, centre_of_mass, head, rotation, world

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import (
    Geometry,
    Volume,
    count_labels,
    reorient,
    resample_image,
    resample_labels,
    where_labels,
)

angles = st.tuples(*[st.floats(-180, 180)] * 3)
spacings = st.tuples(*[st.floats(1.6, 5.0)] * 3)
few = settings(max_examples=15, deadline=None)


def test_importing_it_loads_no_image_library():
    modules = ", ".join(f"MedDDPMCore.volumes.{name}" for name in ("volume", "labels", "grid"))
    code = f"import sys, {modules}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"SimpleITK", "nibabel", "torch", "scipy"} & set(modules)


@given(angles, spacings)
@few
def test_an_index_goes_to_the_world_and_back(angle, spacing):
    geometry = Geometry((5, 6, 7), spacing, (10, -20, 30), rotation(angle))
    index = np.array([[0, 0, 0], [6, 5, 4], [1.5, 2.5, 3.5]])
    assert np.allclose(geometry.to_index(geometry.to_world(index)), index)
    assert np.allclose(geometry.affine_lps @ [1, 2, 3, 1], [*geometry.to_world([1, 2, 3]), 1])
    assert Geometry.from_affine_ras(geometry.affine_ras, geometry.shape).matches(geometry)


def test_ras_and_lps_differ_in_the_signs_of_x_and_y():
    geometry = Geometry((4, 4, 4), (1, 2, 3), (5, 6, 7), np.eye(3))
    assert np.allclose(geometry.affine_ras @ [1, 1, 1, 1], [-6, -8, 10, 1])


def test_centre_extent_and_volume_are_those_of_voxel_edges():
    geometry = Geometry((2, 3, 4), (1, 2, 3), (0, 0, 0), np.eye(3))
    assert np.allclose(geometry.centre, [1.5, 2, 1.5])
    assert geometry.extent_mm == (4, 6, 6)
    assert (geometry.in_ml(1000), geometry.in_ml(16)) == ("6.0 ml", "less than 0.1 ml")


@pytest.mark.parametrize(
    "spacing, origin, direction",
    [
        ((0, 1, 1), (0, 0, 0), np.eye(3)),
        ((1, 1, np.nan), (0, 0, 0), np.eye(3)),
        ((1, 1, 1), (np.inf, 0, 0), np.eye(3)),
        ((1, 1, 1), (0, 0, 0), np.ones((3, 3))),
    ],
)
def test_an_impossible_position_is_refused(spacing, origin, direction):
    with pytest.raises(VolumeError, match="position is unusable"):
        Geometry((2, 2, 2), spacing, origin, direction)


def test_an_array_that_does_not_fit_its_geometry_is_refused():
    with pytest.raises(VolumeError, match="does not fit"):
        Volume(np.zeros((2, 3, 5)), box((1, 1, 1), (4, 3, 2)))


@pytest.mark.parametrize("axes", ["RA", "RLS", "RAX", "RRS", "ras"])
def test_axes_that_are_no_frame_are_refused(axes):
    with pytest.raises(VolumeError, match="three letters"):
        reorient(head(box((8, 8, 8), (80, 80, 80))), axes)


@given(st.sampled_from(AXES), st.sampled_from(AXES), angles)
@few
def test_reorienting_keeps_every_voxel_in_its_place(first, second, angle):
    volume = Volume(np.arange(60.0).reshape(3, 4, 5), Geometry((3, 4, 5), (1, 2, 3), (3, 2, 1), rotation(angle)))
    turned = reorient(reorient(volume, first), second)
    index = np.rint(volume.geometry.to_index(world(turned.geometry))).astype(int)
    assert np.allclose(volume.geometry.to_world(index), world(turned.geometry))
    assert np.array_equal(volume.array[index[..., 2], index[..., 1], index[..., 0]], turned.array)
    assert reorient(turned, second).geometry.matches(turned.geometry)


def test_reorienting_runs_the_axes_as_asked():
    turned = reorient(Volume(np.zeros((3, 4, 5)), Geometry((3, 4, 5), (1, 2, 3), (0, 0, 0), np.eye(3))), "SAR")
    assert turned.geometry.shape == (5, 4, 3) and turned.geometry.spacing == (3, 2, 1)
    assert np.allclose(turned.geometry.direction.T, [[0, 0, 1], [0, -1, 0], [-1, 0, 0]])


def test_coinciding_voxels_are_copied_bit_for_bit():
    rng = np.random.default_rng(0)
    geometry = Geometry((6, 7, 8), (0.7, 1.1, 2.3), (1, 2, 3), rotation((10, 20, 30)))
    volume = Volume(rng.normal(size=(6, 7, 8)).astype(np.float32), geometry)
    turned = resample_image(volume, geometry.reoriented("ILP"))
    assert np.array_equal(resample_image(turned, geometry).array, volume.array)
    crop = Geometry((8, 3, 4), geometry.spacing, tuple(geometry.to_world([-1, 3, 2])), geometry.direction)
    cropped = resample_image(volume, crop, background=-9).array
    assert np.array_equal(cropped[:4, :, 1:], volume.array[2:, 3:6, :3]) and (cropped[4:] == -9).all()


@given(st.sampled_from(AXES), angles, spacings)
@few
def test_a_mask_stored_along_any_axes_gives_the_same_labels_and_image(axes, angle, spacing):
    stored = head(box((4, 5, 6.5), (130, 160, 150), rotation((5, -8, 12))))
    image = Volume(np.sin(world(stored.geometry) / 30).sum(axis=-1).astype(np.float32), stored.geometry)
    target = box(spacing, (70, 60, 50), rotation(angle), centre=(10, 5, 0))
    expected, expected_image = resample_labels(stored, target), resample_image(image, target)
    assert np.array_equal(resample_labels(reorient(stored, axes), target).array, expected.array)
    assert np.allclose(resample_image(reorient(image, axes), target).array, expected_image.array, atol=1e-4)


@given(angles, spacings, st.tuples(*[st.floats(-25, 25)] * 3), st.floats(9, 16))
@few
def test_a_tumor_stays_where_it_is_in_the_world(angle, spacing, place, radius):
    model = box((4, 4, 4), (192, 224, 192))
    mask = head(box(spacing, (150, 190, 170), rotation(angle)), place, radius)
    there = resample_labels(mask, model)
    back = resample_labels(there, mask.geometry)
    for volume in (there, back):
        assert np.linalg.norm(centre_of_mass(volume, 2) - centre_of_mass(mask, 2)) < 2.0


@given(st.tuples(*[st.floats(-0.25, 0.25)] * 3), angles)
@few
def test_a_sheared_volume_is_sampled_at_its_true_places(shear, angle):
    frame = rotation(angle) @ np.array([[1, shear[0], shear[1]], [0, 1, shear[2]], [0, 0, 1]])
    frame = frame / np.linalg.norm(frame, axis=0)
    mask = head(box((3, 3, 4), (220, 240, 230), frame))
    there = resample_labels(mask, box((4, 4, 4), (192, 224, 192)))
    assert np.linalg.norm(centre_of_mass(there, 2) - centre_of_mass(mask, 2)) < 2.0
    expected = head(box((4, 4, 4), (192, 224, 192)))
    assert ((there.array == 1) != (expected.array == 1)).mean() < 0.03


@given(st.integers(0, 2**32 - 1), st.floats(1.3, 8.0))
@settings(max_examples=8, deadline=None)
def test_a_tiny_lesion_never_vanishes_when_resampled(seed, spacing):
    rng = np.random.default_rng(seed)
    mask = head(box((1.5, 1.5, 1.5), (150, 150, 150)), radius=14.0)
    spots = []
    while len(spots) < 5:
        spot = rng.integers(30, 70, size=3)
        free = all(np.abs(spot - other).max() * 1.5 > 2.5 * spacing for other in spots)
        if free and not (mask.array[tuple(slice(s - 8, s + 9) for s in spot)] == 2).any():
            spots.append(spot)
            mask.array[tuple(spot)] = 2
    target = box((spacing, spacing, spacing), (140, 140, 140), rotation((7, 3, -5)))
    result = resample_labels(mask, target)
    for spot in spots:
        place = target.to_index(mask.geometry.to_world(spot[::-1]))
        voxel = np.rint(place).astype(int)[::-1]
        assert 2 in result.array[tuple(slice(v - 1, v + 2) for v in voxel)]


def test_each_of_several_tiny_labels_keeps_a_voxel():
    mask = head(box((1, 1, 1), (60, 60, 60)), radius=0)
    for label, place in ((3, (30, 30, 30)), (4, (30, 30, 31)), (5, (31, 30, 30)), (6, (20, 10, 40))):
        mask.array[place] = label
    result = resample_labels(mask, box((1.9, 1.9, 1.9), (60, 60, 60), rotation((3, 4, 5))))
    assert {3, 4, 5, 6} <= set(np.unique(result.array))


def test_small_pieces_of_the_only_label_are_kept_when_asked_for():
    mask = Volume(np.zeros((60, 60, 60), np.uint8), box((1, 1, 1), (60, 60, 60)))
    mask.array[10:30, 10:30, 10:30] = mask.array[45, 45, 45] = 1
    target = box((6, 6, 6), (60, 60, 60))
    added = resample_labels(mask, target, every_piece=True).array != resample_labels(mask, target).array
    assert np.argwhere(added).tolist() == [[7, 7, 7]]


def test_a_label_outside_the_field_of_view_is_not_drawn_in():
    mask = head(box((1, 1, 1), (60, 60, 60)), radius=0)
    mask.array[2:6, 2:6, 2:6] = 7
    result = resample_labels(mask, box((2, 2, 2), (30, 30, 30)))
    assert set(np.unique(result.array)) == {1}


def test_no_label_is_invented_between_two_others():
    mask = head(box((2, 2, 2), (160, 200, 180)))
    mask.array[mask.array == 2] = 9
    result = resample_labels(mask, box((1.3, 1.7, 2.9), (160, 200, 180), rotation((20, 10, 5))))
    assert set(np.unique(result.array)) == {0, 1, 9} and result.array.dtype == np.uint8


def test_labels_down_and_up_again_lose_little():
    mask = head(box((1.4, 1.4, 1.4), (150, 190, 170)), radius=20)
    model = box((2.3, 2.3, 2.3), (160, 200, 180), centre=(0.3, 0.4, 0.1))
    back = resample_labels(resample_labels(mask, model), mask.geometry).array
    for label, least in ((1, 0.985), (2, 0.95)):
        both = ((back == label) & (mask.array == label)).sum()
        assert 2 * both / ((back == label).sum() + (mask.array == label).sum()) > least


def test_an_empty_mask_and_a_mask_elsewhere_give_background():
    target = box((2, 2, 2), (40, 40, 40))
    empty = Volume(np.zeros((9, 9, 9), np.uint8), box((3, 3, 3), (27, 27, 27)))
    elsewhere = Volume(np.ones((9, 9, 9), np.uint8), box((3, 3, 3), (27, 27, 27), centre=(500, 0, 0)))
    assert not resample_labels(empty, target).array.any() and not resample_labels(elsewhere, target).array.any()


def test_labels_in_channels_are_refused():
    volume = Volume(np.zeros((2, 3, 3, 3), np.uint8), box((1, 1, 1), (3, 3, 3)))
    with pytest.raises(VolumeError, match="single"):
        resample_labels(volume, volume.geometry)


@given(angles, spacings)
@few
def test_a_smooth_image_keeps_its_values_in_the_world(angle, spacing):
    source = box((2, 2, 2), (120, 120, 120))
    points = world(source)
    image = Volume(np.stack([points @ [1, 2, 3], -points @ [1, 2, 3]]).astype(np.float32), source)
    target = box(spacing, (40, 40, 40), rotation(angle))
    result = resample_image(image, target)
    expected = world(target) @ [1, 2, 3]
    assert result.array.dtype == np.float32 and result.array.shape == (2, *target.shape)
    assert np.abs(result.array - np.stack([expected, -expected])).max() < 0.05


def test_fine_texture_is_averaged_not_aliased_when_voxels_grow():
    rng = np.random.default_rng(1)
    noise = Volume(rng.normal(size=(60, 60, 60)).astype(np.float32), box((1, 1, 1), (60, 60, 60)))
    for spacing in (1.6, 2.0, 3.7):
        result = resample_image(noise, box((spacing,) * 3, (40, 40, 40), rotation((10, 5, 3)))).array
        assert result.std() < 1.5 * spacing**-1.5


def test_outside_the_image_is_its_minimum_or_the_background_asked_for():
    image = Volume(np.full((5, 5, 5), 3.0), box((2, 2, 2), (10, 10, 10)))
    image.array[0, 0, 0] = -4
    target = box((1.5, 1.5, 1.5), (60, 60, 60))
    assert resample_image(image, target).array[0, 0, 0] == -4
    assert resample_image(image, target, background=7).array[0, 0, 0] == 7
    assert (resample_image(image, box((1.5,) * 3, (9, 9, 9), centre=(900, 0, 0)), background=7).array == 7).all()


def test_a_single_slice_fills_its_thickness_and_no_more():
    image = Volume(np.ones((1, 8, 8), np.float32), box((2, 2, 6), (16, 16, 6)))
    result = resample_image(image, box((2, 2, 1), (12, 12, 10)), background=0).array[:, 3, 3]
    assert np.array_equal(result > 0.5, [0, 0, 1, 1, 1, 1, 1, 1, 0, 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_labels_are_counted_and_found_as_numpy_does(dtype):
    array = np.random.default_rng(0).integers(0, 5, (7, 8, 9)).astype(dtype)
    array[array == 3] = 77
    for ours, numpys in zip(count_labels(array), np.unique(array, return_counts=True), strict=True):
        assert np.array_equal(ours, numpys)
    for values in ((2,), (1, 77), (300, 4)):
        assert np.array_equal(where_labels(array, iter(values)), np.isin(array, values))
