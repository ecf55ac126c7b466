"""Lesion tools on head phantoms: upright, oblique, left-handed and anisotropic."""

import numpy as np
import pytest
from phantoms import box, centre_of_mass, head, rotation

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.lesions import tools
from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.volumes.labels import BRATS
from MedDDPMCore.volumes.volume import Volume

UPRIGHT = np.diag([-1.0, -1.0, 1.0])
EXTENT = (160, 200, 180)
GEOMETRIES = {
    "upright": box((2, 2, 2), EXTENT),
    "oblique": box((2.5, 2, 3), EXTENT, UPRIGHT @ rotation((12, -7, 10))),
    "left-handed, anisotropic": box(
        (1.7, 1.7, 6.5), EXTENT, UPRIGHT @ rotation((5, 3, -8)) @ np.diag([-1.0, 1.0, 1.0])
    ),
}


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
def mask(request):
    return head(request.param)


def tolerance(mask: Volume) -> float:
    """Half the longest voxel edge, mm."""
    return max(mask.geometry.spacing) / 2


def outline(mask: Volume) -> np.ndarray:
    return mask.array > 0


def test_a_moved_lesion_lies_where_it_was_sent_with_its_volume_and_the_head_closes_behind_it(mask):
    edited = tools.move(mask, (-25, 5, 8))
    np.testing.assert_allclose(centre_of_mass(edited.mask, 2), (-5, 15, 23), atol=tolerance(mask))
    assert edited.after_ml == pytest.approx(edited.before_ml, rel=0.01)
    assert edited.mask.geometry is mask.geometry
    assert np.array_equal(outline(edited.mask), outline(mask))


def test_the_input_is_left_as_it_was(mask):
    before = mask.array.copy()
    tools.grow(mask, 4)
    tools.move(mask, (0, 0, 10))
    assert np.array_equal(mask.array, before)


@pytest.mark.parametrize("factor", [0.5, 1.4, 2.0])
def test_scaling_multiplies_the_diameter_about_the_centre(mask, factor):
    edited = tools.scale(mask, factor)
    assert edited.after_ml == pytest.approx(edited.before_ml * factor**3, rel=0.02, abs=0.02)
    np.testing.assert_allclose(centre_of_mass(edited.mask, 2), (20, 10, 15), atol=tolerance(mask))


def test_a_turn_about_the_bodys_axis_turns_a_long_lesion_in_the_world():
    mask = head(GEOMETRIES["oblique"], radius=0)
    points = mask.geometry.to_world(np.stack(np.meshgrid(*map(np.arange, mask.geometry.size), indexing="ij"), axis=-1))
    bar = (np.abs(points - (0, 0, 10)) <= (30, 6, 6)).all(axis=-1).transpose(2, 1, 0)
    mask.array[bar] = 2
    edited = tools.rotate(mask, (0, 0, 90)).mask
    where = mask.geometry.to_world(np.argwhere(edited.array == 2)[:, ::-1])
    np.testing.assert_allclose(where.max(axis=0) - where.min(axis=0), (12, 60, 12), atol=6)


def test_a_small_turn_is_right_handed_about_the_axis_to_the_patients_left():
    mask = head(box((2, 2, 2), EXTENT), radius=0)
    points = mask.geometry.to_world(np.argwhere(mask.array >= 0)[:, ::-1]).reshape(*mask.array.shape, 3)
    mask.array[(np.abs(points) <= (5, 25, 5)).all(axis=-1)] = 2  # a bar from front to back
    where = mask.geometry.to_world(np.argwhere(tools.rotate(mask, (40, 0, 0)).mask.array == 2)[:, ::-1])
    assert where[where[:, 1] > 10][:, 2].mean() > 5  # its back end (+P) rises: P turns towards S
    assert where[where[:, 1] < -10][:, 2].mean() < -5


def test_lesions_carried_by_one_matrix_move_turn_and_scale_together():
    mask = tools.place(head(GEOMETRIES["upright"]), simulated_shape(1, 1, 2), at=(-30, 0, 20)).mask
    first, second = (lesion.centre for lesion in tools.list_lesions(mask))
    middle, matrix = (first + second) / 2, np.eye(4)
    matrix[:3, :3] = tools.rotation((0, 0, 90)) * 0.8
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle
    edited = tools.carry(mask, matrix)
    assert edited.after_ml == pytest.approx(0.8**3 * edited.before_ml, rel=0.1)
    for before, after in zip((first, second), tools.list_lesions(edited.mask), strict=True):
        assert after.centre == pytest.approx(matrix[:3, :3] @ before + matrix[:3, 3], abs=1.5)
    alone = tools.carry(mask, matrix, 2)
    assert tools.list_lesions(alone.mask)[0].centre == pytest.approx(first)


