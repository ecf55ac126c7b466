"""Lesions moved by hand: with Slicer's own interaction handle in the slice views, and by keys."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from test_lesion_tools import CENTRE, a_window_with_a_lesion, ball, center, voxels, world  # noqa: F401
from window import open_window, packages_are_there  # noqa: F401

HANDLE = "Lesions by hand"


def hands():
    """The nodes of a handle that are in the scene."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLNode") if node.GetName() == HANDLE]


def take(window):
    window.click(window.lesions.handButton)
    assert window.lesions.handApplyButton.isVisibleTo(window.widget.parent), window.lesions.lesionMessage.text


def press(window, *keys):
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    main = slicer.util.mainWindow()
    main.activateWindow()
    window.host.process_events()
    for key in keys:
        QTest.keyClick(main, getattr(Qt.Key, f"Key_{key}"))
        window.host.process_events()


def drag(window, start, end):
    """Drag the mouse in the axial view between two points of the world (RAS, mm)."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    view._render()
    to_pixels = np.linalg.inv(slicer.util.arrayFromVTKMatrix(view.mrmlSliceNode().GetXYToRAS()))
    first, last = (np.rint((to_pixels @ [*point, 1])[:2]) for point in (start, end))
    places = [QPoint(int(x), view.height - 1 - int(y)) for x, y in np.linspace(first, last, 4)]
    QTest.mouseMove(view, places[0])
    window.host.process_events()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(view, place)
        window.host.process_events()
    return lambda: QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=places[-1])


def test_the_lesion_goes_where_its_handle_is_dragged(tool_window):
    window, mri, node, ids, crosshair = tool_window
    before = voxels(node, ids["Tumor"], mri)
    start = center(before, mri)
    window.widget.show_source()
    take(window)
    window.host.process_events()
    window.screenshot("40-handle")
    let_go = drag(window, start, start + [-20, -10, 0])
    outline = next(hand for hand in hands() if hand.IsA("vtkMRMLSegmentationNode"))
    shown = np.array(outline.GetSegmentCenterRAS(outline.GetSegmentation().GetNthSegmentID(0)))
    assert shown - start == pytest.approx([-20, -10, 0], abs=2.5)  # while the button is still down
    assert "20." in window.lesions.lesionMessage.text and " mm L" in window.lesions.lesionMessage.text
    assert np.array_equal(voxels(node, ids["Tumor"], mri), before)
    window.screenshot("41-dragged")
    let_go()
    window.click(window.lesions.handApplyButton)
    assert center(voxels(node, ids["Tumor"], mri), mri) - start == pytest.approx([-20, -10, 0], abs=2.5)
    assert hands() == [] and "ml" in window.lesions.lesionMessage.text
    window.click(window.lesions.lesionUndoButton)
    assert np.array_equal(voxels(node, ids["Tumor"], mri), before)


def test_keys_move_and_size_the_lesion_and_enter_applies(tool_window):
    window, mri, node, ids, crosshair = tool_window
    before = voxels(node, ids["Tumor"], mri)
    take(window)
    press(window, *["Right"] * 9, *["Up"] * 6, *["PageDown"] * 3, *["BracketRight"] * 5, "BracketLeft")
    assert "9.0 mm L, 6.0 mm A, 3.0 mm I" in window.lesions.lesionMessage.text
    press(window, "Return")
    after = voxels(node, ids["Tumor"], mri)
    assert center(after, mri) - center(before, mri) == pytest.approx([-9, 6, -3], abs=1.6)
    assert after.sum() / before.sum() == pytest.approx(1.05**12, rel=0.06)
    assert hands() == []


def test_escape_leaves_the_lesion_and_the_scene_as_they_were(tool_window):
    window, mri, node, ids, crosshair = tool_window
    before, count = phantom.state_of(node), slicer.mrmlScene.GetNumberOfNodes()
    take(window)
    press(window, "Left", "Escape")
    assert phantom.state_of(node) == before and slicer.mrmlScene.GetNumberOfNodes() == count
    assert window.lesions.handButton.enabled and window.lesions.moveButton.enabled
    press(window, "Left", "Return")  # no longer the handle's
    assert phantom.state_of(node) == before


def test_only_the_piece_that_is_meant_moves(tool_window):
    window, mri, node, ids, crosshair = tool_window
    both = ball(CENTRE + [8, 0, 0], 5) | ball(CENTRE - [12, 0, 0], 3)
    slicer.util.updateSegmentBinaryLabelmapFromArray(both, node, ids["Tumor"], mri)
    crosshair.SetCrosshairRAS(*world(mri, CENTRE - [12, 0, 0]))
    window.choose(window.lesions.pieceCombo, "The piece nearest to the crosshair")
    take(window)
    press(window, *["PageUp"] * 12, "Return")
    after = voxels(node, ids["Tumor"], mri)
    assert (after & ball(CENTRE + [8, 0, 0], 5).astype(bool)).sum() == ball(CENTRE + [8, 0, 0], 5).sum()
    assert not after[tuple((CENTRE - [12, 0, 0])[::-1])]


def test_a_lesion_outside_the_head_is_refused_and_its_handle_stays(tool_window):
    window, mri, node, ids, crosshair = tool_window
    before = phantom.state_of(node)
    take(window)
    transform = next(hand for hand in hands() if hand.IsA("vtkMRMLTransformNode"))
    matrix = np.eye(4)
    matrix[0, 3] = 300
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    window.click(window.lesions.handApplyButton)
    assert "outside the head" in window.lesions.lesionMessage.text and phantom.state_of(node) == before
    window.click(window.lesions.handCancelButton)
    assert hands() == []


def test_segments_that_change_meanwhile_are_not_mixed_up(tool_window):
    window, mri, node, ids, crosshair = tool_window
    take(window)
    slicer.util.updateSegmentBinaryLabelmapFromArray(ball(CENTRE, 7), node, ids["Tumor"], mri)
    before = phantom.state_of(node)
    window.click(window.lesions.handApplyButton)
    assert "changed while" in window.lesions.lesionMessage.text and phantom.state_of(node) == before


def test_synthesize_takes_the_lesion_where_its_outline_is(tool_window):
    window, mri, node, ids, crosshair = tool_window
    start = center(voxels(node, ids["Tumor"], mri), mri)
    take(window)
    press(window, *["PageUp"] * 6)
    window.click(window.synthesize_button)
    window.run.cancel()
    window.wait(lambda: not window.run.is_active)
    assert hands() == []
    assert center(voxels(node, ids["Tumor"], mri), mri) - start == pytest.approx([0, 0, 6], abs=1.6)


def test_nothing_of_the_handle_is_left_when_the_user_goes_elsewhere(tool_window):
    window, mri, node, ids, crosshair = tool_window

    def leave_the_module():
        window.widget.exit()
        window.widget.enter()

    def delete_the_handle():
        slicer.mrmlScene.RemoveNode(hands()[0])
        window.widget.refresh()

    def choose_another_segmentation():
        window.parameters.segmentation = None

    for go in (leave_the_module, delete_the_handle, choose_another_segmentation, lambda: slicer.mrmlScene.Clear(False)):
        window.parameters.segmentation = node
        window.host.process_events()
        take(window)
        go()
        window.host.process_events()
        assert hands() == [] and not window.lesions.handApplyButton.isVisibleTo(window.widget.parent)
        press(window, "Left")


def test_a_scene_is_saved_without_the_handle(tool_window, tmp_path):
    window, mri, node, ids, crosshair = tool_window
    take(window)
    slicer.mrmlScene.SetURL(str(tmp_path / "scene.mrml"))
    assert slicer.mrmlScene.Commit()
    text = (tmp_path / "scene.mrml").read_text(encoding="utf-8")
    assert HANDLE not in text and "EditorVisibility" not in text
