"""What is chosen of what is loaded, masks loaded as volumes, and where the views look. By clicks, without a worker."""

import math

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib.mrml import three_d
from test_window import HEAD_SHAPE, combo, drawn_head, head_volume
from window import open_window, packages_are_there  # noqa: F401

HEAD, TUMOR = phantom.head_array(HEAD_SHAPE), phantom.tumor_array(HEAD_SHAPE)


def labels(array, name, kind="vtkMRMLScalarVolumeNode", dtype=np.int16):
    """A mask on the grid of `head_volume`, as a reader of volumes makes it."""
    node = head_volume(name)
    slicer.util.updateVolumeFromArray(node, array.astype(dtype))
    if kind == "vtkMRMLScalarVolumeNode":
        return node
    label_map = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    label_map.Copy(node)
    label_map.SetName(name)
    slicer.mrmlScene.RemoveNode(node)
    return label_map


def composites():
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def offsets():
    return {node.GetName(): node.GetSliceOffset() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}


def looks_at(point):
    """Whether every slice goes through a point, to a voxel."""
    return offsets() == pytest.approx({"Red": point[2], "Yellow": -point[0], "Green": point[1]}, abs=0.1)


def test_an_mri_that_is_loaded_is_chosen_and_what_to_do_next_is_said(window):
    mri = head_volume()
    window.host.process_events()
    assert window.parameters.mri is mri and window.parameters.segmentation is None
    assert "Make head segment from the MRI" in window.input.inputMessage.text
    assert {node.GetBackgroundVolumeID() for node in composites()} == {mri.GetID()}
    window.screenshot("63-mri-loaded")


def test_a_segmentation_that_was_drawn_on_the_chosen_mri_is_chosen_when_it_is_loaded(window):
    mri = head_volume()
    window.host.process_events()
    node, _ids = phantom.segmentation(mri, {"Head": HEAD, "Tumor": TUMOR}, "Case")
    window.host.process_events()
    assert window.parameters.segmentation is node


def test_on_coming_to_the_module_the_shown_mri_and_its_own_segmentation_are_chosen(window):
    slicer.util.selectModule("Welcome") if hasattr(slicer.modules, "welcome") else window.widget.exit()
    window.widget.setParameterNode(None)
    first, second = head_volume("First"), head_volume("Second")
    phantom.segmentation(first, {"Head": HEAD}, "Of the first")
    wanted, _ids = phantom.segmentation(second, {"Head": HEAD}, "Of the second")
    slicer.util.setSliceViewerLayers(background=second)
    window.widget.enter()
    assert window.parameters.mri is second and window.parameters.segmentation is wanted


def test_a_choice_of_the_user_is_left_alone_when_more_is_loaded(window):
    mri, node, _ids = drawn_head(window)
    window.parameters.mri = None
    other = head_volume("Other")
    phantom.segmentation(other, {"Head": HEAD}, "Other")
    window.host.process_events()
    assert window.parameters.mri is None and window.parameters.segmentation is node


def test_choosing_shows_the_mri_at_the_tumor_and_hides_the_segmentation_of_before(window):
    mri, node, ids = drawn_head(window)
    assert looks_at(node.GetSegmentCenterRAS(ids["Tumor"]))
    other = head_volume("Other")
    moved = np.roll(TUMOR, (-6, -6, -6), (0, 1, 2))
    second, second_ids = phantom.segmentation(other, {"Head": HEAD, "Tumor": moved}, "Other")
    window.parameters.mri, window.parameters.segmentation = other, second
    window.host.process_events()
    assert {c.GetBackgroundVolumeID() for c in composites()} == {other.GetID()}
    assert looks_at(second.GetSegmentCenterRAS(second_ids["Tumor"]))
    assert not node.GetDisplayNode().GetVisibility() and second.GetDisplayNode().GetVisibility()


def test_a_second_sample_hides_the_first(window):
    window.click(window.input.sampleButton)
    first = window.parameters.segmentation
    window.choose(window.input.sampleCombo, "Metastases")
    window.click(window.input.sampleButton)
    second = window.parameters.segmentation
    assert second is not first
    assert not first.GetDisplayNode().GetVisibility() and second.GetDisplayNode().GetVisibility()


def test_the_views_follow_a_lesion_that_a_tool_moves(window):
    mri, node, ids = drawn_head(window)
    window.widget.panels["lesion_tools"].widget.collapsed = False
    before = offsets()
    window.lesions.moveRSpinBox.value = -30
    window.click(window.lesions.moveButton)
    assert offsets() != before and looks_at(node.GetSegmentCenterRAS(ids["Tumor"]))


@pytest.mark.parametrize("kind", ["vtkMRMLScalarVolumeNode", "vtkMRMLLabelMapVolumeNode"])
def test_a_tumor_mask_loaded_as_a_volume_becomes_the_tumor_on_a_click(window, kind):
    mri = head_volume()
    window.host.process_events()
    mask = labels(TUMOR, "patient7", kind, np.float32)
    window.host.process_events()
    assert window.parameters.mri is mri and "patient7" in window.input.labelsButton.text
    window.click(window.input.headButton)
    window.click(window.input.labelsButton)
    node = window.parameters.segmentation
    (tumor,) = window.widget.segments["tumor"]
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, tumor, mri), TUMOR)
    assert combo(window, "tumor").currentText == "Found: Tumor" and window.widget.segments["head"]
    assert not window.input.labelsButton.isVisibleTo(window.widget.parent)
    assert slicer.mrmlScene.IsNodePresent(mask) and looks_at(node.GetSegmentCenterRAS(tumor))
    window.screenshot("64-mask-taken")


