"""Label schemes: what a segmentation holds, and what is said when it does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import box, head

from MedDDPMCore.base.errors import LabelError, ModelError
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD, LabelScheme, parse_label_mapping
from MedDDPMCore.volumes.volume import Geometry, Volume, reorient


@pytest.fixture
def mask() -> Volume:
    return head(box((4, 4, 4), (180, 220, 200)))


def relabelled(volume: Volume, names: dict[int, str] | None = None, **values: int) -> Volume:
    """The phantom with other values for head and tumor."""
    table = np.array([0, values.get("head", 1), values.get("tumor", 2)], np.int16)
    return Volume(table[volume.array], volume.geometry, names)


def test_a_good_mask_is_reported_by_name_without_warnings(mask):
    report = WHOLE_HEAD.validate(mask)
    assert report.present == {"head": (mask.array == 1).sum(), "tumor": (mask.array == 2).sum()}
    assert report.missing == () and report.warnings == [] and report.notes == []


def test_a_bare_array_is_accepted(mask):
    assert WHOLE_HEAD.validate(mask.array).missing == ()
    assert np.array_equal(WHOLE_HEAD.apply(mask.array), mask.array)


def test_an_empty_segmentation_says_how_to_make_a_head(mask):
    with pytest.raises(LabelError, match="empty") as caught:
        WHOLE_HEAD.validate(np.zeros_like(mask.array))
    assert "medddpm head-mask MRI OUT" in caught.value.hint


def test_no_head_label_says_how_to_make_one_or_map_it(mask):
    with pytest.raises(LabelError, match="no head label") as caught:
        WHOLE_HEAD.validate(np.where(mask.array == 2, 2, 0))
    assert "medddpm head-mask MRI OUT" in caught.value.hint and "--labels head=" in caught.value.hint


def test_no_tumor_is_a_healthy_head_and_a_note(mask):
    report = WHOLE_HEAD.validate(mask.array.clip(0, 1))
    assert report.missing == ("tumor",) and "none will be made" in report.notes[0] and report.warnings == []


def test_unknown_values_are_measured_and_the_way_to_map_them_shown(mask):
    mask.array[25, 25, 20:23] = 7
    with pytest.raises(LabelError, match=r"7 \(0\.2 ml\)") as caught:
        WHOLE_HEAD.validate(mask)
    assert "--labels tumor=7" in caught.value.hint and "head=1" in caught.value.hint


def test_unknown_segments_are_named(mask):
    named = Volume(np.where(mask.array == 2, 5, mask.array), mask.geometry, {1: "Head", 5: "Eye"})
    with pytest.raises(LabelError, match="5 'Eye'"):
        WHOLE_HEAD.validate(named)


def test_a_mapping_translates_other_values(mask):
    other = relabelled(mask, head=10, tumor=300)
    assert np.array_equal(WHOLE_HEAD.apply(other, {"head": 10, "tumour": 300}), mask.array)


def test_labels_left_out_of_a_mapping_keep_their_values(mask):
    assert np.array_equal(WHOLE_HEAD.apply(relabelled(mask, tumor=9), {"tumor": 9}), mask.array)


def test_swapped_values_can_be_mapped(mask):
    assert np.array_equal(WHOLE_HEAD.apply(relabelled(mask, head=2, tumor=1), {"head": 2, "tumor": 1}), mask.array)


def test_several_values_can_be_one_label_and_others_left_out(mask):
    other = relabelled(mask)
    place = tuple(axis[0] for axis in np.nonzero(mask.array == 2))
    other.array[place], other.array[0, 0, 0] = 5, 8
    mapping = parse_label_mapping("tumor=2+5,background=8")
    assert np.array_equal(WHOLE_HEAD.apply(other, mapping), mask.array)


def test_a_mapping_that_contradicts_itself_or_names_nothing_known_is_refused(mask):
    for mapping, text in (({"head": 1, "tumor": 1}, "both"), ({"liver": 1}, "'liver'"), ({"head": 0}, "background")):
        with pytest.raises(LabelError, match=text):
            WHOLE_HEAD.validate(mask, mapping)


def test_segment_names_are_understood_in_any_spelling(mask):
    named = relabelled(mask, {3: "Tumour", 4: "HEAD"}, head=4, tumor=3)
    assert np.array_equal(WHOLE_HEAD.apply(named), mask.array)


def test_segments_without_telling_names_go_by_their_values(mask):
    assert np.array_equal(WHOLE_HEAD.apply(relabelled(mask, {1: "Segment_1", 2: "Segment_2"})), mask.array)


def test_two_segments_of_one_name_are_both_that_label(mask):
    other = relabelled(mask, {1: "head", 2: "lesion", 3: "metastasis"})
    other.array[20:22, 20, 20] = 3
    assert (WHOLE_HEAD.apply(other)[20:22, 20, 20] == 2).all()


def test_a_lesion_outside_the_head_is_refused(mask):
    mask.array[mask.array == 2] = 1
    mask.array[:3, :3, :3] = 2
    with pytest.raises(LabelError, match=r"1\.7 ml\) lies outside the head") as caught:
        WHOLE_HEAD.validate(mask)
    assert "registered" in caught.value.hint


def test_a_lesion_partly_outside_the_head_is_warned_of_and_that_part_left_out(mask):
    mask.array[:3, :3, :3] = 2
    report = WHOLE_HEAD.validate(mask)
    assert "(1.7 ml of" in report.warnings[0] and "left out" in report.warnings[0]
    applied = WHOLE_HEAD.apply(mask)
    assert not applied[:3, :3, :3].any() and (applied == 2).sum() == (mask.array == 2).sum() - 27
    assert (mask.array[:3, :3, :3] == 2).all()


def test_a_lesion_at_the_surface_of_the_head_is_kept_whole():
    mask = head(box((2, 2, 2), (180, 220, 200)), tumor=(0, 0, 72), radius=14)
    mask.array[(mask.array == 2) & (head(mask.geometry, radius=0).array == 0)] = 0
    assert WHOLE_HEAD.validate(mask).warnings == []
    assert np.array_equal(WHOLE_HEAD.apply(mask), mask.array)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SAR", "PIR"])
def test_a_head_cut_by_the_image_border_is_warned_of_by_side_but_a_neck_is_not(axes):
    whole = reorient(head(box((4, 4, 4), (180, 220, 200))), "RAS")
    keep = (slice(10, None), slice(None), slice(None, -15))
    array, frame = whole.array[keep], whole.geometry.direction
    cropped = Volume(array, Geometry(array.shape, (4, 4, 4), tuple(whole.geometry.to_world([0, 0, 10])), frame))
    warnings = WHOLE_HEAD.validate(reorient(cropped, axes)).warnings
    assert len(warnings) == 1 and "at the right:" in warnings[0]


def test_what_is_no_label_array_is_refused():
    for array, text in ((np.full((4, 4, 4), 0.5), "whole numbers"), (np.ones((4, 4), np.uint8), "three dimensions")):
        with pytest.raises(LabelError, match=text):
            WHOLE_HEAD.validate(array)


def test_whole_numbers_stored_as_floats_are_accepted(mask):
    assert np.array_equal(WHOLE_HEAD.apply(mask.array.astype(np.float32)), mask.array)


def test_conditions_are_one_channel_a_label_in_the_published_ranges(mask):
    condition = WHOLE_HEAD.to_condition(mask.array)
    assert condition.shape == (2, *mask.array.shape) and condition.dtype == np.float32
    assert np.array_equal(condition[0], np.where(mask.array == 1, 1, -1))
    assert np.array_equal(condition[1], np.where(mask.array == 2, 1, -1))
    assert BRATS.to_condition(mask.array).shape[0] == 4 and set(np.unique(BRATS.to_condition(mask.array))) == {0, 1}


def brats_case(mask: Volume, enhancing: int, brain: int) -> Volume:
    array = np.where(mask.array == 1, brain, 0)
    lesion = np.flatnonzero(mask.array == 2)
    array.ravel()[lesion] = np.resize([1, 2, enhancing], lesion.size)
    return Volume(array, mask.geometry)


def test_brats_labels_are_four_with_the_brain_as_the_fourth(mask):
    report = BRATS.validate(brats_case(mask, enhancing=3, brain=4))
    assert set(report.present) == {"necrotic_core", "edema", "enhancing_tumor", "brain"}


def test_brats_own_numbering_without_a_brain_is_explained(mask):
    with pytest.raises(LabelError, match="less than twice") as caught:
        BRATS.validate(brats_case(mask, enhancing=4, brain=0))
    assert "--brats-labels 2021" in caught.value.hint and "--mri" in caught.value.hint


def test_brats_own_numbering_can_be_mapped(mask):
    applied = BRATS.apply(brats_case(mask, enhancing=4, brain=5), parse_label_mapping("ET=4,brain=5"))
    assert np.array_equal(applied, brats_case(mask, enhancing=3, brain=4).array)


def test_brats_without_any_brain_says_so(mask):
    with pytest.raises(LabelError, match="no brain label") as caught:
        BRATS.validate(brats_case(mask, enhancing=3, brain=0))
    assert "skull-stripped" in caught.value.hint


def test_mappings_are_parsed():
    assert parse_label_mapping("head=1, tumour = 2") == {"head": 1, "tumor": 2}
    assert parse_label_mapping("tumor=2+3") == {"tumor": (2, 3)}


@pytest.mark.parametrize("text", ["", "head", "head=", "=1", "head=x", "head=1;tumor=2", "head=1,,tumor=2", "head=1.5"])
def test_a_mapping_that_cannot_be_parsed_is_refused_with_the_syntax(text):
    with pytest.raises(LabelError) as caught:
        parse_label_mapping(text)
    assert "head=1,tumor=2" in caught.value.hint


def test_a_label_given_twice_is_refused():
    with pytest.raises(LabelError, match="twice"):
        parse_label_mapping("tumor=1,tumour=2")


def test_schemes_survive_json_and_refuse_nonsense():
    for scheme in (WHOLE_HEAD, BRATS):
        assert LabelScheme.from_dict(scheme.to_dict()) == scheme
    with pytest.raises(ModelError, match="lacks the entry values"):
        LabelScheme.from_dict({"name": "x"})
    with pytest.raises(ModelError, match="channels"):
        LabelScheme.from_dict({**WHOLE_HEAD.to_dict(), "channels": ["skull"]})
    with pytest.raises(ModelError, match="differ"):
        LabelScheme.from_dict({**WHOLE_HEAD.to_dict(), "values": {"head": 1, "tumor": 1}})


def test_the_published_masks_are_accepted(shared):
    for path in sorted((shared / "data" / "med_ddpm_whole_head").glob("*_mask.nii.gz")):
        mask = Volume.read(path, labels=True)
        assert np.array_equal(WHOLE_HEAD.apply(mask), mask.array)
    case = Volume.read(shared / "data" / "brats_case" / "BraTS2021_01306_seg.nii.gz", labels=True)
    assert np.array_equal(BRATS.apply(case), case.array)


@pytest.mark.parametrize(
    "names", [{1: "Left eye", 2: "Right eye"}, {1: "Brain", 2: "Tumor"}, {1: "Head", 2: "No tumor"}]
)
def test_a_name_that_the_file_gives_beats_the_value_and_what_is_not_recognised_is_asked_for(mask, names):
    with pytest.raises(LabelError, match="does not know") as caught:
        WHOLE_HEAD.validate(relabelled(mask, names))
    assert "Say what they are" in caught.value.hint


def test_a_radiotherapy_tumor_is_the_tumor(mask):
    assert np.array_equal(WHOLE_HEAD.apply(relabelled(mask, {1: "Head", 2: "GTVp"})), mask.array)
