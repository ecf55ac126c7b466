"""Segments to mask, under slicer-core alone."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import SimpleITK
import slicer
import slicer.util
import vtk
from MedDDPMSlicerLib import roles as roles_module
from MedDDPMSlicerLib.mrml import choices, grids, scene

from MedDDPMCore.base.errors import LabelError, VolumeError

ROLES = roles_module.roles_for({"background": 0, "head": 1, "tumor": 2})
BRATS = roles_module.roles_for({"necrotic_core": 1, "edema": 2, "enhancing_tumor": 3, "brain": 4})
NONE = np.zeros((20, 40, 30), np.uint8)


@pytest.fixture(autouse=True)
def empty_scene(host):
    """The host gives every test an empty scene."""


def head_and_tumor(**names):
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {"Head": phantom.head_array(), "Tumor": phantom.tumor_array()})
    return mri, node, ids


@pytest.mark.parametrize(
    "name, label",
    [
        ("head", "head"),
        ("Head", "head"),
        ("whole head", "head"),
        ("Head_mask", "head"),
        ("Tumor", "tumor"),
        ("tumour", "tumor"),
        ("Lesion_2", "tumor"),
        ("met1", "tumor"),
        ("Brain metastasis", "tumor"),
        ("GTV", "tumor"),
        ("Segment_1", None),
        ("headphones", None),
        ("metal clip", None),
        ("ventricle", None),
    ],
)
def test_a_segment_is_found_by_its_name(name, label):
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {name: NONE})
    found = scene.find_segments(node, ROLES)
    assert [key for key, value in found.items() if value] == ([label] if label else [])


def test_terminology_finds_a_segment_that_has_any_name():
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {"A": NONE, "B": NONE})
    for role, segment in zip(ROLES, ids.values(), strict=True):
        node.GetSegmentation().GetSegment(segment).SetTag("TerminologyEntry", role.terminology)
    assert scene.find_segments(node, ROLES) == {"tumor": (ids["B"],), "head": (ids["A"],)}


def test_the_users_choice_beats_name_and_terminology_and_a_stale_choice_is_ignored():
    mri, node, ids = head_and_tumor()
    other = node.GetSegmentation().AddEmptySegment("", "Segment_9")
    choices.choose_segment(node, "tumor", other)
    assert scene.find_segments(node, ROLES)["tumor"] == (other,)
    choices.choose_segment(node, "tumor", "gone")
    assert scene.find_segments(node, ROLES)["tumor"] == (ids["Tumor"],)


def test_several_tumors_all_count_but_only_one_head():
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {"met 1": NONE, "Head": NONE, "met 2": NONE, "head mask": NONE})
    found = scene.find_segments(node, ROLES)
    assert found == {"tumor": (ids["met 1"], ids["met 2"]), "head": (ids["Head"],)}


def test_a_created_segment_has_terminology_colour_and_opacity_and_is_found_again():
    mri, node, ids = head_and_tumor()
    before = phantom.state_of(node)
    for role in ROLES:
        made = scene.create_segment(node, role)
        segment = node.GetSegmentation().GetSegment(made)
        assert segment.GetName() == f"{role.title} 2"
        assert segment.GetColor() == pytest.approx(role.color)
        assert scene.terminology_codes(segment)[1] in role.codes
        assert node.GetDisplayNode().GetSegmentOpacity2DFill(made) == pytest.approx(role.fill_opacity)
        assert node.GetDisplayNode().GetSegmentOpacity3D(made) == pytest.approx(role.surface_opacity)
    after = phantom.state_of(node)
    assert {key: after[key] for key in before} == before


def test_the_mask_is_the_segments_on_an_oblique_left_handed_grid():
    mri, node, ids = head_and_tumor()
    before = phantom.state_of(node)
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    expected = phantom.head_array()
    expected[phantom.tumor_array() > 0] = 2
    assert np.array_equal(mask.array, expected)
    assert np.allclose(mask.geometry.ijk_to_ras, phantom.oblique())
    assert mask.overlaps == {("Head", "Tumor"): int(phantom.tumor_array().sum())}
    assert "count as Tumor" in mask.overlap_text()
    assert phantom.state_of(node) == before


@pytest.mark.parametrize("collapsed", [False, True])
@pytest.mark.parametrize("crop", [(0, 0, 0), (3, 5, 2)])
def test_copied_segments_are_the_same_as_resampled_ones(monkeypatch, collapsed, crop):
    """Also where the volume covers only part of the segments, or more than all of them."""
    mri, node, ids = head_and_tumor()
    if collapsed:
        node.GetSegmentation().CollapseBinaryLabelmaps(True)
    matrix = phantom.oblique()
    matrix[:3, 3] += matrix[:3, :3] @ np.array(crop[::-1])
    part = phantom.volume(matrix, tuple(size - 2 + move for size, move in zip(phantom.SHAPE, crop, strict=True)))
    found = scene.find_segments(node, ROLES)
    copied = scene.build_mask(node, ROLES, found, part)
    monkeypatch.setattr(scene, "_placed", lambda *_: None)
    resampled = scene.build_mask(node, ROLES, found, part)
    assert np.array_equal(copied.array, resampled.array) and copied.counts["head"] > 0
    assert copied.overlaps == resampled.overlaps


def test_the_tumor_wins_whatever_the_order_of_the_segments():
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {"Tumor": phantom.tumor_array(), "Head": phantom.head_array()})
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    assert mask.counts["tumor"] == phantom.tumor_array().sum()


def test_segments_that_share_a_layer_do_not_overlap():
    mri = phantom.volume()
    head = phantom.head_array()
    head[phantom.tumor_array() > 0] = 0
    node, ids = phantom.segmentation(mri, {"Head": head, "Tumor": phantom.tumor_array()})
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    assert mask.overlaps == {} and mask.overlap_text() == ""
    assert mask.counts == {"head": int(head.sum()), "tumor": int(phantom.tumor_array().sum())}


def test_without_a_volume_the_segmentations_own_grid_is_used():
    mri, node, ids = head_and_tumor()
    found = scene.find_segments(node, ROLES)
    with_volume = scene.build_mask(node, ROLES, found, mri)
    slicer.mrmlScene.RemoveNode(mri)
    alone = scene.build_mask(node, ROLES, found)
    assert np.array_equal(alone.array, with_volume.array)
    assert np.allclose(alone.geometry.ijk_to_ras, phantom.oblique())


def test_a_volume_of_another_grid_gets_the_mask_at_the_same_place_in_the_world():
    mri, node, ids = head_and_tumor()
    straight = np.diag([2.0, 2.0, 2.0, 1.0])
    straight[:3, 3] = [-80, 0, -60]
    other = phantom.volume(straight, (50, 50, 50), "other")
    found = scene.find_segments(node, ROLES)
    mask = scene.build_mask(node, ROLES, found, other)
    centre = straight @ np.append(np.argwhere(mask.array == 2).mean(0)[::-1], 1)
    expected = phantom.oblique() @ np.append(np.argwhere(phantom.tumor_array() > 0).mean(0)[::-1], 1)
    assert np.abs(centre - expected).max() < 1.0


def test_parent_transforms_are_followed_and_warps_are_refused():
    mri, node, ids = head_and_tumor()
    found = scene.find_segments(node, ROLES)
    still = scene.build_mask(node, ROLES, found, mri)
    move = np.eye(4)
    move[:3, 3] = phantom.oblique()[:3, 0] * 3
    shift = phantom.transform(move)
    node.SetAndObserveTransformNodeID(shift.GetID())
    moved = scene.build_mask(node, ROLES, found, mri)
    assert np.array_equal(moved.array[:, :, 3:], still.array[:, :, :-3])
    assert moved.geometry.transform_id is None
    mri.SetAndObserveTransformNodeID(shift.GetID())
    assert np.array_equal(scene.build_mask(node, ROLES, found, mri).array, still.array)
    warp = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetSourceLandmarks(_points((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (20, 20, 20)))
    spline.SetTargetLandmarks(_points((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (25, 20, 20)))
    warp.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(warp.GetID())
    with pytest.raises(VolumeError, match="warping transform"):
        scene.build_mask(node, ROLES, found, mri)


def _points(*coordinates):
    points = vtk.vtkPoints()
    for coordinate in coordinates:
        points.InsertNextPoint(*coordinate)
    return points


def test_surfaces_become_voxels_in_a_copy_only():
    mri = phantom.volume()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    centre = phantom.oblique() @ np.array([15, 20, 10, 1])
    node.AddSegmentFromClosedSurfaceRepresentation(phantom.surface(centre[:3]), "Head", (1, 0, 0))
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    volume = mask.counts["head"] * abs(np.linalg.det(phantom.oblique()[:3, :3]))
    assert volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


@pytest.mark.parametrize("left_handed", [True, False])
def test_surfaces_fill_the_voxels_that_slicers_own_conversion_fills(left_handed):
    """Also where a surface reaches beyond the grid, or lies wholly beside it."""
    matrix = phantom.oblique(left_handed)
    mri = phantom.volume(matrix)
    at = [(matrix @ np.array([*index, 1]))[:3] for index in ((15, 20, 10), (2, 38, 4), (100, 100, 100))]
    for centre, radius in zip(at, (7.3, 9.1, 5.0), strict=True):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
        node.GetSegmentation().SetSourceRepresentationName("Closed surface")
        identity = node.AddSegmentFromClosedSurfaceRepresentation(phantom.surface(centre, radius), "Head", (1, 0, 0))
        ours = scene.merged(node, [(identity, 1)], grids.geometry_of_volume(mri))
        node.SetReferenceImageGeometryParameterFromVolumeNode(mri)
        assert node.CreateBinaryLabelmapRepresentation()
        slicers = slicer.util.arrayFromSegmentBinaryLabelmap(node, identity, mri)
        assert np.array_equal(ours, slicers if slicers is not None else np.zeros(phantom.SHAPE))
    assert not ours.any()


def test_nothing_painted_and_no_grid_are_said_in_words():
    mri = phantom.volume()
    node, ids = phantom.segmentation(mri, {"Head": NONE, "Tumor": NONE})
    found = scene.find_segments(node, ROLES)
    with pytest.raises(LabelError, match="no head segment with anything in it"):
        scene.build_mask(node, ROLES, found, mri)
    bare = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Bare")
    with pytest.raises(VolumeError, match="which voxel grid"):
        scene.build_mask(bare, ROLES, {}, None)
    hollow = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Hollow")
    with pytest.raises(VolumeError, match="holds no image"):
        scene.build_mask(node, ROLES, found, hollow)


def test_four_brats_labels_keep_their_values_and_the_inner_parts_win():
    mri = phantom.volume()
    core, edema = phantom.tumor_array(), phantom.tumor_array()
    edema[:, :, 5:20] |= phantom.tumor_array().any(axis=2, keepdims=True).astype(np.uint8)
    node, ids = phantom.segmentation(mri, {"Brain": phantom.head_array(), "Edema": edema, "Necrotic core": core})
    mask = scene.build_mask(node, BRATS, scene.find_segments(node, BRATS), mri)
    assert set(np.unique(mask.array)) == {0, 1, 2, 4}
    assert mask.counts["necrotic_core"] == core.sum() and mask.counts["edema"] == edema.sum() - core.sum()
    assert mask.overlaps["Edema", "Necrotic core"] == core.sum()


def test_the_written_mask_has_the_same_place_in_the_world(tmp_path):
    mri, node, ids = head_and_tumor()
    mask = scene.build_mask(node, ROLES, scene.find_segments(node, ROLES), mri)
    path = str(tmp_path / "mask.nrrd")
    for _ in scene.write_mask(mask, path):
        pass
    image = SimpleITK.ReadImage(path)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), mask.array)
    index = (7, 11, 5)
    lps = np.array(image.TransformIndexToPhysicalPoint(index))
    ras = (phantom.oblique() @ np.array([*index, 1]))[:3]
    assert lps * [-1, -1, 1] == pytest.approx(ras, abs=1e-6)


def test_a_new_head_goes_into_its_segment_and_nowhere_else():
    mri, node, ids = head_and_tumor()
    before = phantom.state_of(node)
    made = scene.create_segment(node, ROLES[0])
    assert scene.is_empty(node, made) and not scene.is_empty(node, ids["Tumor"])
    scene.set_segment_array(node, made, phantom.head_array(), grids.geometry_of_volume(mri))
    filled = slicer.util.arrayFromSegmentBinaryLabelmap(node, made, mri)
    assert np.array_equal(filled, phantom.head_array())
    after = phantom.state_of(node)
    for key in before:
        assert slicer.util.arrayFromSegmentBinaryLabelmap(node, key, mri).any()
        assert after[key][:3] == before[key][:3]
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, ids["Tumor"], mri), phantom.tumor_array())
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, ids["Head"], mri), phantom.head_array())


def test_a_head_can_be_put_into_a_segmentation_that_has_no_grid_yet():
    mri = phantom.volume()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "New")
    made = scene.create_segment(node, ROLES[0])
    scene.set_segment_array(node, made, phantom.head_array(), grids.geometry_of_volume(mri))
    mask = scene.build_mask(node, ROLES, {"head": (made,)})
    assert np.array_equal(mask.array, phantom.head_array())


def test_a_label_nobody_heard_of_is_found_by_its_own_name():
    roles = roles_module.roles_for({"left_eye": 5})
    node, ids = phantom.segmentation(phantom.volume(), {"left_eye": phantom.tumor_array(), "eye": NONE})
    found = scene.find_segments(node, roles)
    assert found == {"left_eye": (ids["left_eye"],)}
    assert scene.build_mask(node, roles, found).array.max() == 5
