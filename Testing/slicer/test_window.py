"""The window before a run: setup, input, edit, advanced, settings in the scene. Real clicks on a real window."""

import subprocess
import sys
import time
from pathlib import PureWindowsPath

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib.processes.run import Status
from window import open_window, packages_are_there  # noqa: F401

HEAD_SHAPE = (40, 48, 44)


def head_volume(name="MRI"):
    """A bright ellipsoid of the size of a head in noise-free air, on an oblique left-handed grid of 5 mm."""
    matrix = phantom.oblique(spacing=(5.0, 5.0, 5.0), origin=(-90.0, -120.0, 100.0))
    node = phantom.volume(matrix, HEAD_SHAPE, name)
    slicer.util.updateVolumeFromArray(node, phantom.head_array(HEAD_SHAPE).astype(np.int16) * 800)
    return node


def drawn_head(window, segments=("Head", "Tumor")):
    """The MRI and its segmentation, chosen in the window."""
    mri = head_volume()
    arrays = {"Head": phantom.head_array(HEAD_SHAPE), "Tumor": phantom.tumor_array(HEAD_SHAPE)}
    node, ids = phantom.segmentation(mri, {name: arrays[name] for name in segments}, "Case 1")
    window.parameters.mri = mri
    window.parameters.segmentation = node
    window.host.process_events()
    return mri, node, ids


def test_the_samplers_that_have_titles_are_those_of_the_core(host):
    from MedDDPMSlicerLib.panels.advanced import SAMPLER_TITLES

    from MedDDPMCore.diffusion.names import SAMPLERS

    assert set(SAMPLER_TITLES) == set(SAMPLERS)


def combo(window, label):
    return slicer.util.findChild(window.widget.parent, f"combo_{label}")


def create_button(window, label):
    return slicer.util.findChild(window.widget.parent, f"create_{label}")


def test_opening_the_module_installs_and_runs_nothing(window):
    assert window.host.installs == [] and not window.widget.process.is_running
    assert window.module.title == "MedDDPM" and list(window.module.categories) == ["Image Synthesis"]
    assert not window.synthesize_button.enabled
    assert "Choose a segmentation" in window.results.statusLabel.text
    window.screenshot("01-empty-scene")


def test_the_only_segment_that_is_not_known_is_said_and_offered_as_the_tumor(window):
    mri, node, ids = drawn_head(window, ("Head",))
    assert not window.input.offerButton.isVisibleTo(window.widget.parent)
    left = node.GetSegmentation().AddEmptySegment("", "Segment_1")
    window.host.process_events()
    assert "left out: “Segment_1”" in window.input.inputMessage.text
    assert window.input.offerButton.text == "“Segment_1” is the tumor"
    window.click(window.input.offerButton)
    assert window.widget.segments["tumor"] == (left,)
    assert not window.input.offerButton.isVisibleTo(window.widget.parent) and not window.input.inputMessage.text


def test_a_tumor_by_any_name_that_means_one_is_found_without_asking(window):
    mri, node, ids = drawn_head(window, ("Head",))
    named = node.GetSegmentation().AddEmptySegment("", "BrainTumor")
    window.host.process_events()
    assert window.widget.segments["tumor"] == (named,) and not window.input.offerButton.isVisibleTo(
        window.widget.parent
    )


def test_a_missing_tumor_is_created_on_a_click_ready_to_paint(window):
    mri, node, ids = drawn_head(window, ("Head",))
    assert "No segment for: tumor" in window.input.inputMessage.text
    before = phantom.state_of(node)
    window.click(create_button(window, "tumor"))
    assert list(window.widget.segments["tumor"]) and not create_button(window, "tumor").enabled
    assert window.edit.editor.currentSegmentID() == window.widget.segments["tumor"][0]
    assert not window.widget.panels["edit"].widget.collapsed
    assert window.edit.editor.sourceVolumeNode() is mri
    assert {key: phantom.state_of(node)[key] for key in before} == before
    window.screenshot("03-tumor-created")
    window.click(slicer.util.findChild(window.edit.editor, "UndoButton"))
    assert node.GetSegmentation().GetNumberOfSegments() == 1


