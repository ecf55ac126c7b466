"""The lesion tools on segments: first the MRML side alone, then by clicks, with undo."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import roles
from MedDDPMSlicerLib.mrml import lesions, scene
from test_window import combo, drawn_head  # noqa: F401
from window import open_window, packages_are_there  # noqa: F401

from MedDDPMCore.base.errors import LabelError, MedDDPMError
from MedDDPMCore.lesions import tools

ROLES = roles.roles_for(roles.WHOLE_HEAD)
SHAPE = (60, 72, 66)
CENTRE = np.array([33, 36, 30])  # i, j, k


def ball(center, radius, shape=SHAPE):
    k, j, i = np.ogrid[tuple(slice(0, size) for size in shape)]
    return ((i - center[0]) ** 2 + (j - center[1]) ** 2 + (k - center[2]) ** 2 <= radius**2).astype(np.uint8)


def head_with(segments, left_handed=True, hollow=False):
    """A head of 3 mm with lesions; returns the MRI, the segmentation and the segments' ids."""
    matrix = phantom.oblique(left_handed, spacing=(3.0, 3.0, 3.0), origin=(-90.0, -110.0, 100.0))
    mri = phantom.volume(matrix, SHAPE)
    head = ball(CENTRE, 28)
    if hollow:
        for array in segments.values():
            head = head & ~array.astype(bool)
    node, ids = phantom.segmentation(mri, {"Head": head, **segments}, "Case")
    return mri, node, ids


def found_in(node):
    return scene.find_segments(node, ROLES)


def voxels(node, segment_id, mri):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, mri) > 0


def world(mri, index):
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    mri.GetIJKToRASMatrix(matrix)
    return (slicer.util.arrayFromVTKMatrix(matrix) @ [*index, 1])[:3]


def center(array, mri):
    return world(mri, np.argwhere(array).mean(axis=0)[::-1])


@pytest.fixture(autouse=True)
def empty_scene(host):
    """The host gives every test an empty scene."""


@pytest.mark.parametrize("left_handed", [True, False])
def test_a_move_is_in_millimetres_of_the_world(left_handed):
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 5)}, left_handed)
    before = center(voxels(node, ids["Tumor"], mri), mri)
    others = phantom.state_of(node)[ids["Head"]]
    saved = []
    of = lesions.read(node, ROLES, found_in(node))
    text = lesions.apply(of, lambda mask, scheme: tools.move(mask, (-12, 6, 9), None, scheme), lambda: saved.append(1))
    after = center(voxels(node, ids["Tumor"], mri), mri)
    assert after - before == pytest.approx([12, -6, 9], abs=1.6)
    assert saved == [1] and "ml" in text
    assert phantom.state_of(node)[ids["Head"]][1:] == others[1:]


