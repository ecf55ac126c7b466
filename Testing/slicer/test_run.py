"""Runs by real clicks with the real worker process, on models of random weights: what happens, not how it looks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from test_window import HEAD_SHAPE, drawn_head, head_volume
from window import FIGURES, PATIENCE, LongestBlock, Window, memory_mb, note_figure

MATRIX = phantom.oblique(spacing=(5.0, 5.0, 5.0), origin=(-90.0, -120.0, 100.0))


@pytest.fixture(scope="module")
def opened(running_host, tmp_path_factory):
    """One window for all these tests, so that they share a warm worker."""
    from MedDDPMSlicerLib import paths
    from MedDDPMSlicerLib.processes import dependencies

    folder = tmp_path_factory.mktemp("models")
    program = str(Path(__file__).with_name("tiny_models.py"))
    subprocess.run([sys.executable, program, str(folder)], check=True, cwd=project.ROOT)
    complete = dependencies.State(versions=(("torch", "2.9"),), machine="Linux x86_64")
    patch = pytest.MonkeyPatch()
    patch.setenv("MEDDDPM_MODELS", str(folder))
    patch.setattr(paths, "own_models_folder", lambda: folder)
    patch.setattr(dependencies.Probe, "start", lambda probe: probe._on_state(complete))
    running_host.reset()
    window = Window(running_host)
    yield window
    running_host.unload(window.module.name)
    patch.undo()


@pytest.fixture
def window(host, opened):
    """An empty scene, "tiny" chosen, few steps, no previews unless a test asks for them."""
    opened.parameters.model = "tiny"
    opened.parameters.steps, opened.parameters.samples = 4, 1
    opened.parameters.newSeed = False
    opened.parameters.seed = 5
    opened.parameters.preview = False
    host.process_events()
    yield opened
    assert not opened.run.is_active
    assert not list(Path(slicer.app.temporaryPath).glob("MedDDPM-*")), "a run left its files behind"


def matrix_of(node):
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def start_long_run(window):
    """A run that would take minutes, once it has made some steps."""
    window.parameters.steps, window.parameters.samples = 250, 32
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: "step" in window.status.text or not window.run.is_active)
    assert window.run.is_active, window.error_text
    window.parameters.steps, window.parameters.samples = 4, 1


def worker_pid(window):
    return window.widget.process.ready["pid"]


def test_a_click_makes_an_image_on_the_oblique_left_handed_mri(window):
    mri, node, ids = drawn_head(window)
    before = phantom.state_of(node)
    result = window.synthesize()
    assert window.error_text == ""
    assert result.GetName() == "MRI synthetic"
    assert np.allclose(matrix_of(result), MATRIX) and slicer.util.arrayFromVolume(result).shape == HEAD_SHAPE
    assert result.GetAttribute("MedDDPM.seed") == "5" and result.GetAttribute("MedDDPM.model_sha256")
    assert result.GetAttribute("MedDDPM.steps") == "4" and "not for diagnosis" in result.GetDescription()
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {c.GetBackgroundVolumeID() for c in composites} == {mri.GetID()}
    assert {c.GetForegroundVolumeID() for c in composites} == {result.GetID()}
    assert all(c.GetLinkedControl() for c in composites)
    window.results.fadeSlider.value = 0.25
    assert {round(c.GetForegroundOpacity(), 2) for c in composites} == {0.25}
    assert phantom.state_of(node) == before
    assert "count as Tumor" in window.results.overlapLabel.text


def test_the_same_seed_gives_the_same_image_and_the_worker_stays_warm(window):
    drawn_head(window)
    first = window.synthesize()
    pid, started = worker_pid(window), time.perf_counter()
    second = window.synthesize()
    note_figure("seconds of a second click (tiny model)", round(time.perf_counter() - started, 2))
    assert worker_pid(window) == pid
    assert np.array_equal(slicer.util.arrayFromVolume(first), slicer.util.arrayFromVolume(second))
    window.parameters.seed = 6
    third = window.synthesize()
    assert not np.array_equal(slicer.util.arrayFromVolume(first), slicer.util.arrayFromVolume(third))


def test_an_image_without_a_tumor_is_asked_for_where_a_drawn_segment_is_left_over(window):
    import qt

    mri = head_volume()
    arrays = {"Head": phantom.head_array(HEAD_SHAPE), "Segment_1": phantom.tumor_array(HEAD_SHAPE)}
    window.parameters.mri = mri
    window.parameters.segmentation, _ids = phantom.segmentation(mri, arrays, "Case 1")
    window.host.process_events()
    window.click(window.synthesize_button)
    [asked] = window.host.dialogs.shown
    assert "“Segment_1” is left out" in asked.text and not window.run.is_active and not window.error_text
    window.host.dialogs.answer(qt.QMessageBox.Yes)
    assert window.synthesize() is not None and len(window.host.dialogs.shown) == 2
    window.click(window.input.offerButton)
    assert window.synthesize() is not None and len(window.host.dialogs.shown) == 2


def test_a_new_seed_is_drawn_when_asked_for(window):
    drawn_head(window)
    window.parameters.newSeed = True
    window.synthesize()
    assert window.parameters.seed != 5
    assert window.parameters.result.GetAttribute("MedDDPM.seed") == str(window.parameters.seed)


def test_cancel_stops_within_two_seconds_and_puts_the_views_back(window):
    mri, node, ids = drawn_head(window)
    slicer.util.setSliceViewerLayers(background=mri)
    window.parameters.preview = True
    start_long_run(window)
    window.wait(lambda: window.preview is not None)
    started = time.perf_counter()
    window.click(window.cancel_button)
    window.wait(lambda: not window.run.is_active)
    seconds = time.perf_counter() - started
    note_figure("seconds from Cancel to stopped (tiny model)", round(seconds, 2))
    assert seconds < 2.0
    assert "Cancelled" in window.results.statusLabel.text and window.error_text == ""
    assert not slicer.util.getNodes("*preview*") and not slicer.util.getNodes("*synthetic*")
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {c.GetForegroundVolumeID() for c in composites} <= {None, ""}
    assert window.synthesize() is not None


def test_cancel_while_the_image_is_being_loaded_leaves_nothing(window):
    drawn_head(window)
    window.click(window.synthesize_button)
    while "Loading the image" not in window.status.text:
        assert window.run.is_active, window.error_text
        window.host.process_events()
    window.click_at_once(window.cancel_button)
    assert not window.run.is_active and "Cancelled" in window.results.statusLabel.text
    assert not slicer.util.getNodes("*synthetic*") and not slicer.util.getNodes("*preview*")
    assert window.synthesize() is not None


def test_the_preview_sharpens_in_one_volume_and_the_window_stays_free(window):
    drawn_head(window)
    window.parameters.preview, window.parameters.steps = True, 100
    window.host.process_events()
    names = set()
    window.click(window.synthesize_button)
    with LongestBlock() as block:
        while window.run.is_active:
            names |= {
                node.GetID()
                for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
                if "preview" in node.GetName()
            }
            window.host.process_events()
            time.sleep(0.001)
    note_figure("longest event-loop block of a run, ms (tiny model)", round(block.milliseconds))
    note_figure("most that the GUI computed in one block of a run, ms (tiny model)", round(block.computing))
    assert len(names) == 1 and not slicer.util.getNodes("*preview*")
    assert window.parameters.result is not None


def test_a_killed_worker_is_explained_and_the_next_click_works(window):
    drawn_head(window)
    start_long_run(window)
    os.kill(worker_pid(window), signal.SIGKILL)
    window.wait(lambda: not window.run.is_active)
    assert "ended unexpectedly" in window.error_text and "try again" in window.error_text
    window.screenshot("10-worker-killed")
    assert window.synthesize() is not None and window.error_text == ""


def test_a_deleted_segmentation_ends_the_run_in_words(window):
    mri, node, ids = drawn_head(window)
    start_long_run(window)
    slicer.mrmlScene.RemoveNode(node)
    window.wait(lambda: not window.run.is_active)
    assert "segmentation was deleted" in window.results.statusLabel.text
    drawn_head(window)
    assert window.synthesize() is not None


def test_a_deleted_mri_and_preview_do_not_disturb_the_run(window):
    mri, node, ids = drawn_head(window)
    window.parameters.preview, window.parameters.steps = True, 100
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: window.preview is not None)
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("*preview*"))
    slicer.mrmlScene.RemoveNode(mri)
    window.wait(lambda: not window.run.is_active)
    assert window.error_text == "" and np.allclose(matrix_of(window.parameters.result), MATRIX)


def test_a_closed_scene_ends_the_run_and_the_next_one_works(window):
    drawn_head(window)
    start_long_run(window)
    pid = worker_pid(window)
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert not window.run.is_active and not Path(f"/proc/{pid}").exists()
    assert not slicer.util.getNodes("*synthetic*")
    window.parameters.model, window.parameters.steps = "tiny", 4
    drawn_head(window)
    assert window.synthesize() is not None


def test_a_scene_that_is_loaded_during_a_run_starts_nothing(window, tmp_path):
    drawn_head(window)
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    start_long_run(window)
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(path)
    window.host.process_events()
    assert not window.run.is_active and window.parameters.segmentation.GetName() == "Case 1"


def test_several_images_become_a_sequence(window):
    drawn_head(window)
    window.parameters.samples = 3
    window.synthesize()
    window.parameters.samples = 1
    sequence = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    assert sequence.GetNumberOfDataNodes() == 3
    assert window.parameters.result.GetName() == "MRI synthetic (3 samples)"
    images = [slicer.util.arrayFromVolume(sequence.GetNthDataNode(n)).copy() for n in range(3)]
    assert not np.array_equal(images[0], images[1])


def test_a_result_that_is_chosen_as_output_is_replaced_by_one_image_and_by_several(window):
    drawn_head(window)
    first = window.synthesize()
    window.results.outputSelector.setCurrentNode(first)
    window.parameters.seed, window.parameters.samples = 6, 1
    before = slicer.util.arrayFromVolume(first).copy()
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert window.error_text == "" and window.parameters.result is first
    assert first.GetAttribute("MedDDPM.seed") == "6" and not np.array_equal(slicer.util.arrayFromVolume(first), before)
    made = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "synthetic" in node.GetName()]
    assert made == [first]
    window.parameters.samples = 2
    several = window.synthesize()
    assert not slicer.mrmlScene.IsNodePresent(first) and several.GetName() == "MRI synthetic (2 samples)"
    assert window.results.outputSelector.currentNode() is several, "the next one takes its place again"
    window.parameters.samples = 1
    again = window.synthesize()
    assert again.GetName() == "MRI synthetic"
    for kind in ("vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode"):
        assert not slicer.util.getNodesByClass(kind)


def test_four_modalities_come_in_one_folder(window):
    window.parameters.model = "four"
    mri = head_volume()
    arrays = {"Brain": phantom.head_array(HEAD_SHAPE), "Enhancing tumor": phantom.tumor_array(HEAD_SHAPE)}
    node, ids = phantom.segmentation(mri, arrays, "Case 2")
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.host.process_events()
    window.synthesize()
    assert window.error_text == ""
    names = [n.GetName() for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if "synthetic" in n.GetName()]
    assert sorted(names) == [f"MRI synthetic {m}" for m in ("FLAIR", "T1", "T1ce", "T2")]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    assert hierarchy.GetItemByName("MRI synthetic") != hierarchy.GetInvalidItemID()


def test_the_models_own_grid_can_be_asked_for(window):
    drawn_head(window)
    window.parameters.grid = "model"
    result = window.synthesize()
    window.parameters.grid = "mask"
    assert result.GetSpacing() == pytest.approx((8.0, 8.0, 8.0))
    assert slicer.util.arrayFromVolume(result).shape == (32, 32, 24)


@pytest.mark.parametrize("grid, samples", [("mask", 2), ("model", 1), ("model", 2)])
def test_images_of_a_mask_under_a_transform_lie_under_it_too(window, grid, samples):
    mri, node, ids = drawn_head(window)
    shift = phantom.transform(phantom.oblique()).GetID()
    mri.SetAndObserveTransformNodeID(shift), node.SetAndObserveTransformNodeID(shift)
    window.parameters.grid, window.parameters.samples = grid, samples
    result, window.parameters.grid = window.synthesize(), "mask"
    assert window.error_text == "" and result.GetTransformNodeID() == shift


@pytest.mark.parametrize(
    "name, value, word",
    [
        ("device", "cuda:99", "device"),
        ("sampler", "magic", "sampler"),
        ("model", "no-such-model", "model"),
    ],
)
def test_what_the_worker_refuses_is_shown(window, name, value, word):
    drawn_head(window)
    models = dict(window.widget.models)
    window.widget.models["no-such-model"] = models["tiny"]
    setattr(window.parameters, name, value)
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    window.widget.models = models
    assert word in window.error_text.lower() and not slicer.util.getNodes("*synthetic*")
    window.parameters.device, window.parameters.sampler, window.parameters.model = "", "", "tiny"


def test_a_tumor_outside_the_head_is_said(window):
    mri = head_volume()
    outside = np.zeros(HEAD_SHAPE, np.uint8)
    outside[0:2, 0:2, 0:2] = 1
    node, ids = phantom.segmentation(mri, {"Head": phantom.head_array(HEAD_SHAPE), "Tumor": outside}, "Case 3")
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.host.process_events()
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert "outside" in window.error_text
    window.screenshot("11-tumor-outside")


def test_memory_is_given_back_on_request(window):
    drawn_head(window)
    window.synthesize()
    note_figure("memory of the GUI process, MB", round(memory_mb()))
    note_figure("memory of the worker (tiny model), MB", round(memory_mb(worker_pid(window))))
    window.widget.panels["advanced"].widget.collapsed = False
    window.click(window.advanced.releaseButton)
    window.wait(lambda: any('"released"' in line for line in window.widget.process.log), 20)


@pytest.mark.skipif(not FIGURES, reason="measures, for the documentation's figures (MEDDDPM_FIGURES)")
def test_a_head_of_half_a_millimetre(window):
    """0.5 mm, 256 mm in every direction: time and memory are stated."""
    size = 512
    matrix = np.diag([-0.5, -0.5, 0.5, 1.0])
    matrix[:3, 3] = [128.0, 128.0, -128.0]
    mri = phantom.volume(matrix, (8, 8, 8), "fine")
    slicer.util.updateVolumeFromArray(mri, np.zeros((size,) * 3, np.uint8))
    node, ids = phantom.segmentation(
        mri, {"Head": phantom.head_array((size,) * 3), "Tumor": phantom.tumor_array((size,) * 3)}, "Fine"
    )
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.host.process_events()
    started = time.perf_counter()
    window.click(window.synthesize_button)
    note_figure("512³: ms of the click itself", round(1000 * (time.perf_counter() - started)))
    with LongestBlock() as block:
        window.wait(lambda: not window.run.is_active, 4 * PATIENCE)
    assert window.error_text == ""
    note_figure("512³: seconds from click to image (tiny model)", round(time.perf_counter() - started, 1))
    note_figure("512³: longest event-loop block after the click, ms", round(block.milliseconds))
    note_figure("512³: most that the GUI computed in one block after the click, ms", round(block.computing))
    note_figure("512³: peak memory of the GUI process, MB", round(memory_mb(key="VmHWM")))
    note_figure("512³: peak memory of the worker, MB", round(memory_mb(worker_pid(window), "VmHWM")))
    assert slicer.util.arrayFromVolume(window.parameters.result).shape == (size,) * 3


def test_a_reload_during_a_run_ends_it(window):
    drawn_head(window)
    start_long_run(window)
    pid = worker_pid(window)
    slicer.util.reloadScriptedModule(window.module.name)
    assert not Path(f"/proc/{pid}").exists()
    window.widget = slicer.util.getModuleWidget(window.module.name)
    window.wait(lambda: window.widget.parameters is not None)
    assert not window.run.is_active


def test_leaving_slicer_during_a_run_ends_the_worker(window):
    drawn_head(window)
    start_long_run(window)
    pid = worker_pid(window)
    window.host.quit()
    assert not Path(f"/proc/{pid}").exists()
