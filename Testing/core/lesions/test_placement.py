"""Where lesions may lie: brain and midsagittal plane found from a head mask."""

import numpy as np
import pytest
from phantoms import box, head, rotation

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.lesions.placement import astray, brain_in_head, midsagittal_plane, random_points
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD
from MedDDPMCore.volumes.volume import Volume, resample_labels

GEOMETRY = box((4, 4, 4), (170, 210, 190), np.diag([1.0, -1.0, 1.0]) @ rotation((6, 4, 7)))


def test_the_brain_lies_deep_in_the_head_and_not_in_the_face():
    mask = head(GEOMETRY)
    brain = brain_in_head(mask)
    points = brain.geometry.to_world(np.argwhere(brain.array)[:, ::-1])
    assert (((points / (70, 90, 80)) ** 2).sum(axis=1) < 0.8).all()
    assert not ((points[:, 1] < -40) & (points[:, 2] < -25)).any()
    assert 600 < len(points) * 0.027 < 1900


def test_a_head_too_small_for_a_brain_is_refused():
    with pytest.raises(LabelError, match="too small"):
        brain_in_head(head(box((2, 2, 2), (40, 40, 40)), radius=0, semi_axes=(14, 14, 14)))


def test_an_empty_mask_has_no_plane():
    with pytest.raises(LabelError, match="no head"):
        midsagittal_plane(Volume(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY))


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (9, 0), (-6, 5)])
def test_the_plane_follows_a_turned_head(yaw, roll):
    geometry = box((3, 3, 3), (190, 220, 200))
    turn = rotation((0, roll, yaw))
    points = geometry.to_world(np.argwhere(np.ones(geometry.shape))[:, ::-1]) @ turn - (4, 0, 0)
    array = (((points / (68, 92, 80)) ** 2).sum(axis=1) <= 1).astype(np.uint8).reshape(geometry.shape)
    plane = midsagittal_plane(Volume(array, geometry))
    assert np.degrees(np.arccos(plane.normal @ turn[:, 0])) < 2
    assert abs((plane.point - turn @ (4, 0, 0)) @ plane.normal) < 1.5
    twice = plane.reflection @ plane.reflection
    np.testing.assert_allclose(twice, np.eye(4), atol=1e-9)


def test_random_places_are_deep_enough_and_clear_of_what_is_there():
    brain = brain_in_head(head(GEOMETRY))
    generator = np.random.default_rng(1)
    taken = np.array([(0.0, 10.0, 30.0, 20.0)])
    points = random_points(brain, taken, 10, 200, generator)
    assert len(points) == 200
    assert (np.linalg.norm(points - taken[:, :3], axis=1) > 28).all()
    inside = resample_labels(brain, GEOMETRY)
    for direction in np.vstack([np.eye(3), -np.eye(3)]):
        index = np.rint(GEOMETRY.to_index(points + 6 * direction)).astype(int)
        assert inside.array[tuple(index.T[::-1])].mean() > 0.95
    with pytest.raises(LabelError, match="no room"):
        random_points(brain, np.array([(0.0, 0.0, 0.0, 200.0)]), 10, 1, generator)


def test_a_lesion_that_comes_to_lie_in_bone_or_face_is_said_and_one_that_was_there_or_lies_in_the_brain_is_not():
    deep, in_bone, in_face = (head(GEOMETRY, tumor=at, radius=9) for at in ((20, 10, 40), (0, 0, 74), (0, -45, -50)))
    assert astray(deep, None, WHOLE_HEAD) == astray(head(GEOMETRY, radius=0), None, WHOLE_HEAD) == []
    for mask in (in_bone, in_face):
        for before in (None, deep):
            [words] = astray(mask, before, WHOLE_HEAD)
            assert "outside the brain" in words
        assert astray(mask, mask, WHOLE_HEAD) == []
    assert "R 0, A 0, S 7" in astray(in_bone, deep, WHOLE_HEAD)[0]
    assert astray(Volume(np.array([0, 4, 3], np.uint8)[in_bone.array], GEOMETRY), None, BRATS) == []
