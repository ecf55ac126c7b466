"""A patient's tumor that is moved, mirrored or erased: the edit takes it out where it was. By clicks, tiny model."""

import json

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import slicer
import slicer.util
from MedDDPMSlicerLib import pieces, roles
from MedDDPMSlicerLib.mrml import grids, original, scene
from MedDDPMSlicerLib.processes.run import SynthesisRun
from test_edit_run import editing  # noqa: F401
from test_run import opened, window  # noqa: F401
from test_window import HEAD_SHAPE, combo, create_button, drawn_head, head_volume

ROLES = roles.roles_for(roles.WHOLE_HEAD)


def open_box(window, name):  # noqa: F811
    for other in ("setup", "input", "edit", "lesion_tools", "synthesize", "compare"):
        window.widget.panels[other].widget.collapsed = other != name
    window.host.process_events()


def move(window, millimetres):  # noqa: F811
    open_box(window, "lesion_tools")
    window.lesions.moveRSpinBox.value, window.lesions.moveASpinBox.value = millimetres, 0
    window.lesions.moveSSpinBox.value = 0
    window.click(window.lesions.moveButton)
    open_box(window, "synthesize")


def drawn(node, identity, mri):
    return slicer.util.arrayFromSegmentBinaryLabelmap(node, identity, mri) > 0


def changed_by_edit(window, mri):  # noqa: F811
    before = slicer.util.arrayFromVolume(mri).copy()
    result = window.synthesize()
    assert window.error_text == ""
    return slicer.util.arrayFromVolume(result) != before


def test_a_moved_tumor_is_made_anew_at_both_places(editing):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    old = drawn(node, ids["Tumor"], mri)
    assert "A tumor of" in window.results.originalText.text
    move(window, 45)
    new = drawn(node, ids["Tumor"], mri)
    assert not (old & new).any()
    window.screenshot("60-moved-in-patient")
    changed = changed_by_edit(window, mri)
    assert changed[old].mean() > 0.9 and changed[new].mean() > 0.9
    assert "taken out" in window.results.overlapLabel.text
    window.screenshot("61-moved-result")


def test_a_patient_without_a_tumor_keeps_the_place_it_was_moved_from(editing):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    old = drawn(node, ids["Tumor"], mri)
    window.click(window.results.noLesionButton)
    assert "No tumor" in window.results.originalText.text
    move(window, 60)
    changed = changed_by_edit(window, mri)
    assert not changed[old].any() and changed[drawn(node, ids["Tumor"], mri)].mean() > 0.9


def test_an_erased_tumor_leaves_healthy_tissue_even_where_the_head_has_a_hole(editing):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    old = drawn(node, ids["Tumor"], mri)
    head = phantom.head_array(HEAD_SHAPE) & ~old
    slicer.util.updateSegmentBinaryLabelmapFromArray(head, node, ids["Head"], mri)
    node.RemoveSegment(ids["Tumor"])
    window.host.process_events()
    changed = changed_by_edit(window, mri)
    assert changed[old].mean() > 0.9


def test_what_the_mri_shows_is_saved_with_the_scene_and_belongs_to_that_mri(editing, tmp_path):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    remembered = original.millilitres(original.original_of(node, mri))
    move(window, 45)
    other = head_volume("Other")
    window.parameters.mri = other
    window.host.process_events()
    assert original.original_of(node, other) is not original.original_of(node, mri)
    window.parameters.mri = mri
    window.host.process_events()
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(path)
    window.host.process_events()
    node, mri = window.parameters.segmentation, window.parameters.mri
    kept = original.original_of(node, mri)
    assert node.GetName() == "Case 1" and kept is not None and original.millilitres(kept) == remembered > 0
    assert scene.segmentations(slicer.mrmlScene) == [node]
    slicer.mrmlScene.RemoveNode(mri)
    window.host.process_events()
    assert all(
        original.original_of(node, volume) is not kept
        for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    )