def test_a_move_follows_the_segmentations_transform():
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 5)})
    turn = np.array([[0.0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    transform = phantom.transform(turn)
    for moved in (mri, node):
        moved.SetAndObserveTransformNodeID(transform.GetID())
    before = np.array(node.GetSegmentCenterRAS(ids["Tumor"]))
    of = lesions.read(node, ROLES, found_in(node))
    lesions.apply(of, lambda mask, scheme: tools.move(mask, (-15, 0, 0), None, scheme), lambda: None)
    after = np.array(node.GetSegmentCenterRAS(ids["Tumor"]))
    assert after - before == pytest.approx([15, 0, 0], abs=2)


def test_every_segment_gets_its_own_voxels_back():
    first, second = ball(CENTRE - 10, 4), ball(CENTRE + 8, 3)
    mri, node, ids = head_with({"Tumor": first, "Metastasis": second})
    of = lesions.read(node, ROLES, found_in(node))
    lesions.apply(of, lambda mask, scheme: tools.grow(mask, 3.0, None, scheme), lambda: None)
    grown = [voxels(node, ids[name], mri) for name in ("Tumor", "Metastasis")]
    for array, old, at, radius in zip(grown, (first, second), (CENTRE - 10, CENTRE + 8), (4, 3), strict=True):
        assert array.sum() > 1.3 * old.sum() and not (array & ~ball(at, radius + 2).astype(bool)).any()


def test_one_segment_can_be_changed_alone():
    mri, node, ids = head_with({"Tumor": ball(CENTRE - 10, 4), "Metastasis": ball(CENTRE + 8, 3)})
    before = phantom.state_of(node)
    of = lesions.read(node, ROLES, found_in(node), ids["Tumor"])
    lesions.apply(of, lambda mask, scheme: tools.scale(mask, 1.5, None, scheme), lambda: None)
    assert phantom.state_of(node)[ids["Metastasis"]] == before[ids["Metastasis"]]
    assert phantom.state_of(node)[ids["Tumor"]] != before[ids["Tumor"]]
    assert list(scene.segments_of(node).values()) == ["Head", "Tumor", "Metastasis"]


def test_the_piece_nearest_to_the_crosshair_is_meant():
    both = ball(CENTRE - 10, 5) | ball(CENTRE + 8, 3)
    mri, node, ids = head_with({"Tumor": both})
    of = lesions.read(node, ROLES, found_in(node))
    assert [lesions.piece_at(of, world(mri, at)) for at in (CENTRE - 10, CENTRE + 8, CENTRE + 11)] == [1, 2, 2]
    lesions.apply(of, lambda mask, scheme: tools.scale(mask, 1.6, 2, scheme), lambda: None)
    assert (voxels(node, ids["Tumor"], mri) & ball(CENTRE - 10, 6).astype(bool)).sum() == ball(CENTRE - 10, 5).sum()


def test_what_is_cut_off_is_said_and_the_lesion_stays_in_the_head():
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 6)})
    of = lesions.read(node, ROLES, found_in(node))
    text = lesions.apply(of, lambda mask, scheme: tools.move(mask, (0, 0, 80), None, scheme), lambda: None)
    assert "cut off" in text
    assert not (voxels(node, ids["Tumor"], mri) & ~voxels(node, ids["Head"], mri)).any()


def test_the_hole_that_a_lesion_leaves_in_the_head_is_filled_and_said():
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 5)}, hollow=True)
    of = lesions.read(node, ROLES, found_in(node))
    text = lesions.apply(of, lambda mask, scheme: tools.move(mask, (30, 0, 0), None, scheme), lambda: None)
    assert "The head now fills" in text
    assert voxels(node, ids["Head"], mri)[tuple(CENTRE[::-1])]


def test_a_refusal_changes_nothing():
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 3)})
    before, saved = phantom.state_of(node), []
    of = lesions.read(node, ROLES, found_in(node))
    for tool in (
        lambda mask, scheme: tools.grow(mask, -40.0, None, scheme),
        lambda mask, scheme: tools.move(mask, (0, 400, 0), None, scheme),
        lambda mask, scheme: tools.scale(mask, 99.0, None, scheme),
    ):
        with pytest.raises(LabelError):
            lesions.apply(of, tool, lambda: saved.append(1))
    assert phantom.state_of(node) == before and not saved


def test_what_cannot_be_worked_on_is_said():
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 3)})
    with pytest.raises(LabelError, match="no head segment"):
        lesions.read(node, ROLES, {**found_in(node), "head": ()})
    surfaces = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "S")
    surfaces.GetSegmentation().SetSourceRepresentationName("Closed surface")
    with pytest.raises(LabelError, match="surfaces"):
        lesions.read(surfaces, ROLES, {})
    warp = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    spline = slicer.vtkOrientedBSplineTransform()
    warp.SetAndObserveTransformFromParent(spline)
    node.SetAndObserveTransformNodeID(warp.GetID())
    with pytest.raises(MedDDPMError, match="warping"):
        lesions.read(node, ROLES, found_in(node))


def test_a_bundled_shape_has_the_volume_that_was_asked_for(tmp_path, monkeypatch):
    from MedDDPMSlicerLib import paths

    monkeypatch.setenv("MEDDDPM_LESIONS", str(tmp_path))
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 3)})
    of = lesions.read(node, ROLES, found_in(node))
    saved = lesions.save_shape(of, 1, "my own")
    titles = lesions.shapes(paths.shapes_folder())
    assert titles["my own"] == saved and "Simulated 1" in titles
    for path in (titles["Simulated 1"], saved):
        shape = lesions.shape_for(of, ids["Tumor"], path, 10.0)
        at = world(mri, CENTRE + [0, 12, 0]) * (-1, -1, 1)
        edited = tools.place(of.mask, shape, at, 0, scheme=of.scheme)
        assert edited.after_ml - edited.before_ml == pytest.approx(10.0, rel=0.15)