def test_painting_leaves_the_head_whole(window):
    drawn_head(window)
    editor = window.edit.editor.mrmlSegmentEditorNode()
    assert editor.GetOverwriteMode() == editor.OverwriteNone


def test_the_head_is_made_from_the_mri(window):
    mri = head_volume()
    window.parameters.mri = mri
    window.host.process_events()
    window.click(window.input.headButton)
    segmentation = window.parameters.segmentation
    (identity,) = window.widget.segments["head"]
    made = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, identity, mri)
    truth = phantom.head_array(HEAD_SHAPE)
    assert 2 * (made & truth).sum() / (made.sum() + truth.sum()) > 0.95
    assert "look at it" in window.input.inputMessage.text
    assert window.synthesize_button.enabled
    window.screenshot("04-head-from-mri")


def test_a_second_head_is_added_beside_one_that_is_painted(window):
    mri, node, ids = drawn_head(window)
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, ids["Head"], mri)
    window.click(window.input.headButton)
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, ids["Head"], mri), voxels)
    assert window.widget.segments["head"] != (ids["Head"],)
    window.edit.editor.undo()
    assert node.GetSegmentation().GetNumberOfSegments() == 2


def test_no_head_is_made_in_a_segmentation_of_surfaces(window):
    mri, node, ids = drawn_head(window, ("Tumor",))
    assert node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    window.click(window.input.headButton)
    assert "made of surfaces" in window.input.inputMessage.text and node.GetSegmentation().GetNumberOfSegments() == 1


def test_without_an_mri_there_is_a_canvas_to_paint_on(window):
    mri, _node, _ids = drawn_head(window)
    slicer.mrmlScene.RemoveNode(mri)
    slicer.mrmlScene.RemoveNode(mri)
    window.host.process_events()
    window.widget.panels["edit"].widget.collapsed = False
    window.click(window.edit.canvasButton)
    canvas = window.edit.editor.sourceVolumeNode()
    assert canvas.GetName() == "Case 1 canvas"
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    canvas.GetIJKToRASMatrix(matrix)
    assert np.allclose(
        slicer.util.arrayFromVTKMatrix(matrix), phantom.oblique(spacing=(5.0, 5.0, 5.0), origin=(-90.0, -120.0, 100.0))
    )


@pytest.mark.parametrize("segments, message", [((), "no head segment"), (("Tumor",), "no head segment")])
def test_a_missing_head_is_said_before_anything_runs(window, segments, message):
    drawn_head(window, segments)
    assert not window.synthesize_button.enabled
    assert message in window.input.inputMessage.text
    window.screenshot("05-no-head")


def test_a_head_without_a_voxel_is_said_on_the_click(window):
    mri = head_volume()
    node, ids = phantom.segmentation(
        mri, {"Head": np.zeros(HEAD_SHAPE, np.uint8), "Tumor": phantom.tumor_array(HEAD_SHAPE)}
    )
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.host.process_events()
    window.click(window.synthesize_button)
    assert "no head segment with anything in it" in window.error_text
    assert not window.run.is_active and not window.widget.process.is_running
    window.screenshot("06-empty-head")


def test_a_temporary_folder_that_cannot_be_written_to_is_said_on_the_click(window, tmp_path):
    drawn_head(window)
    window.run._temporary_folder = str(tmp_path / "gone")
    window.click(window.synthesize_button)
    assert "temporary folder could not be written to" in window.error_text and "Make room" in window.error_text
    assert not window.run.is_active and window.synthesize_button.enabled