def test_another_mri_of_the_patient_is_taken_to_show_the_tumor_where_it_was_before_it_was_moved(editing):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    old = drawn(node, ids["Tumor"], mri)
    move(window, 45)
    window.parameters.mri = other = head_volume("T2")
    window.host.process_events()
    kept = original.original_of(node, other)
    assert np.array_equal(pieces.finished(original.labels(kept, ROLES, grids.geometry_of_volume(other))) > 0, old)
    assert "A tumor of" in window.results.originalText.text
    window.click(window.results.asDrawnButton)
    new = drawn(node, ids["Tumor"], other)
    assert np.array_equal(pieces.finished(original.labels(kept, ROLES, grids.geometry_of_volume(other))) > 0, new)


def test_a_tumor_painted_here_is_taken_to_be_in_the_mri_with_a_word_when_a_tool_first_moves_it(window):  # noqa: F811
    mri, node, ids = drawn_head(window, ("Head",))
    open_box(window, "input")
    window.click(create_button(window, "tumor"))
    (tumor,) = window.widget.segments["tumor"]
    slicer.util.updateSegmentBinaryLabelmapFromArray(phantom.tumor_array(HEAD_SHAPE), node, tumor, mri)
    window.host.process_events()
    assert original.original_of(node, mri) is None
    move(window, 2000)
    assert "outside" in window.lesions.lesionMessage.text and original.original_of(node, mri) is None
    move(window, 30)
    assert "taken to show it" in window.lesions.lesionMessage.text
    assert original.millilitres(original.original_of(node, mri)) > 0
    move(window, 5)
    assert "taken to show it" not in window.lesions.lesionMessage.text


def test_a_tumor_chosen_by_hand_is_remembered_when_it_is_chosen(window):  # noqa: F811
    mri = head_volume()
    arrays = {
        "Head": phantom.head_array(HEAD_SHAPE),
        "Segment_1": phantom.tumor_array(HEAD_SHAPE),
        "Other": phantom.tumor_array(HEAD_SHAPE),
    }
    node, ids = phantom.segmentation(mri, arrays, "Case")
    window.parameters.mri, window.parameters.segmentation = mri, node
    window.host.process_events()
    assert original.original_of(node, mri) is None
    window.choose(combo(window, "tumor"), "Segment_1")
    assert original.millilitres(original.original_of(node, mri)) > 0


def test_a_tumor_that_can_hardly_be_seen_is_said_and_another_seed_tried(editing, monkeypatch):  # noqa: F811
    window, mri, node, ids = editing  # noqa: F811
    open_box(window, "synthesize")
    contrasts = iter([[0.04], [0.31]])
    measured = SynthesisRun._contrasts

    def as_measured(run, made):
        assert len((yield from measured(run, made))) == 1
        return next(contrasts)

    monkeypatch.setattr(SynthesisRun, "_contrasts", as_measured)
    first = window.synthesize()
    assert "differs by 4 %" in window.results.faintLabel.text
    window.screenshot("62-faint-tumor")
    window.click(window.results.anotherSeedButton)
    window.wait(lambda: not window.run.is_active)
    second = window.parameters.result
    assert second is not first and window.error_text == ""
    seeds = [json.loads(volume.GetAttribute("MedDDPM.seed")) for volume in (first, second)]
    assert seeds[0] == 5 != seeds[1] and not window.results.faintLabel.isVisibleTo(window.widget.parent)


def test_contrast_is_that_to_the_tissue_around_counted_from_air(host):
    from MedDDPMSlicerLib.mrml import grids, variants

    mri = head_volume()
    head, tumor = phantom.head_array(HEAD_SHAPE), phantom.tumor_array(HEAD_SHAPE)
    slicer.util.updateVolumeFromArray(mri, 100 + head * np.int16(800) + tumor * np.int16(400))
    mask = scene.Mask(head + tumor, grids.geometry_of_volume(mri), {})
    assert variants.contrast(mri, mask, {2}) == pytest.approx(0.5, abs=0.01)
    assert variants.contrast(mri, mask, {7}) is None
