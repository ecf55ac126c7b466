"""Segments chosen by hand, by clicks: which segmentation they are of."""

import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib.mrml import choices
from test_window import HEAD_SHAPE, combo, drawn_head, head_volume
from window import open_window, packages_are_there  # noqa: F401


def test_segments_are_found_and_can_be_chosen_otherwise(window):
    mri, node, ids = drawn_head(window)
    assert combo(window, "head").currentText == "Found: Head"
    other = node.GetSegmentation().AddEmptySegment("", "Something")
    window.host.process_events()
    window.choose(combo(window, "tumor"), "Something")
    assert window.widget.segments["tumor"] == (other,)
    assert choices.chosen_segments(node) == {"tumor": other}
    node.RemoveSegment(other)
    window.host.process_events()
    assert window.widget.segments["tumor"] == (ids["Tumor"],)


def test_what_is_chosen_in_one_segmentation_is_not_chosen_in_another_that_has_the_same_ids(window, tmp_path):
    mri = head_volume()
    tumor, head = phantom.tumor_array(HEAD_SHAPE), phantom.head_array(HEAD_SHAPE)
    first, ids = phantom.segmentation(mri, {"A": head, "B": tumor}, "First")
    second, others = phantom.segmentation(mri, {"Tumor": tumor, "Head": head}, "Second")
    assert list(ids.values()) == list(others.values())
    window.parameters.mri, window.parameters.segmentation = mri, first
    window.host.process_events()
    window.choose(combo(window, "head"), "A")
    window.choose(combo(window, "tumor"), "B")
    window.choose(window.results.regionCombo, "A")
    assert window.widget.segments == {"head": (ids["A"],), "tumor": (ids["B"],)}
    window.parameters.segmentation = second
    window.host.process_events()
    assert window.widget.segments == {"head": (others["Head"],), "tumor": (others["Tumor"],)}
    assert combo(window, "head").currentText == "Found: Head"
    assert window.results.regionCombo.currentText == "Around the tumor"
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(path)
    window.parameters.segmentation = slicer.util.getNode("First")
    window.host.process_events()
    assert combo(window, "head").currentText == "A" and combo(window, "tumor").currentText == "B"
    assert window.results.regionCombo.currentText == "A"