@pytest.fixture(name="tool_window")
def a_window_with_a_lesion(window, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDDDPM_LESIONS", str(tmp_path / "lesions"))
    mri, node, ids = head_with({"Tumor": ball(CENTRE + [8, 0, 0], 5)})
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.widget.panels["lesion_tools"].widget.collapsed = False
    node_of_crosshair = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if node_of_crosshair is None:
        node_of_crosshair = slicer.vtkMRMLCrosshairNode()
        node_of_crosshair.SetSingletonTag("default")
        node_of_crosshair = slicer.mrmlScene.AddNode(node_of_crosshair)
    window.host.process_events()
    return window, mri, node, ids, node_of_crosshair


@pytest.mark.parametrize(
    "name", ["move", "turn", "scale", "grow", "smooth", "mirror", "copies", "place", "placeRandom"]
)
def test_every_tool_works_by_a_click_and_is_undone_and_redone(tool_window, name):
    window, mri, node, ids, crosshair = tool_window
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        ball(CENTRE + [8, 0, 0], 5) | ball(CENTRE + [8, 6, 0], 2), node, ids["Tumor"], mri
    )
    crosshair.SetCrosshairRAS(*world(mri, CENTRE - [10, 0, 0]))
    before = voxels(node, ids["Tumor"], mri)
    window.click(getattr(window.lesions, f"{name}Button"))
    after = voxels(node, ids["Tumor"], mri)
    assert not np.array_equal(before, after), window.lesions.lesionMessage.text
    assert "ml" in window.lesions.lesionMessage.text
    window.click(window.lesions.lesionUndoButton)
    assert np.array_equal(voxels(node, ids["Tumor"], mri), before)
    window.click(window.lesions.lesionRedoButton)
    assert np.array_equal(voxels(node, ids["Tumor"], mri), after)
    window.screenshot(f"30-lesion-{name}")


def test_a_crosshair_outside_the_head_is_said(tool_window):
    window, mri, node, ids, crosshair = tool_window
    crosshair.SetCrosshairRAS(900, 0, 0)
    before = phantom.state_of(node)
    window.click(window.lesions.placeButton)
    assert "not in the head" in window.lesions.lesionMessage.text and phantom.state_of(node) == before


def test_a_shape_is_saved_under_a_name_and_can_be_placed(tool_window, monkeypatch):
    import qt

    window, mri, node, ids, crosshair = tool_window
    monkeypatch.setattr(qt.QInputDialog, "getText", lambda *_arguments: "big one")
    window.click(window.lesions.saveShapeButton)
    assert window.lesions.shapeCombo.currentText == "big one"
    crosshair.SetCrosshairRAS(*world(mri, CENTRE - [10, 0, 0]))
    before = voxels(node, ids["Tumor"], mri)
    window.click(window.lesions.placeButton)
    added = voxels(node, ids["Tumor"], mri) & ~before
    assert center(added, mri) == pytest.approx(world(mri, CENTRE - [10, 0, 0]), abs=3)
    window.click(window.lesions.saveShapeButton)
    assert "already" in window.lesions.lesionMessage.text


def test_without_a_lesion_segment_the_tools_wait(window):
    drawn_head(window, ("Head",))
    window.widget.panels["lesion_tools"].widget.collapsed = False
    window.host.process_events()
    assert not window.lesions.moveButton.enabled and "create one" in window.lesions.lesionMessage.text
    window.click(slicer.util.findChild(window.widget.parent, "create_tumor"))
    assert window.lesions.placeRandomButton.enabled and window.lesions.lesionMessage.text == ""
    window.click(window.lesions.moveButton)
    assert "no lesion yet" in window.lesions.lesionMessage.text
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert not window.lesions.moveButton.enabled
