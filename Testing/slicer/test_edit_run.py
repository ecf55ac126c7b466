"""“Keep this patient's anatomy”, by clicks with the real worker, on a model of random weights."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib.mrml import choices
from test_run import MATRIX, matrix_of, opened, start_long_run, window  # noqa: F401
from test_window import HEAD_SHAPE, drawn_head


@pytest.fixture
def editing(window):  # noqa: F811
    """A head with some texture and a tumor, and the check box ticked."""
    mri, node, ids = drawn_head(window)
    noise = np.random.default_rng(0).integers(0, 200, HEAD_SHAPE)
    array = phantom.head_array(HEAD_SHAPE) * (700 + noise)
    slicer.util.updateVolumeFromArray(mri, array.astype(np.int16))
    window.click(window.results.keepCheckBox)
    assert window.parameters.keepAnatomy
    yield window, mri, node, ids
    window.parameters.keepAnatomy, window.parameters.massEffect = False, 0.0


def test_only_what_lies_around_the_tumor_is_made_anew(editing):
    window, mri, node, ids = editing  # noqa: F811
    before, segments = slicer.util.arrayFromVolume(mri).copy(), phantom.state_of(node)
    result = window.synthesize()
    assert window.error_text == ""
    assert result.GetName() == "MRI edited" and np.allclose(matrix_of(result), MATRIX)
    after = slicer.util.arrayFromVolume(result)
    changed = np.argwhere(after != before)
    where = np.argwhere(phantom.tumor_array(HEAD_SHAPE))
    assert len(changed) and after.dtype == before.dtype
    assert (changed.min(axis=0) >= where.min(axis=0) - 8).all() and (changed.max(axis=0) <= where.max(axis=0) + 8).all()
    assert np.array_equal(slicer.util.arrayFromVolume(mri), before) and phantom.state_of(node) == segments
    assert result.GetAttribute("MedDDPM.mri") == "MRI" and result.GetAttribute("MedDDPM.model_sha256")
    assert result.GetAttribute("MedDDPM.synthetic") == "true" and "not for diagnosis" in result.GetDescription()
    assert result.GetDescription().startswith("Partly synthetic")
    assert "made anew" in window.results.overlapLabel.text
    displays = [volume.GetDisplayNode() for volume in (mri, result)]
    assert len({(display.GetWindowLevelMin(), display.GetWindowLevelMax()) for display in displays}) == 1
    window.screenshot("50-edited")


def test_a_painted_region_says_what_is_made_anew(editing):
    window, mri, node, ids = editing  # noqa: F811
    region = np.zeros(HEAD_SHAPE, np.uint8)
    region[12:18, 16:22, 14:20] = 1
    identity = node.GetSegmentation().AddEmptySegment("", "Region")
    slicer.util.updateSegmentBinaryLabelmapFromArray(region, node, identity, mri)
    window.host.process_events()
    window.choose(window.results.regionCombo, "Region")
    assert choices.region_of(node) == identity
    before = slicer.util.arrayFromVolume(mri).copy()
    result = window.synthesize()
    assert window.error_text == ""
    changed = slicer.util.arrayFromVolume(result) != before
    assert changed.any() and not (changed & (region == 0)).any()
    node.RemoveSegment(identity)
    window.host.process_events()
    assert window.results.regionCombo.currentText == "Around the tumor"


def test_a_region_may_be_a_surface_and_an_empty_one_is_said(editing):
    window, mri, node, ids = editing  # noqa: F811
    empty = node.GetSegmentation().AddEmptySegment("", "Region")
    window.host.process_events()
    window.choose(window.results.regionCombo, "Region")
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert "nothing in the segment" in window.error_text
    centre = MATRIX @ np.array([17, 19, 15, 1])
    assert node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.RemoveSegment(empty)
    region = node.AddSegmentFromClosedSurfaceRepresentation(phantom.surface(centre[:3], 20.0), "Ball", (1, 0, 0))
    window.host.process_events()
    window.choose(window.results.regionCombo, "Ball")
    before = slicer.util.arrayFromVolume(mri).copy()
    result = window.synthesize()
    assert window.error_text == "" and choices.region_of(node) == region
    changed = np.argwhere(slicer.util.arrayFromVolume(result) != before)
    assert len(changed) and (np.abs(changed.mean(axis=0) - [15, 19, 17]) < 2).all()


def test_an_image_of_several_channels_is_refused_in_words(editing):
    window, mri, node, ids = editing  # noqa: F811
    colour = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    slicer.util.updateVolumeFromArray(colour, np.zeros((*HEAD_SHAPE, 3), np.uint8))
    colour.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(MATRIX))
    window.parameters.mri = colour
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert "several values a voxel" in window.error_text
    window.click(window.input.headButton)
    assert "several values a voxel" in window.input.inputMessage.text


def test_nothing_to_edit_is_said(editing):
    window, mri, node, ids = editing  # noqa: F811
    window.click(window.results.noLesionButton)
    node.RemoveSegment(ids["Tumor"])
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert window.error_text and not slicer.util.getNodes("*edited*")


def test_an_edit_is_cancelled_and_survives_lost_nodes(editing):
    window, mri, node, ids = editing  # noqa: F811
    start_long_run(window)
    window.click(window.cancel_button)
    window.wait(lambda: not window.run.is_active)
    assert "Cancelled" in window.results.statusLabel.text and not slicer.util.getNodes("*edited*")
    start_long_run(window)
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert not window.run.is_active


def test_without_an_mri_there_is_no_patient_to_keep(window):  # noqa: F811
    drawn_head(window)
    window.parameters.mri = None
    window.host.process_events()
    assert not window.results.keepCheckBox.enabled and not window.results.regionCombo.isVisibleTo(window.widget.parent)
