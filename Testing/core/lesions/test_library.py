"""Lesion shapes: simulated ones, and those that a user saves and loads."""

import numpy as np
import pytest
from phantoms import box, head, rotation

from MedDDPMCore.base.errors import LabelError, VolumeError
from MedDDPMCore.lesions import tools
from MedDDPMCore.lesions.library import load_shape, save_shape, saved_shapes, simulated_shape
from MedDDPMCore.lesions.shapes import millilitres
from MedDDPMCore.volumes.labels import WHOLE_HEAD
from MedDDPMCore.volumes.volume import Volume


@pytest.mark.parametrize("ml", [0.02, 1.0, 30.0])
def test_a_simulated_shape_has_the_volume_asked_for_in_one_piece(ml):
    shape = simulated_shape(ml, 4, 2)
    assert millilitres(shape.array, shape.geometry) == pytest.approx(ml, rel=0.03)
    assert set(np.unique(shape.array)) == {0, 2}
    assert not np.array_equal(shape.array, simulated_shape(ml, 5, 2).array)
    assert np.array_equal(shape.array, simulated_shape(ml, 4, 2).array)


@pytest.mark.parametrize("ml", [0, -1, 1e4, float("nan")])
def test_impossible_volumes_are_refused(ml):
    with pytest.raises(LabelError, match="cannot be drawn"):
        simulated_shape(ml, 1, 2)


def test_a_saved_lesion_placed_where_it_came_from_is_the_same_lesion(tmp_path):
    mask = head(box((2, 2.5, 4), (160, 200, 180), np.diag([1.0, -1.0, 1.0]) @ rotation((5, 9, -8))))
    [lesion] = tools.list_lesions(mask)
    save_shape(lesion, "round one", tmp_path)
    assert list(saved_shapes(tmp_path)) == ["round one"]
    shape = load_shape("round one", WHOLE_HEAD, tmp_path)
    healthy = tools.remove(mask).mask
    again = tools.place(healthy, shape, at=lesion.centre).mask
    assert np.array_equal(again.array, mask.array)


def test_a_name_that_is_taken_or_no_files_is_refused_and_the_saved_shape_stays(tmp_path):
    [lesion] = tools.list_lesions(head(box((4, 4, 4), (160, 200, 180))))
    path = save_shape(lesion, "one", tmp_path)
    before = path.read_bytes()
    for name in ("one", "../one", "", "a/b"):
        with pytest.raises(VolumeError):
            save_shape(lesion, name, tmp_path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_is_no_lesion_is_not_loaded(tmp_path):
    with pytest.raises(VolumeError, match="no saved shape"):
        load_shape("none", WHOLE_HEAD, tmp_path)
    mask = head(box((6, 6, 6), (160, 200, 180)))
    mask.write(tmp_path / "head.nii.gz")
    Volume(mask.array * 0, mask.geometry).write(tmp_path / "empty.nii.gz")
    for name in ("head", "empty"):
        with pytest.raises(LabelError, match="not those of a lesion"):
            load_shape(name, WHOLE_HEAD, tmp_path)
