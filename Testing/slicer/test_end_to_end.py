"""From an empty scene to an MRI with the bundled model, by clicks; the pictures and figures of the documentation."""

import time

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import SimpleITK
import slicer
import slicer.util
from test_window import combo, create_button
from window import (
    FIGURES,
    PATIENCE,
    SCREENSHOTS,
    LongestBlock,
    Window,
    memory_mb,
    note_figure,
    packages_are_there,  # noqa: F401
)

BUNDLED = project.CORE_FOLDER / "Resources" / "models" / "default" / "model.json"
FOR_THE_PAGES = bool(FIGURES or SCREENSHOTS)
"""Whether this run makes the documentation's figures and pictures, at the model's own steps; a test needs few."""
needs_the_bundled_model = pytest.mark.skipif(not BUNDLED.is_file(), reason="the bundled model is not there yet")


@pytest.fixture
def first_window(host):
    """The window as a user first sees it: what is installed is looked for in a process of its own."""
    window = Window(host)
    yield window
    host.unload(window.module.name)


@pytest.fixture
def window(packages_are_there, first_window):  # noqa: F811
    return first_window


def test_a_sample_head_is_found_in_sample_data_and_in_the_window(window):
    import SampleData

    names = [source.sampleName for source in SampleData.SampleDataLogic.sampleDataSourcesByCategory("MedDDPM")]
    assert "One tumor" in names
    window.choose(window.input.sampleCombo, "Metastases")
    window.click(window.input.sampleButton)
    assert window.parameters.segmentation.GetName() == "Metastases"


def test_the_modules_own_test_passes(window):
    slicer.selfTests[window.module.name]()


@needs_the_bundled_model
def test_two_clicks_from_an_empty_scene_to_an_mri(first_window):
    import MedDDPMCore.anatomy.head as head
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.volume import Volume

    window = first_window
    assert window.widget.panels["setup"].state.is_complete
    window.screenshot("20-empty-scene")
    window.parameters.newSeed, window.parameters.seed = False, 3
    window.parameters.steps = 0 if FOR_THE_PAGES else 6
    window.choose(window.input.sampleCombo, "One tumor")
    window.click(window.input.sampleButton)
    show_in_3d(window)
    window.screenshot("21-sample-head")
    started, preview, later = time.perf_counter(), None, False
    window.click(window.synthesize_button)
    with LongestBlock() as block:
        while window.run.is_active and time.perf_counter() - started < PATIENCE:
            window.host.process_events()
            time.sleep(0.001)
            if preview is None and window.preview is not None:
                preview = time.perf_counter() - started
                window.screenshot("22-preview")
                block.leave_out()
            if not later and window.status.percent >= 60:
                window.screenshot("23-later-preview")
                block.leave_out()
                later = True
    assert window.error_text == "" and not window.run.is_active
    note_figure("clicks from an empty scene to an MRI", 2)
    note_figure("seconds from the click to the first preview", round(preview, 1))
    note_figure("seconds from the click to the image", round(time.perf_counter() - started, 1))
    note_figure("longest event-loop block of that run, ms", round(block.milliseconds))
    note_figure("most that the GUI computed in one block of that run, ms", round(block.computing))
    note_figure("memory of the GUI process, MB", round(memory_mb()))
    note_figure("peak memory of the worker, MB", round(memory_mb(window.widget.process.ready["pid"], "VmHWM")))
    window.screenshot("24-result")
    result, segmentation = window.parameters.result, window.parameters.segmentation
    canvas = window.edit.editor.sourceVolumeNode()
    array = slicer.util.arrayFromVolume(result)
    assert array.shape == slicer.util.arrayFromVolume(canvas).shape
    (identity,) = window.widget.segments["head"]
    drawn = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, identity, canvas)
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    result.GetIJKToRASMatrix(matrix)
    geometry = Geometry.from_affine_ras(slicer.util.arrayFromVTKMatrix(matrix), array.shape)
    made = head.head_mask(Volume(array, geometry)).array > 0
    dice = 2 * (made & (drawn > 0)).sum() / (made.sum() + (drawn > 0).sum())
    note_figure("Dice of the made head and the drawn one", round(float(dice), 3))
    assert dice > 0.8
    started = time.perf_counter()
    window.click(window.synthesize_button)
    window.wait(lambda: window.status.percent > 0)
    note_figure("seconds to the first step of a second, warm click", round(time.perf_counter() - started, 1))
    started = time.perf_counter()
    window.click(window.cancel_button)
    window.wait(lambda: not window.run.is_active)
    note_figure("seconds from Cancel to stopped", round(time.perf_counter() - started, 2))
    window.screenshot("25-cancelled")


