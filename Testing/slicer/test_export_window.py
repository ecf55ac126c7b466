"""The Export box by clicks: DICOM studies and data sets, by the real command line on a model of random weights."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import SimpleITK
import slicer
import slicer.util
from test_window import HEAD_SHAPE, drawn_head, head_volume
from window import open_window, packages_are_there  # noqa: F401

needs_dicom = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import pydicom, highdicom"], capture_output=True).returncode != 0,
    reason="needs pydicom and highdicom",
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model that runs, in a folder."""
    folder = tmp_path_factory.mktemp("models")
    program = str(Path(__file__).with_name("tiny_models.py"))
    subprocess.run([sys.executable, program, str(folder)], check=True, cwd=project.ROOT)
    return folder


@pytest.fixture
def box(window, tiny, monkeypatch):
    monkeypatch.setenv("MEDDDPM_MODELS", str(tiny))
    window.widget.panels["export"].widget.collapsed = False
    window.parameters.model, window.parameters.steps = "tiny", 2
    window.host.process_events()
    yield window.widget.panels["export"].ui
    assert not list(Path(slicer.app.temporaryPath).glob("MedDDPM-export-*")), "an export left its files behind"


def synthetic_volume(segmentation=None, name="Else Mueller synthetic (tiny, seed 5)"):
    """A result as a run leaves it in the scene; segmentation: what it was made of."""
    from MedDDPMSlicerLib import pieces, roles
    from MedDDPMSlicerLib.mrml import drawn, results, scene

    node = head_volume(name)
    ramp = np.arange(slicer.util.arrayFromVolume(node).size) % 1000
    slicer.util.updateVolumeFromArray(node, ramp.reshape(slicer.util.arrayFromVolume(node).shape).astype(np.int16))
    facts = {"model": "tiny", "model_sha256": "ab" * 32, "seed": "5", "modality": "T1", "steps": "2"}
    if segmentation is not None:
        known = roles.roles_for(roles.WHOLE_HEAD)
        mask = scene.build_mask(segmentation, known, scene.find_segments(segmentation, known), node)
        facts[drawn.KEY] = pieces.finished(drawn.note_of(mask))
    results.set_provenance(node, "", {**facts, "sampler": "ddpm", "segmentation": "Else Mueller"})
    return node


def wait_for_the_end(window):
    window.wait(lambda: not window.widget.panels["export"].is_busy)
    window.host.process_events()


@needs_dicom
def test_a_synthetic_volume_and_its_mask_become_a_dicom_study_by_clicks(window, box, tmp_path):
    import pydicom

    assert not box.dicomButton.enabled
    _mri, node, _ids = drawn_head(window)
    assert not box.dicomButton.enabled, "an MRI of a patient is no synthetic image"
    result = synthetic_volume(node)
    box.exportSelector.setCurrentNode(result)
    window.host.process_events()
    assert window.parameters.result is result
    for expected in ("MedDDPM-tiny-seed5-DICOM", "MedDDPM-tiny-seed5-DICOM-2"):
        window.host.dialogs.answer(str(tmp_path))
        window.click(box.dicomButton)
        assert not box.dicomButton.enabled
        wait_for_the_end(window)
        assert str(tmp_path / expected) in box.exportStatus.text, box.exportStatus.text
    window.screenshot("40-dicom-export")
    out = tmp_path / "MedDDPM-tiny-seed5-DICOM"
    for path in out.rglob("*.dcm"):
        assert "Mueller" not in str(pydicom.dcmread(path))
    seg = pydicom.dcmread(out / "SEG" / "mask.dcm")
    assert [segment.SegmentLabel for segment in seg.SegmentSequence] == ["head", "tumor"]
    assert pydicom.dcmread(out / "MR" / "0001.dcm").ImageComments.startswith("SYNTHETIC T1 image")

    # Slicer's reader finds each voxel where it was
    storage, read = slicer.vtkMRMLVolumeArchetypeStorageNode(), slicer.vtkMRMLScalarVolumeNode()
    files = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(out / "MR"))
    storage.SetFileName(files[0])
    for file in files:
        storage.AddFileName(file)
    storage.SetSingleFile(0)
    assert storage.ReadData(read)
    result, matrix = window.parameters.result, slicer.util.vtkMatrixFromArray(np.eye(4))
    result.GetRASToIJKMatrix(matrix)
    to_index = slicer.util.arrayFromVTKMatrix(matrix).copy()
    read.GetIJKToRASMatrix(matrix)
    to_ras = slicer.util.arrayFromVTKMatrix(matrix).copy()
    array, original = slicer.util.arrayFromVolume(read), slicer.util.arrayFromVolume(result)
    k, j, i = np.indices(array.shape).reshape(3, -1)
    index = np.rint(to_index @ to_ras @ np.stack([i, j, k, np.ones_like(i)])).astype(int)
    assert np.array_equal(array.ravel(), original[index[2], index[1], index[0]])


