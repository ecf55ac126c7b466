"""Segments drawn on fine voxels to a mask on an MRI of thick slices, under slicer-core alone."""

import threading

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import roles as roles_module
from MedDDPMSlicerLib.mrml import grids, scene

ROLES = roles_module.roles_for({"background": 0, "head": 1, "tumor": 2})
FINE = np.diag([1.0, 1.0, 1.0, 1.0])
THICK = np.diag([1.0, 1.0, 6.5, 1.0])
"""Slices 13 mm and 19.5 mm from the first are neighbours."""


@pytest.fixture(autouse=True)
def empty_scene(host):
    """The host gives every test an empty scene."""


def ball(shape, centre, radius):
    axes = zip(np.indices(shape, sparse=True), centre, strict=True)
    return (sum((axis - at) ** 2 for axis, at in axes) <= radius**2).astype(np.uint8)


def two_lesions():
    """A segmentation drawn on voxels of 1 mm: a head, and a lesion of 16 mm and one of 3 mm, between two slices."""
    shape = (66, 60, 60)
    lesions = ball(shape, (40, 30, 24), 8) | ball(shape, (16, 40, 40), 1.5)
    drawn_on = phantom.volume(FINE, shape, "drawn on")
    return phantom.segmentation(drawn_on, {"Head": ball(shape, (33, 30, 30), 28), "Tumor": lesions})


def near(array, index, value):
    """Voxels of a value around the small lesion, an index (k, j, i) among slices of 6.5 mm."""
    k, j, i = index
    return int(np.count_nonzero(array[k - 1 : k + 2, j - 3 : j + 4, i - 3 : i + 4] == value))


@pytest.mark.parametrize("moved", [False, True])
def test_a_small_lesion_between_two_slices_of_the_mri_keeps_a_voxel(moved):
    """Also where the segmentation lies under a transform that turns it."""
    node, ids = two_lesions()
    matrix = THICK
    if moved:
        turn = phantom.oblique(False, (1.0, 1.0, 1.0))
        node.SetAndObserveTransformNodeID(phantom.transform(turn).GetID())
        matrix = turn @ THICK
    mri = phantom.volume(matrix, (11, 60, 60))
    before = phantom.state_of(node)
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    assert mask.array.shape == (11, 60, 60) and near(mask.array, (2, 40, 40), 2) == 1
    ml = {label: count * 6.5 / 1000 for label, count in mask.counts.items()}
    assert ml["tumor"] == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.1)
    assert ml["head"] + ml["tumor"] == pytest.approx(4 / 3 * np.pi * 2.8**3, rel=0.05)
    assert mask.overlaps["Head", "Tumor"] == pytest.approx(mask.counts["tumor"], rel=0.1)
    assert phantom.state_of(node) == before


def test_a_small_lesion_without_its_head_keeps_the_voxel_that_it_has_in_the_mask():
    """As the region to make anew, and what is remembered of a lesion, are read."""
    node, ids = two_lesions()
    mri = phantom.volume(THICK, (11, 60, 60))
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    alone = scene.merged(node, [(ids["Tumor"], 1)], grids.geometry_of_volume(mri))
    assert near(alone, (2, 40, 40), 1) == 1 and np.array_equal(alone > 0, mask.array == 2)


def test_a_flat_lesion_does_not_fill_slices_that_it_covers_less_than_half_of():
    """Its voxels are stored as a box that ends where it does, so nothing beside it says what lies there."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Flat")
    box = FINE.copy()
    box[:3, 3] = (20, 20, 15)
    flat = scene.create_segment(node, ROLES[1])
    scene.set_segment_array(node, flat, np.ones((3, 20, 20), np.uint8), grids.NodeGrid((20, 20, 3), box))
    thick = grids.geometry_of_volume(phantom.volume(THICK, (11, 60, 60)))
    assert np.count_nonzero(scene.merged(node, [(flat, 1)], thick)) == 1


def test_a_small_lesion_beyond_the_last_slice_is_not_brought_in():
    node, ids = two_lesions()
    low = THICK.copy()
    low[2, 3] = 26.0
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), phantom.volume(low, (6, 60, 60)))
    assert mask.counts["tumor"] * 6.5 == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    assert near(mask.array, (1, 40, 40), 2) == 0


def test_a_small_surface_between_two_slices_of_the_mri_keeps_a_voxel():
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.AddSegmentFromClosedSurfaceRepresentation(phantom.surface((30, 30, 33), 28), "Head", (1, 0, 0))
    node.AddSegmentFromClosedSurfaceRepresentation(phantom.surface((40, 40, 16.25), 1.5), "Tumor", (0, 1, 0))
    mri = phantom.volume(THICK, (11, 60, 60))
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    assert mask.counts["tumor"] == near(mask.array, (2, 40, 40), 2) > 0
    assert mask.counts["head"] * 6.5 == pytest.approx(4 / 3 * np.pi * 28**3, rel=0.05)


def test_the_window_is_free_while_a_mask_is_brought_to_thicker_slices(monkeypatch):
    """What the core does in one go is done beside it, and whoever leaves in the middle does not wait for that."""
    from MedDDPMCore.volumes import volume as core

    begun, go_on, done, given = threading.Event(), threading.Event(), threading.Event(), core.resample_labels

    def slow(*arguments):
        begun.set()
        go_on.wait(10)
        done.set()
        return given(*arguments)

    monkeypatch.setattr(core, "resample_labels", slow)
    node, ids = two_lesions()
    mri = phantom.volume(THICK, (11, 60, 60))
    pieces = scene.mask_in_pieces(node, ROLES, scene.find_segments(node, ROLES), mri)
    while not begun.is_set():
        next(pieces)
    next(pieces)
    pieces.close()
    assert not done.is_set()
    go_on.set()