@needs_the_bundled_model
def test_a_synthetic_patient_gets_a_lesion_on_the_other_side_and_keeps_the_rest(window):
    """An image made here serves as the patient's MRI: its lesion is mirrored, and only there is it made anew."""
    window.parameters.steps = 6 if FOR_THE_PAGES else 2
    window.parameters.newSeed, window.parameters.seed = False, 3
    window.choose(window.input.sampleCombo, "One tumor")
    window.click(window.input.sampleButton)
    patient = window.synthesize()
    assert window.error_text == ""
    patient.SetName("Patient")
    window.parameters.mri = patient
    show_in_3d(window)
    for name in ("setup", "input", "synthesize"):
        window.widget.panels[name].widget.collapsed = True
    window.widget.panels["lesion_tools"].widget.collapsed = False
    window.click(window.lesions.mirrorButton)
    window.widget.show_source()
    window.screenshot("28-lesion-mirrored")
    window.widget.panels["lesion_tools"].widget.collapsed = True
    window.widget.panels["synthesize"].widget.collapsed = False
    window.click(window.results.keepCheckBox)
    before = slicer.util.arrayFromVolume(patient).copy()
    edited = window.synthesize()
    assert window.error_text == ""
    window.screenshot("29-edited-patient")
    changed = slicer.util.arrayFromVolume(edited) != before
    note_figure("share of the patient's voxels that an edit changed, %", round(100 * float(changed.mean()), 2))
    assert 0 < changed.mean() < 0.2
    window.widget.panels["synthesize"].widget.collapsed = True
    window.widget.panels["compare"].widget.collapsed = False
    window.click(window.compare.measureButton)
    window.choose(window.compare.viewsCombo, "Side by side")
    window.host.wait(lambda: False, 0.3)
    window.screenshot("30-compared-side-by-side")
    window.choose(window.compare.viewsCombo, "Difference map")
    window.wait(lambda: window.compare.viewsCombo.enabled)
    window.host.wait(lambda: False, 0.3)
    window.screenshot("31-compared-difference")


@needs_the_bundled_model
def test_an_mri_gets_a_head_a_painted_tumor_and_a_synthetic_twin(window):
    """The whole way with an MRI, on an oblique left-handed grid."""
    mri = _an_mri()
    window.parameters.mri = mri
    window.host.process_events()
    window.click(window.input.headButton)
    window.click(create_button(window, "tumor"))
    segmentation = window.parameters.segmentation
    (tumor,) = window.widget.segments["tumor"]
    window.edit.editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(phantom.tumor_array(_shape(mri)), segmentation, tumor, mri)
    window.screenshot("26-mri-with-head-and-tumor")
    window.widget.panels["edit"].widget.collapsed = True
    window.parameters.steps = 4 if FOR_THE_PAGES else 1
    window.host.process_events()
    result = window.synthesize()
    assert window.error_text == ""
    window.results.fadeSlider.value = 0.5
    window.screenshot("27-fade")
    first, second = [0.0] * 6, [0.0] * 6
    mri.GetRASBounds(first)
    result.GetRASBounds(second)
    assert first == pytest.approx(second)
    assert combo(window, "tumor").currentText.startswith("Find") or combo(window, "tumor").currentText.startswith(
        "Found"
    )


@needs_the_bundled_model
def test_the_window_stays_free_on_an_mri_of_one_millimetre(window):
    """256 voxels of 1 mm in every direction, with previews."""
    window.parameters.steps = 0 if FOR_THE_PAGES else 2
    shape = (256,) * 3
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0])
    matrix[:3, 3] = [128.0, 128.0, -128.0]
    mri = phantom.volume(matrix, (8, 8, 8), "MRI")
    slicer.util.updateVolumeFromArray(mri, phantom.head_array(shape).astype(np.int16) * 700)
    segments = {"Head": phantom.head_array(shape), "Tumor": phantom.tumor_array(shape)}
    window.parameters.mri = mri
    window.parameters.segmentation, _ = phantom.segmentation(mri, segments, "Case")
    window.host.process_events()
    started = time.perf_counter()
    window.click(window.synthesize_button)
    clicked = time.perf_counter() - started
    with LongestBlock() as block:
        window.wait(lambda: not window.run.is_active)
    assert window.error_text == "" and _shape(window.parameters.result) == shape
    note_figure("256³: ms of the click itself", round(1000 * clicked))
    note_figure("256³: longest event-loop block after the click, ms", round(block.milliseconds))
    note_figure("256³: most that the GUI computed in one block after the click, ms", round(block.computing))
    note_figure("256³: seconds from the click to the image", round(time.perf_counter() - started, 1))
    assert block.milliseconds < 1000  # seconds of reading and unpacking came in one piece once


def show_in_3d(window):
    """As the Segment Editor's button "Show 3D" does."""
    window.parameters.segmentation.CreateClosedSurfaceRepresentation()
    slicer.util.resetThreeDViews()


def _shape(node):
    return slicer.util.arrayFromVolume(node).shape


def _an_mri():
    """A smooth ellipsoid "head" with an inner brighter one, on an oblique left-handed 3 mm grid."""
    shape = (64, 80, 72)
    outer, inner = phantom.head_array(shape), np.zeros(shape, np.float32)
    core = phantom.head_array(tuple(size - 16 for size in shape))
    inner[8:-8, 8:-8, 8:-8] = core
    image = SimpleITK.GetImageFromArray(outer.astype(np.float32) * 300 + inner * 400)
    smooth = SimpleITK.GetArrayFromImage(SimpleITK.SmoothingRecursiveGaussian(image, 1.0))
    node = phantom.volume(phantom.oblique(spacing=(3.0, 3.0, 3.0), origin=(-100.0, -120.0, 90.0)), shape, "Patient MRI")
    slicer.util.updateVolumeFromArray(node, smooth.astype(np.int16))
    return node
