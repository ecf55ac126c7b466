"""What users come for, from the first click to the last, on a model of random weights; a picture of every state."""

import json
from pathlib import Path

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import slicer
import slicer.util
from test_export_window import needs_dicom, wait_for_the_end
from test_reader_study import Reader, remembered, study  # noqa: F401
from test_run import opened, window  # noqa: F401
from test_train_window import images, recipe  # noqa: F401

PATIENT = project.ROOT.parent / "shared" / "data" / "btp_t1c"


def show(window, *names):  # noqa: F811
    """Open these boxes and close the others."""
    for name, panel in window.widget.panels.items():
        panel.widget.collapsed = name not in names
    window.host.process_events()


def marks():
    layout = slicer.app.layoutManager()
    corners = [layout.sliceWidget(name).sliceView().cornerAnnotation() for name in layout.sliceViewNames()]
    return {corner.GetText(corner.UpperEdge) or "" for corner in corners}


def test_a_sample_head_becomes_an_image(window):  # noqa: F811
    show(window, "input", "synthesize")
    window.screenshot("a1-empty")
    window.click(window.input.sampleButton)
    window.click(window.results.surfacesCheckBox)
    window.screenshot("a2-sample-head")
    result = window.synthesize()
    assert window.error_text == "" and result.GetName() == "One tumor synthetic"
    assert marks() == {"SYNTHETIC: not for diagnosis"}
    window.screenshot("a3-result")
    window.click(window.results.renderingCheckBox)
    window.screenshot("a4-rendered")


@pytest.mark.skipif(not PATIENT.is_dir(), reason="needs the images in ../shared/data, which are not here")
@needs_dicom
def test_a_patients_tumor_is_moved_in_his_scan_and_the_scan_exported(window, tmp_path):  # noqa: F811
    show(window, "input", "synthesize")
    mri = slicer.util.loadVolume(str(PATIENT / "BTP-01_v1_t1c.nii.gz"))
    window.host.process_events()
    mask = slicer.util.loadVolume(str(PATIENT / "BTP-01_v1_tumor.nii.gz"))
    window.host.process_events()
    assert window.parameters.mri is mri and "contrast agent" in window.results.factsLabel.text
    window.screenshot("b1-loaded")
    window.click(window.input.headButton)
    window.click(window.input.labelsButton)
    (tumor,) = window.widget.segments["tumor"]
    node = window.parameters.segmentation
    old = slicer.util.arrayFromSegmentBinaryLabelmap(node, tumor, mri) > 0
    assert old.sum() == (slicer.util.arrayFromVolume(mask) > 0).sum()
    window.screenshot("b2-head-and-tumor")
    show(window, "lesion_tools")
    window.lesions.moveRSpinBox.value, window.lesions.moveASpinBox.value = 0, 25
    window.lesions.moveSSpinBox.value = 0
    window.click(window.lesions.moveButton)
    new = slicer.util.arrayFromSegmentBinaryLabelmap(node, tumor, mri) > 0
    assert "ml now" in window.lesions.lesionMessage.text and not np.array_equal(old, new)
    assert "taken to show it" not in window.lesions.lesionMessage.text, (
        "a mask of the patient is known to be in the MRI"
    )
    window.screenshot("b3-moved")
    show(window, "synthesize")
    window.click(window.results.keepCheckBox)
    assert "A tumor of" in window.results.originalText.text
    before = slicer.util.arrayFromVolume(mri).copy()
    result = window.synthesize()
    window.screenshot("b4-edited")
    assert window.error_text == ""
    changed = slicer.util.arrayFromVolume(result) != before
    assert changed[old].mean() > 0.5 and changed[new].mean() > 0.5 and changed.mean() < 0.2
    assert np.array_equal(slicer.util.arrayFromVolume(mri), before)
    show(window, "export")
    window.host.dialogs.answer(str(tmp_path))
    window.click(window.widget.panels["export"].ui.dicomButton)
    wait_for_the_end(window)
    assert list(tmp_path.rglob("*.dcm")), window.widget.panels["export"].ui.exportStatus.text
    window.screenshot("b5-exported")


def test_four_samples_are_compared(window):  # noqa: F811
    show(window, "input", "advanced")
    window.click(window.input.sampleButton)
    window.advanced.samplesSpinBox.value = 4
    show(window, "synthesize")
    result = window.synthesize()
    assert result.GetName() == "One tumor synthetic (4 samples)"
    show(window, "compare")
    window.compare.sampleSlider.value = 3
    window.screenshot("c1-third-sample")
    window.choose(window.compare.viewsCombo, "All samples in a grid")
    window.wait(lambda: window.compare.viewsCombo.enabled)
    window.host.wait(lambda: False, 0.3)
    window.screenshot("c2-grid")
    window.click(window.compare.mapsButton)
    window.wait(lambda: window.compare.mapsButton.enabled)
    window.click(window.compare.measureButton)
    assert window.compare.lesionTable.rowCount == 4
    window.screenshot("c3-spread-and-table")


def test_a_reader_study_is_read_over_a_scene_and_leaves_it_as_it_was(window, study, remembered):  # noqa: F811
    show(window, "input")
    window.click(window.input.sampleButton)
    display = window.parameters.segmentation.GetDisplayNode()
    reader = Reader(window)
    reader.start(study)
    assert not display.GetVisibility()
    window.screenshot("d1-first-case")
    while reader.panel.reading.case is not None:
        reader.read()
    window.screenshot("d2-all-read")
    window.click(reader.ui.closeStudyButton)
    assert display.GetVisibility()
    window.screenshot("d3-closed")


def test_a_model_is_trained_and_makes_the_next_image(window, images, recipe, tmp_path, monkeypatch):  # noqa: F811
    import qt

    from MedDDPMSlicer import IMPORTED_MODELS_KEY

    box, run = window.train, tmp_path / "run"
    show(window, "train")
    window.parameters.trainingData, window.parameters.trainingRun = str(images), str(run)
    box.trainStepsSpinBox.value, box.batchSpinBox.value = 3, 1
    window.host.process_events()
    window.click(box.trainButton)
    window.wait(lambda: not window.widget.panels["train"].process.is_running)
    window.screenshot("e1-trained")
    window.click(box.useModelButton)
    try:
        assert Path(window.parameters.model) == run / "model" and "is chosen" in box.trainStatus.text
        window.screenshot("e2-chosen")
        show(window, "input", "synthesize")
        window.click(window.input.sampleButton)
        result = window.synthesize()
        assert window.error_text == ""
        made_by = json.loads((run / "model" / "model.json").read_text(encoding="utf-8"))["name"]
        assert result.GetAttribute("MedDDPM.model") == made_by
        window.screenshot("e3-image-of-the-own-model")
    finally:
        qt.QSettings().remove(IMPORTED_MODELS_KEY)
        window.parameters.model = "tiny"