def test_another_models_labels_are_asked_for(window):
    drawn_head(window)
    window.widget.panels["advanced"].widget.collapsed = False
    window.choose(window.advanced.modelCombo, "Untrained: four")
    assert combo(window, "brain") is not None and combo(window, "edema") is not None
    assert "no brain segment" in window.input.inputMessage.text
    window.screenshot("07-other-model")
    window.choose(window.advanced.modelCombo, "Untrained: tiny")
    assert window.synthesize_button.enabled


def test_settings_survive_a_saved_scene_and_nothing_runs_when_it_opens(window, tmp_path):
    mri, node, ids = drawn_head(window)
    p = window.parameters
    p.newSeed, p.seed, p.steps, p.samples, p.sampler, p.grid, p.fade = False, 77, 9, 3, "ddim", "model", 0.25
    other = node.GetSegmentation().AddEmptySegment("", "Chosen")
    window.host.process_events()
    window.choose(combo(window, "tumor"), "Chosen")
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert window.parameters.seed == 1 and window.parameters.segmentation is None
    slicer.util.loadScene(path)
    window.host.process_events()
    p = window.parameters
    assert (p.newSeed, p.seed, p.steps, p.samples, p.sampler, p.grid, p.fade) == (
        False,
        77,
        9,
        3,
        "ddim",
        "model",
        0.25,
    )
    assert p.mri.GetName() == "MRI" and p.segmentation.GetName() == "Case 1" and p.model == "tiny"
    assert window.advanced.seedSpinBox.value == 77 and window.advanced.samplesSpinBox.value == 3
    assert combo(window, "tumor").currentText == "Chosen"
    assert window.widget.segments["tumor"] == (other,)
    assert not window.widget.process.is_running and window.host.installs == []


HOSTILE = {
    "steps": "1e99",
    "seed": "-5",
    "samples": "999999999",
    "fade": "nan",
    "massEffect": "inf",
    "keepAnatomy": "1; drop",
    "newSeed": "perhaps",
    "grid": "../../etc",
    "model": "\\\\evil\\share",
    "device": "cuda:0; rm -rf /",
    "sampler": "__import__('os')",
    "trainingSteps": "",
    "trainingBatch": "None",
    "trainingData": '"<&>' * 500,
}


def test_hostile_settings_in_a_loaded_scene_do_no_harm(window, tmp_path):
    drawn_head(window)
    raw, node = window.parameters.parameterNode, window.parameters.segmentation
    node.SetAttribute("MedDDPM.segments", "[1, {")
    node.SetAttribute("MedDDPM.region", "../../nowhere")
    path = str(tmp_path / "hostile.mrb")
    window.widget.setParameterNode(None)
    for name, value in HOSTILE.items():
        raw.SetParameter(name, value)
    raw.SetNodeReferenceID("mri", raw.GetNodeReference("segmentation").GetID())
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(path)
    window.host.process_events()
    p = window.parameters
    assert (p.steps, p.seed, p.samples, p.fade, p.grid) == (0, 1, 1, 1.0, "mask")
    assert (p.massEffect, p.keepAnatomy) == (0.0, False)
    assert window.results.regionCombo.currentText == "Around the tumor"
    assert p.model in window.widget.models
    assert p.mri is None and p.segmentation is not None
    assert "were reset" in window.input.inputMessage.text and "steps" in window.input.inputMessage.text
    assert not window.widget.process.is_running
    window.screenshot("08-hostile-scene")
    p.model = "tiny"
    window.host.process_events()
    assert window.widget.segments["head"] and window.synthesize_button.enabled


def test_a_closed_scene_empties_the_window(window):
    drawn_head(window)
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert window.parameters.segmentation is None and not window.synthesize_button.enabled
    window.parameters.model = "tiny"
    drawn_head(window)
    assert window.synthesize_button.enabled


def test_the_module_can_be_reloaded(window):
    drawn_head(window)
    slicer.util.reloadScriptedModule(window.module.name)
    window.widget = slicer.util.getModuleWidget(window.module.name)
    window.wait(lambda: window.widget.parameters is not None)
    assert window.widget.segments["head"]


