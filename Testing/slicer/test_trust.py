"""What a user must see to trust a result rightly: limits, time, contrast, SYNTHETIC, bone. Without a worker."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import model_info
from MedDDPMSlicerLib.mrml import views
from test_window import HEAD_SHAPE, combo, drawn_head, head_volume  # noqa: F401
from window import open_window, packages_are_there  # noqa: F401


def marks():
    layout = slicer.app.layoutManager()
    corners = [layout.sliceWidget(name).sliceView().cornerAnnotation() for name in layout.sliceViewNames()]
    return {corner.GetText(corner.UpperEdge) or "" for corner in corners}


def test_views_that_show_a_synthetic_image_say_so_and_others_do_not(window):
    mri, _node, _ids = drawn_head(window)
    made = head_volume("Made")
    made.SetAttribute("MedDDPM.synthetic", "true")
    window.host.process_events()
    assert marks() == {""}
    views.show(slicer.mrmlScene, made, mri, 1.0)
    assert marks() == {"SYNTHETIC: not for diagnosis"}
    layout = slicer.app.layoutManager()
    corners = [layout.sliceWidget(name).sliceView().cornerAnnotation() for name in layout.sliceViewNames()]
    assert all(corner.GetTextProperty().GetShadow() for corner in corners)  # else unreadable over white
    window.screenshot("66-synthetic-mark")
    views.set_fade(slicer.mrmlScene, 0.0)
    assert marks() == {""}
    views.alone(slicer.mrmlScene, made)
    assert marks() == {"SYNTHETIC: not for diagnosis"}


def test_a_3d_view_says_so_while_it_renders_a_synthetic_image(window):
    mri, _node, _ids = drawn_head(window)
    made = head_volume("Made")
    made.SetAttribute("MedDDPM.synthetic", "true")
    logic = slicer.modules.volumerendering.logic()
    corner = slicer.app.layoutManager().threeDWidget(0).threeDView().cornerAnnotation()
    for volume, mark in ((mri, ""), (made, "SYNTHETIC: not for diagnosis")):
        display = logic.CreateDefaultVolumeRenderingNodes(volume)
        display.SetVisibility(True)
        window.host.process_events()
        assert (corner.GetText(corner.UpperEdge) or "") == mark
    display.SetVisibility(False)
    assert (corner.GetText(corner.UpperEdge) or "") == ""


@pytest.mark.parametrize("tumor", ["Tumor", "Unheard of", None])
def test_a_run_without_a_tumor_asks_where_one_may_be_meant_and_a_no_starts_none(window, tumor):
    import qt

    mri = head_volume()
    drawn = {"Tumor": np.zeros(HEAD_SHAPE, np.uint8), "Unheard of": phantom.tumor_array(HEAD_SHAPE)}
    segments = {"Head": phantom.head_array(HEAD_SHAPE), **({tumor: drawn[tumor]} if tumor else {})}
    window.parameters.mri, window.parameters.segmentation = mri, phantom.segmentation(mri, segments)[0]
    window.host.process_events()
    window.host.dialogs.answer(qt.QMessageBox.No)
    window.click(window.synthesize_button)
    questions = [box.text for box in window.host.dialogs.shown]
    if tumor is None:
        assert questions == [] and window.run.is_active
        window.click(window.cancel_button)
        window.wait(lambda: not window.run.is_active)
    else:
        said = {"Tumor": "Nothing is drawn in “Tumor”", "Unheard of": "“Unheard of” is left out"}[tumor]
        assert len(questions) == 1 and said in questions[0] and not window.run.is_active


def test_the_models_contrast_and_resolution_stand_beside_the_button(window):
    drawn_head(window)
    assert window.results.factsLabel.text.startswith("Untrained: tiny: T1, voxels of 8 mm.")
    assert "contrast agent" not in window.results.factsLabel.text and "GPU" not in window.results.factsLabel.text


def test_a_scan_with_contrast_agent_is_warned_of(window):
    mri, _node, _ids = drawn_head(window)
    mri.SetName("patient_T1c")
    window.parameters.mri = None
    window.parameters.mri = mri
    window.host.process_events()
    assert "with contrast agent" in window.results.factsLabel.text
    window.screenshot("67-contrast-warning")


@pytest.mark.parametrize("name", ["T1c", "sub-01_t1ce", "T1 POST GD", "MPRAGE post contrast", "BRAVO+Gadovist"])
def test_names_of_series_with_contrast_agent_are_known(name):
    assert model_info.looks_contrast_enhanced(name)


@pytest.mark.parametrize("name", ["T1", "MPRAGE sagittal", "T1_MPR_NS_SAG", "Reference", "cet1 flair"])
def test_other_names_are_not_taken_for_it(name):
    assert not model_info.looks_contrast_enhanced(name)


@pytest.fixture
def no_duration_is_known(running_host):
    import qt
    from MedDDPMSlicerLib.panels.synthesize import DURATION_KEY

    qt.QSettings().remove(DURATION_KEY)
    yield
    qt.QSettings().remove(DURATION_KEY)


def test_without_a_gpu_the_time_of_the_last_run_is_said_before_the_click(no_duration_is_known, window):
    from MedDDPMSlicerLib.processes import dependencies

    drawn_head(window)
    setup = window.widget.panels["setup"]
    setup.state = dependencies.State(versions=(("torch", "2.9"),), machine="Linux x86_64")
    window.widget.refresh()
    assert "known after the first" in window.results.factsLabel.text
    window.widget.panels["synthesize"].note_duration(95.0)
    window.widget.refresh()
    assert "about 1 min 35 s an image" in window.results.factsLabel.text


def test_a_lesion_in_the_scalp_is_said(window):
    mri, node, ids = drawn_head(window)
    window.widget.panels["lesion_tools"].widget.collapsed = False
    window.lesions.moveRSpinBox.value, window.lesions.moveSSpinBox.value = 0, 5
    window.click(window.lesions.moveButton)
    assert "bone or scalp" not in window.lesions.lesionMessage.text
    window.lesions.moveRSpinBox.value, window.lesions.moveSSpinBox.value = 85, 0
    window.click(window.lesions.moveButton)
    assert "lies outside the brain" in window.lesions.lesionMessage.text


def test_the_editor_opens_with_the_tumor_selected(window):
    mri, node, ids = drawn_head(window)
    window.widget.panels["edit"].widget.collapsed = False
    window.host.process_events()
    assert window.edit.editor.currentSegmentID() == ids["Tumor"]
    window.edit.editor.setCurrentSegmentID(ids["Head"])
    assert window.edit.editor.currentSegmentID() == ids["Head"]


def test_numbers_with_sides_are_not_cut_off(window):
    import qt

    window.widget.panels["lesion_tools"].widget.collapsed = False
    window.host.process_events()
    for name in ("moveRSpinBox", "moveASpinBox", "moveSSpinBox"):
        box = getattr(window.lesions, name)
        box.value = -199.5
        assert qt.QFontMetrics(box.font).horizontalAdvance(box.text) <= box.width - 4, name


def test_overlaps_are_said_in_millilitres():
    from MedDDPMSlicerLib.mrml import grids, scene

    geometry = grids.NodeGrid((4, 4, 4), np.diag([2.0, 2.0, 2.0, 1.0]))
    mask = scene.Mask(np.zeros((4, 4, 4), np.uint8), geometry, {}, {("Head", "Tumor"): 500})
    assert mask.overlap_text() == "4.0 ml of Head lie in Tumor and count as Tumor."