@pytest.mark.parametrize("broken", ["not finite", "a projection", "too large", "too far", "a plane"])
def test_a_matrix_that_cannot_carry_a_lesion_is_refused(mask, broken):
    matrix = np.eye(4)
    if broken == "not finite":
        matrix[0, 3] = np.nan
    elif broken == "a projection":
        matrix[3, 0] = 0.1
    elif broken == "too far":
        matrix[1, 3] = 501
    else:
        matrix[2, 2] = 21 if broken == "too large" else 0
    with pytest.raises(LabelError):
        tools.carry(mask, matrix)


def test_mirroring_goes_across_the_heads_own_plane_even_where_the_head_is_turned_in_the_scanner():
    turned = box((2, 2, 3), EXTENT, UPRIGHT)
    points = turned.to_world(np.argwhere(np.ones(turned.shape))[:, ::-1]) @ rotation((0, 0, 10))
    array = (((points / (70, 90, 80)) ** 2).sum(axis=1) <= 1).astype(np.uint8)
    array[((points - (30, 10, 15)) ** 2).sum(axis=1) <= 100] = 2
    mask = Volume(array.reshape(turned.shape), turned)
    wanted = rotation((0, 0, 10)) @ (-30, 10, 15)
    estimated, geometric = tools.mirror(mask), tools.mirror(mask, estimate=False)
    np.testing.assert_allclose(centre_of_mass(estimated.mask, 2), wanted, atol=3)
    assert np.linalg.norm(centre_of_mass(geometric.mask, 2) - wanted) > 5
    assert "estimated" in estimated.notes[0] and "centre" in geometric.notes[0]


@pytest.mark.parametrize("mm", [-4, 3, 7.5])
def test_growing_moves_the_surface_by_mm(mask, mm):
    edited = tools.grow(mask, mm)
    radius = np.cbrt(edited.after_ml * 3000 / (4 * np.pi))
    before = np.cbrt(edited.before_ml * 3000 / (4 * np.pi))
    assert radius - before == pytest.approx(mm, abs=0.2 + 0.1 * max(mask.geometry.spacing))


def test_shrinking_away_a_lesion_is_an_error_and_of_two_a_note():
    mask = head(GEOMETRIES["upright"])
    with pytest.raises(LabelError, match="Nothing is left"):
        tools.grow(mask, -20)
    two = tools.place(mask, simulated_shape(0.3, 1, 2), at=(-30, 0, 20)).mask
    assert "1 of 2 lesions vanished." in tools.grow(two, -5).notes


def test_smoothing_keeps_the_volume_and_takes_off_a_spike(mask):
    x, y, z = np.rint(mask.geometry.to_index((20, 10, 15))).astype(int)
    reach = int(20 / mask.geometry.spacing[0])
    mask.array[z, y, x - reach : x] = 2
    edited = tools.smooth(mask, 3)
    assert edited.after_ml == pytest.approx(edited.before_ml)
    assert edited.mask.array[z, y, x - reach] == 1


def test_a_lesion_smoothed_by_more_than_its_own_size_stays_in_its_place():
    edited = tools.smooth(head(box((1.5, 1.5, 1.5), EXTENT)), 22)
    np.testing.assert_allclose(centre_of_mass(edited.mask, 2), (20, 10, 15), atol=0.75)
    assert edited.after_ml == pytest.approx(edited.before_ml)


def test_what_would_leave_the_head_is_cut_off_and_said(mask):
    edited = tools.move(mask, (42, 0, 0))
    assert edited.clipped_ml > 0.1
    assert edited.after_ml == pytest.approx(edited.before_ml - edited.clipped_ml, rel=0.01)
    assert any("cut off" in note for note in edited.notes)
    assert np.array_equal(outline(edited.mask), outline(mask))


def test_a_lesion_wholly_outside_the_head_or_the_image_is_an_error(mask):
    for shift in ((130, 0, 0), (0, 0, 450)):
        with pytest.raises(LabelError, match="wholly outside the head"):
            tools.move(mask, shift)


