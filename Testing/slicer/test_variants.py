"""Several images of one head compared: by their MRML side alone, and by clicks."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import pieces, roles
from MedDDPMSlicerLib.mrml import grids, results, variants, views
from test_lesion_tools import CENTRE, SHAPE, ball, head_with
from test_results import added, written
from window import open_window, packages_are_there  # noqa: F401

from MedDDPMCore.base.errors import LabelError, VolumeError

ROLES = roles.roles_for(roles.WHOLE_HEAD)
MATRIX = phantom.oblique(True, spacing=(3.0, 3.0, 3.0), origin=(-90.0, -110.0, 100.0))


@pytest.fixture(autouse=True)
def empty_scene(host):
    """The host gives every test an empty scene."""


def head_image(brightness=500, lesion=700, seed=0):
    """A head of one brightness in air, with a lesion and a little noise."""
    head, tumor = ball(CENTRE, 28), ball(CENTRE + [8, 0, 0], 5)
    image = np.where(tumor > 0, lesion, np.where(head > 0, brightness, 0)).astype(np.float32)
    return image + np.random.default_rng(seed).normal(0, 3, SHAPE).astype(np.float32) * head


def case(tmp_path, images):
    """The MRI, the segmentation, and the result of a run with these images; returns them and the arrays."""
    mri, node, ids = head_with({"Tumor": ball(CENTRE + [8, 0, 0], 5)})
    slicer.util.updateVolumeFromArray(mri, (head_image(lesion=500) * 2 + 100).astype(np.int16))
    files = [
        results.ResultFile(written(tmp_path, np.rint(array).astype(np.int16), MATRIX, f"{n}.nii.gz"), 20 + n)
        for n, array in enumerate(images)
    ]
    (shown,) = added(files, grids.geometry_of_volume(mri), "Case synthetic", {})
    return mri, node, ids, shown


def test_the_samples_of_a_result_are_found(tmp_path):
    images = [head_image(seed=n) for n in range(3)]
    mri, node, ids, shown = case(tmp_path, images)
    samples = variants.samples_of(slicer.mrmlScene, shown)
    assert [samples.seed(n) for n in range(3)] == ["20", "21", "22"]
    single = variants.samples_of(slicer.mrmlScene, mri)
    assert single.volumes == [mri] and single.browser is None


def test_mean_and_deviation_are_those_of_the_voxels(tmp_path):
    images = [head_image(seed=n, lesion=600 + 50 * n) for n in range(3)]
    mri, node, ids, shown = case(tmp_path, images)
    mean, deviation = pieces.finished(variants.maps(slicer.mrmlScene, variants.samples_of(slicer.mrmlScene, shown)))
    stack = np.stack([np.rint(image) for image in images])
    assert np.allclose(slicer.util.arrayFromVolume(mean), stack.mean(axis=0), atol=1e-3)
    assert np.allclose(slicer.util.arrayFromVolume(deviation), stack.std(axis=0, ddof=1), atol=1e-3)
    assert results.is_synthetic(mean) and results.is_synthetic(deviation)
    first, second = [0.0] * 6, [0.0] * 6
    mean.GetRASBounds(first)
    mri.GetRASBounds(second)
    assert first == pytest.approx(second)


def test_one_image_has_no_mean(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image()])
    with pytest.raises(VolumeError, match="several"):
        pieces.finished(variants.maps(slicer.mrmlScene, variants.samples_of(slicer.mrmlScene, shown)))


def test_the_difference_is_what_the_lesion_added_whatever_the_scanners_range(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image()])
    array = slicer.util.arrayFromVolume(pieces.finished(variants.difference(slicer.mrmlScene, shown, mri)))
    tumor, head = ball(CENTRE + [8, 0, 0], 5) > 0, ball(CENTRE, 26) > 0
    assert array[tumor].mean() == pytest.approx(200, abs=10)
    assert abs(array[head & ~tumor].mean()) < 10 and abs(array[ball(CENTRE, 30) == 0].mean()) < 1


def test_the_difference_of_an_edited_image_is_nothing_where_the_patient_was_kept(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image(lesion=900)])
    tumor = ball(CENTRE + [8, 0, 0], 5) > 0
    slicer.util.updateVolumeFromArray(mri, np.where(tumor, 500, slicer.util.arrayFromVolume(shown)).astype(np.int16))
    array = slicer.util.arrayFromVolume(pieces.finished(variants.difference(slicer.mrmlScene, shown, mri)))
    assert not array[~tumor].any() and array[tumor].mean() == pytest.approx(400, abs=10)


def test_a_checkerboard_takes_turns(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image()])
    array = slicer.util.arrayFromVolume(pieces.finished(variants.checkerboard(slicer.mrmlScene, shown, mri)))
    own = slicer.util.arrayFromVolume(shown)
    tumor = ball(CENTRE + [8, 0, 0], 5) > 0
    taken = np.isclose(array, own, atol=1e-3)
    assert 0.3 < taken[tumor].mean() < 0.7
    assert np.abs(array[ball(CENTRE, 26) > 0] - 500).max() < 260


@pytest.mark.parametrize("spoil", ["grid", "size", "flat"])
def test_an_mri_on_other_voxels_or_without_contrast_is_refused(tmp_path, spoil):
    mri, node, ids, shown = case(tmp_path, [head_image()])
    if spoil == "grid":
        mri.SetSpacing(3.0, 3.0, 2.9)
    elif spoil == "size":
        slicer.util.updateVolumeFromArray(mri, slicer.util.arrayFromVolume(mri)[1:].copy())
    else:
        slicer.util.updateVolumeFromArray(mri, np.zeros(SHAPE, np.int16))
    count = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(VolumeError, match="no contrast" if spoil == "flat" else "same voxels"):
        pieces.finished(variants.difference(slicer.mrmlScene, shown, mri))
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_the_table_holds_volume_and_contrast_of_every_sample(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image(seed=n, lesion=lesion) for n, lesion in enumerate((700, 500))])
    samples = variants.samples_of(slicer.mrmlScene, shown)
    table = variants.measure(slicer.mrmlScene, samples, node, [ids["Tumor"]], [ids["Head"]])
    drawn = ball(CENTRE, 5).sum() * 0.027
    values = [[table.GetTable().GetValue(row, column).ToDouble() for column in range(7)] for row in range(2)]
    assert [value[1] for value in values] == [20, 21]
    assert values[0][2] == pytest.approx(drawn) and values[0][3] == pytest.approx(drawn, rel=0.05)
    assert values[0][6] == pytest.approx(40, abs=1) and values[1][6] == pytest.approx(0, abs=1)


def test_what_cannot_be_measured_is_said(tmp_path):
    mri, node, ids, shown = case(tmp_path, [head_image()])
    samples = variants.samples_of(slicer.mrmlScene, shown)
    with pytest.raises(LabelError, match="no lesion"):
        variants.measure(slicer.mrmlScene, samples, node, [], [ids["Head"]])
    with pytest.raises(LabelError, match="no head around"):
        variants.measure(slicer.mrmlScene, samples, node, [ids["Tumor"]], [])
    node.SetAndObserveTransformNodeID(phantom.transform(np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 900).GetID())
    with pytest.raises(LabelError, match="outside"):
        variants.measure(slicer.mrmlScene, samples, node, [ids["Tumor"]], [ids["Head"]])


def test_the_fill_comes_back_after_the_outlines(tmp_path):
    mri, node, ids = head_with({"Tumor": ball(CENTRE, 5)})
    display, outlines = node.GetDisplayNode(), views.Outlines(slicer.mrmlScene)
    outlines.show(node)
    outlines.show(node)
    assert not display.GetVisibility2DFill()
    outlines.pause()
    assert display.GetVisibility2DFill()
    outlines.resume()
    assert not display.GetVisibility2DFill()
    outlines.restore()
    assert display.GetVisibility2DFill()
    display.SetVisibility2DFill(False)
    outlines.show(node)
    outlines.restore()
    assert not display.GetVisibility2DFill()


@pytest.fixture(name="compared")
def a_window_with_samples(window, tmp_path):
    images = [head_image(seed=n, lesion=600 + 60 * n) for n in range(3)]
    mri, node, ids, shown = case(tmp_path, images)
    p = window.parameters
    p.mri, p.segmentation, p.result = mri, node, shown
    window.widget.panels["compare"].widget.collapsed = False
    window.widget.panels["input"].widget.collapsed = True
    views.show(slicer.mrmlScene, shown, mri, 1.0)
    window.host.process_events()
    return window, mri, node, ids, shown


def test_samples_are_scrolled_with_the_slider(compared):
    window, mri, node, ids, shown = compared
    seen = []
    for number in (1, 2, 3):
        window.compare.sampleSlider.value = number
        window.host.process_events()
        seen.append(shown.GetAttribute("MedDDPM.seed"))
        assert f"{number} of 3, seed {19 + number}" in window.compare.sampleLabel.text
    assert seen == ["20", "21", "22"]


def test_views_are_chosen_and_put_back(compared):
    window, mri, node, ids, shown = compared
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    before = layout.GetViewArrangement()
    slices = {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")}
    for node in slices.values():
        node.RotateToVolumePlane(mri)  # planes that have no name

    def plane(name):
        return slicer.util.arrayFromVTKMatrix(slices[name].GetSliceToRAS())[:3, :3].copy()

    yellow = plane("Yellow")

    def backgrounds():
        nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        return {n.GetLayoutName(): slicer.mrmlScene.GetNodeByID(n.GetBackgroundVolumeID()).GetName() for n in nodes}

    def foregrounds():
        nodes = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        return {slicer.mrmlScene.GetNodeByID(n.GetForegroundVolumeID()).GetName() for n in nodes}

    window.choose(window.compare.viewsCombo, "Side by side")
    assert layout.GetViewArrangement() == layout.SlicerLayoutSideBySideView
    assert backgrounds()["Red"] == mri.GetName() and backgrounds()["Yellow"] == shown.GetName()
    assert np.allclose(plane("Yellow"), plane("Red"))
    window.screenshot("41-side-by-side")
    window.choose(window.compare.viewsCombo, "Checkerboard")
    window.wait(lambda: window.compare.viewsCombo.enabled)
    assert set(backgrounds().values()) == {f"{shown.GetName()} checkerboard"}
    window.screenshot("42-checkerboard")
    window.choose(window.compare.viewsCombo, "Difference map")
    window.wait(lambda: window.compare.viewsCombo.enabled)
    assert set(backgrounds().values()) == {mri.GetName()} and foregrounds() == {f"{shown.GetName()} difference"}
    assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(slicer.util.getNode("*difference")).GetVisibility()
    window.screenshot("42-difference")
    window.choose(window.compare.viewsCombo, "Fade between MRI and synthetic image")
    assert set(backgrounds().values()) == {mri.GetName()}
    assert layout.GetViewArrangement() == before and np.allclose(plane("Yellow"), yellow)


def test_nothing_of_an_earlier_result_stays_beside_a_new_one(compared):
    window, mri, node, ids, shown = compared
    layout = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    before = layout.GetViewArrangement()
    window.choose(window.compare.viewsCombo, "Side by side")
    window.click(window.compare.measureButton)
    assert window.compare.lesionTable.isVisibleTo(window.widget.parent)
    other = phantom.volume(MATRIX, SHAPE, "Other")
    other.SetAttribute("MedDDPM.synthetic", "true")
    window.parameters.result = other
    window.host.process_events()
    assert not window.compare.lesionTable.isVisibleTo(window.widget.parent) and not window.compare.compareMessage.text
    assert window.compare.viewsCombo.currentText == "Fade between MRI and synthetic image"
    assert layout.GetViewArrangement() == before and views.is_shown(slicer.mrmlScene, other)


def test_maps_and_table_come_by_clicks(compared):
    window, mri, node, ids, shown = compared
    window.click(window.compare.measureButton)
    assert window.compare.lesionTable.rowCount == 4 and window.compare.lesionTable.item(3, 0).text() == "MRI"
    assert float(window.compare.lesionTable.item(2, 6).text()) > float(window.compare.lesionTable.item(0, 6).text())
    assert slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLTableNode").GetNumberOfRows() == 4
    window.click(window.compare.mapsButton)
    window.wait(lambda: window.compare.mapsButton.enabled)
    assert slicer.util.getNodes("*mean") and slicer.util.getNodes("*SD")
    window.screenshot("43-maps-and-table")


def test_without_an_mri_there_is_the_image_alone_and_a_grid_of_the_samples(compared):
    window, mri, node, ids, shown = compared
    window.parameters.mri = None
    window.host.process_events()
    combo = window.compare.viewsCombo
    assert [combo.itemText(n) for n in range(combo.count)] == ["The image alone", "All samples in a grid"]
    layout, before = slicer.app.layoutManager(), slicer.app.layoutManager().layout
    display = node.GetDisplayNode()
    window.choose(combo, "All samples in a grid")
    window.wait(lambda: combo.enabled)
    assert layout.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView and not display.GetVisibility2D()
    montage = slicer.util.getNode("*side by side")
    (k, j, i), array = SHAPE, slicer.util.arrayFromVolume(montage)
    samples = variants.samples_of(slicer.mrmlScene, shown).volumes
    assert array.shape == (k, 2 * j, 2 * i) and results.is_synthetic(montage)
    assert np.array_equal(array[:, j:, :i], slicer.util.arrayFromVolume(samples[2]))
    assert "seeds 20, 21, 22" in window.compare.compareMessage.text
    window.screenshot("44-grid-of-samples")
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartSaveEvent)
    assert display.GetVisibility2D(), "outlines are not saved as hidden"
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndSaveEvent)
    assert not display.GetVisibility2D()
    window.choose(combo, "The image alone")
    assert layout.layout == before and display.GetVisibility2D()
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {n.GetBackgroundVolumeID() for n in composites} == {shown.GetID()}
    window.click(window.compare.measureButton)
    assert window.compare.lesionTable.rowCount == 3


def test_an_mri_of_other_voxels_is_said_in_the_window(compared):
    window, mri, node, ids, shown = compared
    mri.SetSpacing(3.0, 3.0, 2.9)
    window.choose(window.compare.viewsCombo, "Difference map")
    window.wait(lambda: window.compare.viewsCombo.enabled)
    assert "same voxels" in window.compare.compareMessage.text


def test_deleted_results_and_a_closed_scene_leave_an_empty_box(compared):
    window, mri, node, ids, shown = compared
    window.choose(window.compare.viewsCombo, "Difference map")
    slicer.mrmlScene.Clear(False)
    window.host.process_events()
    assert not window.compare.mapsButton.enabled and not window.compare.viewsCombo.enabled
    assert not slicer.util.getNodes("*difference*")