@needs_dicom
def test_an_image_is_not_exported_with_a_tumor_that_was_moved_since_it_was_made(window, box, tmp_path):
    mri, node, ids = drawn_head(window)
    window.parameters.result = synthetic_volume(node)
    moved = np.roll(phantom.tumor_array(HEAD_SHAPE), 3, axis=2)
    slicer.util.updateSegmentBinaryLabelmapFromArray(moved, node, ids["Tumor"], mri)
    window.host.process_events()
    window.host.dialogs.answer(str(tmp_path))
    window.click(box.dicomButton)
    wait_for_the_end(window)
    assert "not made of “Case 1” as it is now" in box.exportStatus.text and not list(tmp_path.glob("*DICOM"))
    for ticked in (False, True):
        if ticked:
            original = phantom.tumor_array(HEAD_SHAPE)
            slicer.util.updateSegmentBinaryLabelmapFromArray(original, node, ids["Tumor"], mri)
        box.exportMaskCheckBox.checked = ticked
        window.host.dialogs.answer(str(tmp_path))
        window.click(box.dicomButton)
        wait_for_the_end(window)
        assert "Ended" in box.exportStatus.text, box.exportStatus.text
    assert len(list(tmp_path.rglob("SEG"))) == 1


@needs_dicom
def test_what_cannot_be_exported_is_said_and_nothing_starts(window, box, tmp_path):
    volume = synthetic_volume()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    window.parameters.result = volume
    window.host.process_events()
    window.host.dialogs.answer(str(tmp_path))
    window.click(box.dicomButton)
    assert "transform" in box.exportStatus.text and list(tmp_path.glob("*DICOM")) == []


def lacking(monkeypatch, **versions):
    """These packages are not there, or in these versions."""
    from importlib import metadata

    version = metadata.version

    def pretend(name):
        if name not in versions:
            return version(name)
        if not versions[name]:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", pretend)


def test_missing_packages_for_dicom_are_installed_on_consent_alone(window, box, monkeypatch):
    import qt

    lacking(monkeypatch, highdicom="", pydicom="2.4.4")
    window.parameters.result = synthetic_volume()
    window.host.process_events()
    window.host.dialogs.answer(qt.QMessageBox.Cancel)
    window.click(box.dicomButton)
    question = window.host.dialogs.shown[-1].text
    assert "highdicom" in question and "pydicom 2.4.4" in question and "restarted" in question
    assert window.host.installs == []
    window.host.dialogs.answer(qt.QMessageBox.Ok)
    window.click(box.dicomButton)
    window.wait(lambda: "there now" in box.exportStatus.text)
    (asked,) = window.host.installs
    assert {"highdicom>=0.25", "pydicom>=3.0"} <= set(asked)


def test_a_failed_installation_for_dicom_is_said_in_the_box(window, box, monkeypatch):
    import qt

    lacking(monkeypatch, highdicom="")
    window.parameters.result = synthetic_volume()
    window.host.process_events()
    window.host.pip.answer(errors=["ERROR: Could not find a version that satisfies the requirement highdicom>=0.25"])
    window.host.dialogs.answer(qt.QMessageBox.Ok)
    window.click(box.dicomButton)
    window.wait(lambda: "could not be installed" in box.exportStatus.text)
    assert "Could not find a version" in box.exportStatus.text and box.dicomButton.enabled


def test_nothing_is_installed_for_dicom_in_testing_mode(window, box, monkeypatch):
    lacking(monkeypatch, highdicom="")
    window.parameters.result = synthetic_volume()
    window.host.process_events()
    window.host.testing(True)
    window.click(box.dicomButton)
    assert window.host.installs == []