def test_copies_are_added_in_the_brain_clear_of_each_other_the_same_for_the_same_seed(mask):
    edited, again = (tools.duplicate(mask, 4, (0.3, 0.6), seed=5) for _ in range(2))
    assert np.array_equal(edited.mask.array, again.mask.array)
    found = tools.list_lesions(edited.mask)
    assert sum(lesion.ml > 0.1 for lesion in found) == 5
    assert found[0].ml == pytest.approx(edited.before_ml)
    assert not np.array_equal(edited.mask.array, tools.duplicate(mask, 4, (0.3, 0.6), seed=6).mask.array)


def test_more_copies_than_there_is_room_for_are_said_to_be_fewer():
    edited = tools.duplicate(head(box((3, 3, 3), EXTENT)), 60, (1.2, 1.2))
    assert any(note.startswith("Only ") and "of 60" in note for note in edited.notes)


def test_a_lesion_is_placed_where_it_is_told_and_outside_the_head_refused(mask):
    edited = tools.place(mask, simulated_shape(2, 1, 2), at=(-30, 0, 20))
    assert edited.after_ml - edited.before_ml == pytest.approx(2, rel=0.05)
    small = tools.list_lesions(edited.mask)[1]
    np.testing.assert_allclose(small.centre, (-30, 0, 20), atol=tolerance(mask))
    with pytest.raises(LabelError, match="not in the head"):
        tools.place(mask, simulated_shape(2, 1, 2), at=(90, 90, 0))


def test_only_the_chosen_lesion_changes():
    mask = tools.place(head(GEOMETRIES["upright"]), simulated_shape(1, 1, 2), at=(-30, 0, 20)).mask
    edited = tools.remove(mask, number=2)
    assert np.array_equal(edited.mask.array, head(GEOMETRIES["upright"]).array)
    with pytest.raises(LabelError, match="no lesion 3"):
        tools.remove(mask, number=3)


def test_the_parts_of_a_brats_tumour_move_together():
    mask = head(GEOMETRIES["upright"])
    points = mask.geometry.to_world(np.argwhere(mask.array >= 0)[:, ::-1]).reshape(*mask.array.shape, 3)
    distance = np.linalg.norm(points - (20, 10, 15), axis=-1)
    array = np.select([distance < 5, distance < 9, distance < 14], [1, 3, 2], np.where(mask.array > 0, 4, 0))
    mask = Volume(array.astype(np.uint8), mask.geometry)
    edited = tools.move(mask, (-30, -10, 0), scheme=BRATS).mask
    for value in (1, 2, 3):
        assert np.count_nonzero(edited.array == value) == np.count_nonzero(array == value)
        np.testing.assert_allclose(centre_of_mass(edited, value), (-10, 0, 15), atol=1.5)
    grown = tools.grow(mask, 4, scheme=BRATS).mask.array
    assert np.count_nonzero(grown == 2) > 1.3 * np.count_nonzero(array == 2)
    assert np.count_nonzero(grown == 1) == np.count_nonzero(array == 1)


def test_a_sweep_gives_every_scale_and_shift_by_name():
    mask = head(box((4, 4, 4), EXTENT))
    masks = dict(tools.sweep(mask, scales=(0.5, 2), shifts=((-10, 0, 0), (0, 0, 5))))
    assert list(masks) == ["scale0.50", "scale2.00", "shift+10R+0A+0S", "shift+0R+0A+5S"]
    assert masks["scale2.00"].after_ml > 7 * masks["scale0.50"].after_ml
    np.testing.assert_allclose(centre_of_mass(masks["shift+10R+0A+0S"].mask, 2), (10, 10, 15), atol=2)


def test_masks_and_numbers_that_cannot_be_are_refused(mask):
    healthy = Volume((mask.array > 0).astype(np.uint8), mask.geometry)
    with pytest.raises(LabelError, match="no lesion"):
        tools.move(healthy, (1, 2, 3))
    with pytest.raises(LabelError, match="no head"):
        tools.scale(Volume((mask.array == 2).astype(np.uint8) * 2, mask.geometry), 2)
    with pytest.raises(LabelError, match="whole numbers"):
        tools.grow(Volume(np.where(mask.array > 0, np.nan, 0.0), mask.geometry), 2)
    for tool, by in ((tools.scale, 0), (tools.scale, np.nan), (tools.grow, 1e4), (tools.smooth, -1)):
        with pytest.raises(LabelError):
            tool(mask, by)
    for shift in ((np.nan, 0, 0), (1, 2), (1e6, 0, 0)):
        with pytest.raises(LabelError, match="three numbers"):
            tools.move(mask, shift)
