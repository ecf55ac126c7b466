"""Where a model's grid lies for a mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import AXES, box, centre_of_mass, head, rotation

from MedDDPMCore.base.errors import LabelError, ModelError, VolumeError
from MedDDPMCore.volumes.grid import TOP_MARGIN_MM, ModelGrid
from MedDDPMCore.volumes.volume import Geometry, Volume, reorient, resample_labels

GRID = ModelGrid((48, 56, 48), (4, 4, 4))
HEAD = (1, 2)
few = settings(max_examples=15, deadline=None)


def test_a_mask_on_the_models_own_grid_keeps_its_voxels():
    mask = head(box((4, 4, 4), (192, 224, 192), centre=(3, 7, 11)))
    for axes in ("RAS", "LPS", "SRA"):
        assert GRID.geometry_for(reorient(mask, axes), HEAD).matches(reorient(mask, "RAS").geometry)


def test_the_grids_axes_run_right_anterior_superior():
    geometry = GRID.geometry_for(head(box((3, 3, 3), (200, 200, 200))), HEAD)
    assert np.allclose(geometry.direction, np.diag([-1, -1, 1]))
    assert geometry.shape == GRID.shape and geometry.spacing == GRID.spacing


def test_the_head_hangs_from_the_top_of_the_grid_in_its_middle():
    geometry = GRID.geometry_for(head(box((1.5, 1.5, 1.5), (160, 200, 180))), HEAD)
    top = geometry.to_world(np.array(geometry.size) - 0.5)[2]
    assert top == pytest.approx(80 + TOP_MARGIN_MM, abs=1.5)
    assert np.allclose(geometry.centre[:2], 0, atol=1)


def test_head_centre_centres_the_head_in_all_directions():
    mask = head(box((1.5, 1.5, 1.5), (160, 200, 180)))
    geometry = ModelGrid((40, 50, 50), (4, 4, 4), placement="head_centre").geometry_for(mask, HEAD)
    assert np.allclose(geometry.centre, 0, atol=1)


@pytest.mark.parametrize("axes", ["RAI", "LPI", "LPS"])
def test_the_top_of_the_head_is_found_along_any_axes_of_the_grid(axes):
    grid = ModelGrid((48, 56, 48), (4, 4, 4), axes=axes)
    geometry = grid.geometry_for(head(box((1.5, 1.5, 1.5), (160, 200, 180))), HEAD)
    top = max(geometry.to_world(np.full(3, -0.5))[2], geometry.to_world(np.array(geometry.size) - 0.5)[2])
    assert top == pytest.approx(80 + TOP_MARGIN_MM, abs=1.5)


def test_a_long_neck_and_shoulders_do_not_move_the_grid():
    mask = head(box((3, 3, 3), (400, 250, 500)))
    alone = GRID.geometry_for(mask, HEAD)
    middle = mask.array.shape[0] // 2
    mask.array[: middle - 20, 30:50, 50:80] = 1
    mask.array[: middle - 45, 30:50, 5:100] = 1
    assert GRID.geometry_for(mask, HEAD).matches(alone)
    assert GRID.warnings_for(mask, alone, HEAD) == []


def test_specks_of_noise_do_not_move_the_grid():
    mask = head(box((3, 3, 3), (260, 260, 260)))
    clean = GRID.geometry_for(mask, HEAD)
    mask.array[np.random.default_rng(0).integers(0, mask.array.shape[0], 3), 2, 5] = 1
    mask.array[-1, -1, -1] = mask.array[0, 0, 0] = 1
    assert GRID.geometry_for(mask, HEAD).matches(clean)


def test_a_mask_of_the_grids_spacing_is_placed_on_whole_voxels():
    mask = head(box((4, 4, 4), (160, 204, 180), rotation((4, 5, 6))))
    offset = mask.geometry.to_index(GRID.geometry_for(mask, HEAD).to_world([0, 0, 0]))
    assert np.allclose(offset, np.rint(offset), atol=1e-6)


@given(st.sampled_from(AXES), st.tuples(*[st.floats(-30, 30)] * 3), st.tuples(*[st.floats(2, 5)] * 3))
@few
def test_storage_axes_do_not_change_the_grid_or_what_is_on_it(axes, tilt, spacing):
    mask = head(box(spacing, (150, 190, 170), rotation(tilt) @ np.diag([-1, -1, 1])))
    geometry = GRID.geometry_for(mask, HEAD)
    stored = reorient(mask, axes)
    assert GRID.geometry_for(stored, HEAD).matches(geometry, 1e-6)
    assert np.array_equal(resample_labels(stored, geometry).array, resample_labels(mask, geometry).array)


@given(
    tilt=st.tuples(*[st.floats(-30, 30)] * 3),
    shear=st.floats(-0.2, 0.2),
    axes=st.sampled_from(AXES),
    spacing=st.tuples(*[st.floats(1.6, 5.0)] * 3),
    extent=st.tuples(st.floats(110, 170), st.floats(130, 210), st.floats(110, 190)),
    place=st.tuples(*[st.floats(-20, 20)] * 3),
)
@few
def test_a_tumor_keeps_its_place_on_the_model_grid_and_back(tilt, shear, axes, spacing, extent, place):
    frame = rotation(tilt) @ np.array([[-1, shear, 0], [0, -1, 0], [0, 0, 1]])
    mask = reorient(head(box(spacing, extent, frame / np.linalg.norm(frame, axis=0)), place, 11.0), axes)
    geometry = GRID.geometry_for(mask, HEAD)
    there = resample_labels(mask, geometry)
    back = resample_labels(there, mask.geometry)
    assert back.array.shape == mask.array.shape
    for volume in (there, back):
        assert np.linalg.norm(centre_of_mass(volume, 2) - centre_of_mass(mask, 2)) < 2.0


def test_a_head_wider_than_the_grid_is_warned_of_in_centimetres():
    mask = head(box((3, 3, 3), (160, 200, 180)))
    narrow = ModelGrid((48, 56, 24), (4, 4, 4))
    warnings = narrow.warnings_for(mask, narrow.geometry_for(mask, HEAD), HEAD)
    assert len(warnings) == 2 and "2.2 cm" in warnings[0] and "left" in warnings[0] and "right" in warnings[1]


def test_a_head_that_just_fits_or_a_cut_neck_is_not_warned_of():
    mask = head(box((3, 3, 3), (160, 200, 180)))
    low = ModelGrid((20, 46, 36), (4, 4, 4))
    assert low.warnings_for(mask, low.geometry_for(mask, HEAD), HEAD) == []


def test_a_mask_without_head_is_refused():
    empty = Volume(np.zeros((9, 9, 9), np.uint8), box((3, 3, 3), (27, 27, 27)))
    with pytest.raises(LabelError, match="no head"):
        GRID.geometry_for(empty, HEAD)


def test_a_grid_survives_json_and_refuses_nonsense():
    assert ModelGrid.from_dict(GRID.to_dict()) == GRID
    with pytest.raises(ModelError, match="lacks the entry spacing"):
        ModelGrid.from_dict({"shape": [1, 2, 3]})
    with pytest.raises(ModelError, match="placement"):
        ModelGrid((8, 8, 8), (1, 1, 1), placement="anywhere")
    with pytest.raises(ModelError, match="positive"):
        ModelGrid((8, 8, 0), (1, 1, 1))
    with pytest.raises(ModelError, match="z axis"):
        ModelGrid((8, 8, 8), (1, 1, 1), axes="SRA")
    with pytest.raises(VolumeError, match="three letters"):
        ModelGrid((8, 8, 8), (1, 1, 1), axes="RRS")


def test_a_mask_whose_axes_lean_beyond_all_reason_is_refused_before_memory_is_asked_for():
    leaning = np.array([[1, 0, 0.99995], [0, 1, 0], [0, 0, 0.01]])
    mask = Volume(np.ones((400, 8, 8), np.uint8), Geometry((400, 8, 8), (0.01, 16, 16), (0, 0, 0), leaning))
    with pytest.raises(VolumeError, match="lean"):
        ModelGrid((24, 32, 32), (8.0, 8.0, 8.0)).geometry_for(mask, [1])