def test_the_scenes_segmentations_become_a_data_set_by_clicks(window, box, tmp_path):
    from MedDDPMSlicerLib.mrml import choices

    mri, node, ids = drawn_head(window)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty one")
    node.GetSegmentation().GetSegment(ids["Tumor"]).SetName("Segment_2")
    choices.choose_segment(node, "tumor", ids["Tumor"])
    arrays = {"Head": phantom.head_array(HEAD_SHAPE), "Segment_7": phantom.tumor_array(HEAD_SHAPE)}
    phantom.segmentation(mri, arrays, "Not said")
    window.parameters.exportSamples = 1
    window.choose(box.layoutCombo, "BIDS")
    out = tmp_path / "data"
    out.mkdir()
    window.host.dialogs.answer(str(out))
    window.click(box.datasetButton)
    assert box.exportStopButton.enabled and not box.datasetButton.enabled
    wait_for_the_end(window)
    assert "2 cases" in box.exportStatus.text and "Empty one" in box.exportStatus.text, box.exportStatus.text
    assert box.exportProgress.value == 100
    window.screenshot("41-dataset")
    assert len(list(out.glob("sub-*/anat/*_T1w.nii.gz"))) == 2 and (out / "SHA256SUMS").is_file()
    assert "left out of “Not said”: “Segment_7”" in box.exportStatus.text and "Segment_2" not in box.exportStatus.text
    masks = [SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)) for path in out.rglob("*_dseg.nii.gz")]
    assert sorted(mask.max() for mask in masks) == [1, 2], "a tumor chosen by hand is in its mask"


def test_stop_keeps_whole_images_and_the_next_click_goes_on(window, box, tmp_path):
    from MedDDPMSlicerLib import roles
    from MedDDPMSlicerLib.mrml import scene

    masks, out = tmp_path / "masks", tmp_path / "data"
    masks.mkdir()
    out.mkdir()
    (_mri, node, _ids), known = drawn_head(window), roles.roles_for(roles.WHOLE_HEAD)
    mask = scene.build_mask(node, known, scene.find_segments(node, known))
    for _piece in scene.write_mask(mask, str(masks / "a.nrrd")):
        pass
    window.host.dialogs.answer(str(masks))
    window.click(box.masksButton)
    window.parameters.exportSamples, window.parameters.steps = 500, 10
    window.host.dialogs.answer(str(out))
    window.click(box.datasetButton)
    window.wait(lambda: "Image 2 of 500" in box.exportStatus.text)
    window.click(box.exportStopButton)
    wait_for_the_end(window)
    made = len(list((out / "labelsTr").iterdir()))
    assert json.loads((out / "dataset.json").read_text())["numTraining"] == made >= 1
    window.parameters.exportSamples = made + 1
    window.host.dialogs.answer(str(out))
    window.click(box.datasetButton)
    wait_for_the_end(window)
    assert f"1 made, {made} there before" in box.exportStatus.text


def test_stop_while_masks_are_still_written_starts_nothing(window, box, tmp_path):
    drawn_head(window)
    window.host.dialogs.answer(str(tmp_path))
    window.click_at_once(box.datasetButton)
    assert not window.widget.panels["export"].process.is_running, "the masks are written first, in pieces"
    window.click_at_once(box.exportStopButton)
    window.host.process_events()
    assert not window.widget.panels["export"].is_busy and box.exportStatus.text == "Stopped."


def test_a_scene_closed_while_masks_are_written_starts_nothing(window, box, tmp_path):
    drawn_head(window)
    window.host.dialogs.answer(str(tmp_path))
    window.click_at_once(box.datasetButton)
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert not window.widget.panels["export"].is_busy


def test_leaving_slicer_ends_an_export(window, box, tmp_path):
    drawn_head(window)
    window.parameters.exportSamples = 500
    window.host.dialogs.answer(str(tmp_path))
    window.click(box.datasetButton)
    process = window.widget.panels["export"].process
    window.wait(lambda: process.is_running)
    pid = process._transport.process_id()
    window.host.quit()
    assert not process.is_running and not Path(f"/proc/{pid}").exists()


def test_a_failure_is_said_in_words(window, box, tmp_path):
    window.parameters.exportMasks = str(tmp_path / "nowhere")
    window.host.process_events()
    window.host.dialogs.answer(str(tmp_path))
    window.click(box.datasetButton)
    wait_for_the_end(window)
    assert "did not work" in box.exportStatus.text and "nowhere" in box.exportStatus.text
