"""The window while the scene, the layout and the program around it change."""

import sys

import numpy as np
import pytest

pytest.importorskip("slicer")
import phantom
import project  # noqa: F401
import slicer
import slicer.util
from MedDDPMSlicerLib.mrml import views
from test_window import HEAD_SHAPE, drawn_head
from window import open_window, packages_are_there  # noqa: F401


def paint(window):
    """Take the brush of the Segment Editor."""
    window.widget.panels["edit"].widget.collapsed = False
    window.click(effect_button(window, "Paint"))
    assert window.edit.editor.activeEffect().name == "Paint"


def effect_button(window, name):
    [button] = [b for b in slicer.util.findChildren(window.edit.editor, className="QToolButton") if b.text == name]
    return button


def shown():
    """The names of what lies in the back and in front in each slice view."""
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    volumes = [(node.GetBackgroundVolumeID(), node.GetForegroundVolumeID()) for node in composites]
    name = {None: "", **{node.GetID(): node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")}}
    return {tuple(name[identity] for identity in pair) for pair in volumes}


@pytest.mark.parametrize("source", ["the MRI", "a canvas"])
def test_another_layout_leaves_the_synthetic_image_in_the_views(window, source):
    mri, node, ids = drawn_head(window)
    if source == "a canvas":
        slicer.mrmlScene.RemoveNode(mri)
        window.host.process_events()
        window.widget.panels["edit"].widget.collapsed = False
        window.click(window.edit.canvasButton)
    paint(window)
    synthetic = phantom.volume(phantom.oblique(), HEAD_SHAPE, "made")
    views.alone(slicer.mrmlScene, synthetic)
    layout = slicer.app.layoutManager()
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
    layout.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    assert shown() == {("made", "")}


def test_the_mri_that_the_user_chooses_is_shown(window):
    mri, node, ids = drawn_head(window)
    window.parameters.mri = None
    views.alone(slicer.mrmlScene, phantom.volume(phantom.oblique(), HEAD_SHAPE, "other"))
    window.host.process_events()
    selector = window.input.mriSelector
    window.choose(slicer.util.findChildren(selector, className="QComboBox")[0], "MRI")
    assert window.parameters.mri is mri and shown() == {("MRI", "")}


def test_more_edits_than_five_can_be_undone(window):
    mri, node, ids = drawn_head(window)
    segmentation, editor = node.GetSegmentation(), window.widget.panels["edit"]
    for _edit in range(7):
        editor.save_for_undo()
        segmentation.AddEmptySegment()
    for _undo in range(7):
        editor.undo()
    assert segmentation.GetNumberOfSegments() == 2


def test_an_effect_that_an_extension_registers_late_is_there(window):
    factory = slicer.qSlicerSegmentEditorEffectFactory.instance()
    try:
        factory._register("Local Threshold")
        assert effect_button(window, "Local Threshold").isVisibleTo(window.edit.editor)
    finally:
        factory._names.remove("Local Threshold")


def test_closing_the_scene_lets_go_of_the_views_and_of_the_brush(window):
    drawn_head(window)
    paint(window)
    watched = []
    events = slicer.vtkMRMLScene
    tag = slicer.mrmlScene.AddObserver(
        events.EndCloseEvent, lambda *_event: watched.append(window.edit.editor._views_observed), 1.0
    )
    slicer.mrmlScene.Clear(False)
    slicer.mrmlScene.RemoveObserver(tag)
    window.host.process_events()
    assert watched == [False] and window.edit.editor.activeEffect() is None
    drawn_head(window)
    paint(window)


def test_adding_a_scene_leaves_the_editor_and_the_settings_as_they_are(window, tmp_path):
    mri, node, ids = drawn_head(window)
    path = str(tmp_path / "other.mrml")
    other = slicer.vtkMRMLScene()
    other.AddNewNodeByClass("vtkMRMLSegmentationNode", "Another")
    assert other.SetURL(path) is None and other.Commit()
    paint(window)
    editor = window.edit.editor.mrmlSegmentEditorNode()
    window.edit.editor.setCurrentSegmentID(ids["Tumor"])
    during = []
    tag = slicer.mrmlScene.AddObserver(
        slicer.vtkMRMLScene.NodeAddedEvent, lambda *_event: during.append(window.edit.editor.mrmlSegmentEditorNode())
    )
    slicer.mrmlScene.SetURL(path)
    assert slicer.mrmlScene.Import()
    slicer.mrmlScene.RemoveObserver(tag)
    window.host.process_events()
    assert set(during) == {editor} and window.edit.editor.mrmlSegmentEditorNode() is editor
    assert window.edit.editor.segmentationNode() is node and window.parameters.segmentation is node
    assert window.edit.editor.currentSegmentID() == ids["Tumor"]
    assert window.edit.editor.activeEffect().name == "Paint"
    window.parameters.seed = 4711
    assert window.advanced.seedSpinBox.value == 4711


def test_the_reload_button_reads_all_of_the_extensions_python_again(window):
    drawn_head(window)
    kept = {
        name: module for name, module in sys.modules.items() if name.startswith(("MedDDPMSlicerLib", "MedDDPMCore"))
    }
    try:
        window.widget.onReload()
        window.widget = slicer.util.getModuleWidget(window.module.name)
        assert window.widget.segments["head"] and window.edit.editor.segmentationNode() is not None
        for name in ("MedDDPMSlicerLib.roles", "MedDDPMSlicerLib.panels.edit", "MedDDPMCore.volumes.names"):
            assert sys.modules[name] is not kept[name]
    finally:
        sys.modules.update(kept)


def test_the_editor_paints_on_the_chosen_mri_until_the_user_chooses_another_source_in_it(window):
    mri, node, ids = drawn_head(window)
    editor = window.edit.editor
    grid = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    second, own = (phantom.volume(phantom.oblique(), HEAD_SHAPE, name) for name in ("second", "own"))
    assert editor.sourceVolumeNode() is mri
    window.parameters.mri = second
    assert editor.sourceVolumeNode() is second
    editor.setSourceVolumeNode(own)
    window.parameters.mri = mri
    window.host.process_events()
    assert editor.sourceVolumeNode() is own
    window.parameters.mri = None
    window.host.process_events()
    assert editor.sourceVolumeNode() is own and not window.edit.canvasButton.isVisibleTo(window.widget.parent)
    assert node.GetSegmentation().GetConversionParameter("Reference image geometry") == grid


def test_another_segmentation_is_painted_on_the_mri_chosen_or_else_on_what_it_was_drawn_on(window):
    mri, node, ids = drawn_head(window)
    drawn_on = phantom.volume(phantom.oblique(), HEAD_SHAPE, "drawn on")
    second, _ids = phantom.segmentation(drawn_on, {"Head": np.ones(HEAD_SHAPE, np.uint8)}, "second")
    window.parameters.segmentation = second
    assert window.edit.editor.sourceVolumeNode() is mri
    window.parameters.segmentation = node
    window.parameters.mri = None
    window.parameters.segmentation = second
    assert window.edit.editor.sourceVolumeNode() is drawn_on