def test_a_mask_of_head_and_tumor_becomes_both_without_an_mri(window):
    labels(HEAD + TUMOR, "mask")
    window.host.process_events()
    assert window.parameters.mri is None
    window.click(window.input.labelsButton)
    assert window.parameters.segmentation.GetName() == "mask segmentation"
    assert [len(window.widget.segments[label]) for label in ("head", "tumor")] == [1, 1]
    assert window.synthesize_button.enabled


def test_labels_of_unknown_meaning_keep_their_numbers(window):
    labels(3 * HEAD + 4 * TUMOR, "atlas")
    window.host.process_events()
    window.click(window.input.labelsButton)
    names = [window.parameters.segmentation.GetSegmentation().GetNthSegment(n).GetName() for n in range(2)]
    assert names == ["atlas 3", "atlas 7"]


def test_an_mri_of_eight_bits_is_no_mask(window):
    mri = head_volume()
    noise = np.random.default_rng(0).integers(0, 200, HEAD_SHAPE)
    slicer.util.updateVolumeFromArray(mri, (HEAD * noise).astype(np.uint8))
    window.host.process_events()
    assert window.parameters.mri is mri and not window.input.labelsButton.isVisibleTo(window.widget.parent)


def test_head_and_tumor_are_shown_in_3d_on_a_click_and_the_head_is_clear(window):
    mri, node, ids = drawn_head(window)
    window.click(window.results.surfacesCheckBox)
    display = node.GetDisplayNode()
    assert node.GetClosedSurfaceInternalRepresentation(ids["Tumor"]).GetNumberOfPoints() > 0
    assert display.GetVisibility3D() and display.GetSegmentOpacity3D(ids["Head"]) < 0.5
    assert display.GetSegmentOpacity3D(ids["Tumor"]) == 1.0
    window.screenshot("65-surfaces")
    window.click(window.results.surfacesCheckBox)
    assert not display.GetVisibility3D() and not window.results.surfacesCheckBox.checked


def test_a_result_is_rendered_on_a_click_in_place_of_the_surfaces(window):
    mri, node, ids = drawn_head(window)
    result = head_volume("Result")
    result.SetAttribute("MedDDPM.synthetic", "true")
    window.parameters.result = result
    window.host.process_events()
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    window.click(window.results.surfacesCheckBox)
    window.click(window.results.renderingCheckBox)
    logic = slicer.modules.volumerendering.logic()
    assert logic.GetFirstVolumeRenderingDisplayNode(result).GetVisibility()
    assert not node.GetDisplayNode().GetVisibility3D()
    assert slicer.app.layoutManager().layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    window.click(window.results.renderingCheckBox)
    assert not logic.GetFirstVolumeRenderingDisplayNode(result).GetVisibility()


def test_a_new_result_is_rendered_in_place_of_the_one_before(window):
    drawn_head(window)
    first, second, mri = (head_volume(name) for name in ("First", "Second", "MRI of the user"))
    for made in (first, second):
        made.SetAttribute("MedDDPM.synthetic", "true")
    window.parameters.result = first
    window.host.process_events()
    window.click(window.results.renderingCheckBox)
    logic = slicer.modules.volumerendering.logic()
    three_d.show_volume(logic, mri, True)
    window.parameters.result = second
    window.host.process_events()
    assert [three_d.volume_is_shown(logic, node) for node in (first, second, mri)] == [False, True, True]
    assert window.results.renderingCheckBox.checked


def widest(widget):
    """What makes a box wide."""
    children = (child for child in slicer.util.findChildren(widget) if child.isWidgetType())
    hints = ((child.objectName, child.minimumSizeHint) for child in children)
    widths = [(name, (hint() if callable(hint) else hint).width()) for name, hint in hints]
    return sorted(widths, key=lambda named: -named[1])[:8]


WIDTHS = {"edit": math.inf}
"""Slicer's own editor has its own width."""


def test_every_box_fits_a_narrow_panel_whatever_the_names(window):
    mri = head_volume("A very long name of a series as scanners write it, T1 MPRAGE SAG 1MM ISO POST GADOLINIUM")
    long_name = "A very long name of a segment that a colleague gave it, with the date 2024-11-05"
    node, ids = phantom.segmentation(mri, {"Head": HEAD, long_name + " tumor": TUMOR}, long_name)
    mask = labels(TUMOR, long_name)
    result = head_volume(long_name + " synthetic")
    result.SetAttribute("MedDDPM.synthetic", "true")
    window.parameters.mri, window.parameters.segmentation, window.parameters.result = mri, node, result
    window.parameters.keepAnatomy = True
    window.host.process_events()
    wide = {}
    for name, panel in window.widget.panels.items():
        panel.widget.collapsed = False
        window.host.process_events()
        limit = WIDTHS.get(name, 300)
        if panel.widget.minimumSizeHint().width() > limit:
            wide[name] = [panel.widget.minimumSizeHint().width(), *widest(panel.widget)]
    assert wide == {}
    assert slicer.mrmlScene.IsNodePresent(mask)