def test_the_error_report_names_no_patient_and_no_folder_of_the_user(window):
    mri, node, ids = drawn_head(window)
    node.SetName("Jane Doe 1970")
    window.parameters.trainingData = window.parameters.exportMasks = "/somewhere/private"
    window.widget.panels["synthesize"]._failure = Status(error="“Jane Doe 1970” has no head segment.", code="labels")
    window.widget.panels["advanced"].widget.collapsed = False
    window.click(window.advanced.copyReportButton)
    text = slicer.app.clipboard().text()
    assert "MedDDPM error report" in text and "model=tiny" in text
    assert "Jane" not in text and "private" not in text and "labels: “…” has no head segment." in text


def test_the_error_report_hides_the_users_folder_however_it_is_written(monkeypatch):
    from MedDDPMSlicerLib import report

    monkeypatch.setattr(report.Path, "home", lambda: PureWindowsPath("C:\\Users\\Jane"))
    log = [
        '> {"mask": "C:/Users/Jane/Temp/mask.nrrd"}',
        '"C:\\\\Users\\\\Jane\\\\x"',
        r"start C:\Users\Jane\python.exe",
    ]
    text = report.error_report("5.10", {}, Status(), log)
    assert "Jane" not in text and "~/Temp/mask.nrrd" in text


def test_devices_can_be_chosen_before_the_first_run(window):
    window.widget.panels["advanced"].widget.collapsed = False
    window.choose(window.advanced.deviceCombo, "NVIDIA RTX A4000 (14.2 GB free)")
    assert window.parameters.device == "cuda:0" and not window.widget.process.is_running


def test_a_folder_that_is_no_model_is_refused_and_a_model_is_remembered(window, tmp_path):
    import qt

    from MedDDPMSlicer import IMPORTED_MODELS_KEY

    window.widget.panels["advanced"].widget.collapsed = False
    window.host.dialogs.answer(str(tmp_path))
    window.click(window.advanced.importButton)
    assert "no model in" in window.host.dialogs.shown[-1].text
    window.host.dialogs.answer(str(tmp_path / "models" / "four"))
    try:
        window.click(window.advanced.importButton)
        assert window.parameters.model == str(tmp_path / "models" / "four")
        assert window.widget.model.title == "Untrained: four"
    finally:
        qt.QSettings().remove(IMPORTED_MODELS_KEY)


def test_published_weights_need_a_yes_to_their_licence(window):
    window.widget.panels["advanced"].widget.collapsed = False
    window.click(window.advanced.publishedButton)
    assert "GPL-3.0" in window.host.dialogs.shown[-1].text
    assert len(window.host.dialogs.shown) == 1 and window.advanced.publishedButton.enabled


def test_slicers_process_stays_free_of_torch_and_the_window_opens_fast():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import project, host, time\n"
        "h = host.start(); t = time.monotonic(); m = h.load(project.MODULE); h.open(m.name)\n"
        "print('opened in', time.monotonic() - t); assert 'torch' not in sys.modules\n"
    )
    started = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-c", program, str(project.FAKE_WORKER.parent)], capture_output=True, text=True
    )
    assert "opened in" in answer.stdout, answer.stderr[-2000:]
    print(answer.stdout, time.monotonic() - started)


def test_a_changed_setting_is_written_into_its_widget_and_not_once_a_box(window, monkeypatch):
    from slicer.parameterNodeWrapper.guiConnectors import GuiConnector

    written = []
    for connector in GuiConnector.__subclasses__():
        write = connector.write

        def count(self, value, write=write):
            written.append(self.widget().objectName)
            write(self, value)

        monkeypatch.setattr(connector, "write", count)
    window.parameters.seed = 77
    assert window.advanced.seedSpinBox.value == 77
    assert 1 <= written.count("seedSpinBox") <= 2 < len(window.widget.panels)
