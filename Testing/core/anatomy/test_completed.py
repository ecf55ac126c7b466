"""A tumour mask alone, and the patient's MRI: whose head becomes the mask's."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from phantoms import box, centre_of_mass, head, world

from MedDDPMCore.anatomy.completed import completed, head_with_tumor, tumor_in
from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.base.errors import LabelError, VolumeError
from MedDDPMCore.volumes.brats import NUMBERINGS, brats_mapping, numbering_of
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD
from MedDDPMCore.volumes.volume import Geometry, Volume

ROOM = box((5, 5, 5), (190, 230, 220))
TRUE = head(ROOM)
SEEN: dict[int, Volume] = {}


@cache
def mri(semi_axes=(70.0, 90.0, 80.0)) -> Volume:
    phantom = head(ROOM, semi_axes=semi_axes)
    noise = np.random.default_rng(0).normal(0, 5, phantom.array.shape)
    return Volume((np.choose(phantom.array, (0, 300, 450)) + noise).astype(np.float32), ROOM)


@pytest.fixture(autouse=True)
def each_head_is_looked_for_once(monkeypatch):
    def once(volume: Volume) -> Volume:
        if id(volume) not in SEEN:
            SEEN[id(volume)] = head_mask(volume)
        return Volume(SEEN[id(volume)].array.copy(), volume.geometry)

    monkeypatch.setattr("MedDDPMCore.anatomy.head.head_mask", once)


def lesion(values: dict[int, float], names=None) -> Volume:
    """Balls about the tumour's place, the largest first: value -> radius."""
    array = np.zeros(ROOM.shape, np.uint8)
    for value, radius in values.items():
        array[head(ROOM, radius=radius).array == 2] = value
    return Volume(array, ROOM, names)


AWAY = np.linalg.norm(world(ROOM) - (20.0, 10.0, 15.0), axis=-1)
STEPS = Volume(np.rint(np.clip((22 - AWAY) / 16, 0, 1) * 255).astype(np.uint8), ROOM)
"""A ball whose edge is soft, as a probability map of 0 to 255 has it."""
TUMORS = {
    "0 and 1": (lesion({1: 12}), None),
    "0 and 255": (lesion({255: 12}), None),
    "the value of tumours": (lesion({2: 12}), None),
    "three parts": (lesion({2: 12, 1: 9, 3: 7}), None),
    "a name": (lesion({1: 12}, {1: "GTVp"}), None),
    "a mapping": (lesion({7: 12}), {"tumor": 7}),
    "BraTS up to 2021": (lesion({2: 12, 1: 9, 4: 7}), brats_mapping("2021", WHOLE_HEAD)),
}


@pytest.mark.parametrize("what", TUMORS)
def test_a_tumour_alone_lies_in_the_head_that_is_seen_in_the_mri(what):
    mask, mapping = TUMORS[what]
    with pytest.raises(LabelError, match=r"head|does not know") as caught:
        completed(mask, WHOLE_HEAD, mapping)
    assert "--mri MRI" in caught.value.hint
    own, report = completed(mask, WHOLE_HEAD, mapping, mri())
    assert np.array_equal(own.array == 2, TRUE.array == 2)
    both = ((own.array > 0) & (TRUE.array > 0)).sum()
    assert 2 * both / ((own.array > 0).sum() + (TRUE.array > 0).sum()) > 0.95
    assert report.warnings == [] and "made from the MRI" in report.notes[0]


def test_a_mask_with_a_head_of_its_own_keeps_it():
    own, report = completed(TRUE, WHOLE_HEAD, None, mri())
    assert np.array_equal(own.array, TRUE.array) and report.notes == []


def test_a_tumour_mask_of_other_voxels_is_brought_to_the_mri_and_one_that_lies_elsewhere_is_refused():
    fine = head(box((3, 3, 3), (80, 80, 80), centre=(20, 10, 15)))
    alone = Volume((fine.array == 2).astype(np.uint8), fine.geometry)
    own, report = completed(alone, WHOLE_HEAD, None, mri())
    assert own.geometry == ROOM and "resampled" in " ".join(report.notes)
    np.testing.assert_allclose(centre_of_mass(own, 2), (20, 10, 15), atol=1.5)
    lost = Volume(TUMORS["0 and 1"][0].array, Geometry(ROOM.shape, ROOM.spacing, (0, 0, 0), ROOM.direction))
    with pytest.raises(VolumeError, match=r"\d+ mm"):
        completed(lost, WHOLE_HEAD, None, mri())


NO_TUMORS = {
    "4 beside 1 and 2": (lesion({2: 12, 1: 9, 4: 7}), WHOLE_HEAD, "--brats-labels 2021, 2023, 2024 or ped"),
    "4 beside 1, 2 and 3": (lesion({2: 14, 1: 12, 3: 9, 4: 7}), WHOLE_HEAD, "--brats-labels"),
    "4 beside 1 and 2, of a brain": (lesion({2: 12, 1: 9, 4: 7}), BRATS, "--brats-labels"),
    "4 alone": (lesion({4: 9}), WHOLE_HEAD, "--brats-labels"),
    "steps of a probability": (STEPS, WHOLE_HEAD, "rise and fall by steps"),
    "names of something else": (lesion({1: 12, 2: 9}, {1: "Left eye", 2: "Right eye"}), WHOLE_HEAD, "--labels"),
    "head and tumour swapped": (Volume(np.array([0, 2, 1], np.uint8)[TRUE.array], ROOM), WHOLE_HEAD, "head=2,tumor=1"),
    "a brain and its tumour": (head(ROOM, semi_axes=(62, 78, 60)), WHOLE_HEAD, "brain mask"),
    "nothing": (lesion({}), WHOLE_HEAD, "--mri"),
}


@pytest.mark.parametrize("what", NO_TUMORS)
def test_what_is_not_told_is_asked_for_although_there_is_an_mri(what):
    mask, scheme, hint = NO_TUMORS[what]
    with pytest.raises(LabelError) as caught:
        completed(mask, scheme, None, mri())
    assert hint in caught.value.hint


def test_an_mri_without_a_whole_head_makes_none_and_says_so():
    with pytest.raises(LabelError, match=r"made from the MRI.*as small as a brain"):
        completed(TUMORS["0 and 1"][0], WHOLE_HEAD, None, mri((62.0, 78.0, 60.0)))


def test_parts_of_a_tumour_lie_in_the_brain_of_a_skull_stripped_mri_and_a_cavity_is_neither():
    parts = lesion({2: 14, 1: 12, 3: 9, 4: 7})
    own, _ = completed(parts, BRATS, brats_mapping("2024", BRATS), mri((62.0, 78.0, 60.0)))
    assert set(np.unique(own.array)) == {0, 1, 2, 3, 4}
    for value in (1, 2, 3):
        assert np.array_equal(own.array == value, parts.array == value)
    assert (own.array[parts.array == 4] == 0).all()


def test_every_numbering_of_brats_means_the_same_parts():
    values = {"2021": (1, 2, 4), "2023": (1, 2, 3), "2024": (1, 2, 3), "ped": (2, 4, 1)}
    for numbering in NUMBERINGS:
        mask = lesion({values[numbering][1]: 14, values[numbering][0]: 12, values[numbering][2]: 9})
        own, _ = completed(mask, BRATS, brats_mapping(numbering, BRATS), mri((62.0, 78.0, 60.0)))
        assert np.array_equal(np.where(own.array < 4, own.array, 0), lesion({2: 14, 1: 12, 3: 9}).array)


@pytest.mark.parametrize(
    ("name", "numbering"),
    [
        ("BraTS20_Training_001_seg.nii.gz", "2021"),
        ("BraTS2021_00000_seg.nii.gz", "2021"),
        ("BraTS2023_00000_seg.nii.gz", "2023"),
        ("Brats18_2013_0_1_seg.nii.gz", "2021"),
        ("BraTS-GLI-02405-100-seg.nii.gz", "2024"),
        ("BraTS-PED-00002-000-seg.nii.gz", "ped"),
        ("BraTS2024.nii.gz", None),
        ("BraTS-GLI-02405-100_head_mask.nii.gz", None),
        ("patient_7.nii.gz", None),
    ],
)
def test_a_numbering_is_recognised_where_the_files_name_tells_it(name, numbering):
    assert numbering_of(name, WHOLE_HEAD) == numbering


def test_of_a_childs_file_the_numbering_of_its_parts_is_asked_for():
    with pytest.raises(LabelError, match="children"):
        numbering_of("BraTS-PED-00002-000-seg.nii.gz", BRATS)


def test_a_patients_mri_and_tumour_mask_make_head_and_tumour():
    made, note = head_with_tumor(mri(), lesion({4: 12, 1: 9}), (1, 4))
    assert np.array_equal(made.array == 2, TRUE.array == 2) and note == ""
    assert made.label_names == {1: "head", 2: "tumor"} and set(np.unique(made.array)) == {0, 1, 2}


def test_a_tumour_mask_of_another_place_is_refused():
    elsewhere = Volume(lesion({1: 12}).array, box((5, 5, 5), (190, 230, 220), centre=(400, 0, 0)))
    with pytest.raises(VolumeError, match="tumour mask"):
        head_with_tumor(mri(), elsewhere)


NO_TUMOR_ALONE = {
    "it holds no voxel of 3": (lesion({1: 12}), (3,)),
    "is too large for a tumour": (Volume((TRUE.array > 0).astype(np.uint8), ROOM), ()),
    "is too large": (TRUE, ()),
    "not known to be a tumour: 1 'No tumour'": (lesion({1: 12}, {1: "No tumour"}), ()),
    "holds 1, 2, 4: in BraTS 4": (lesion({2: 12, 1: 9, 4: 7}), ()),
    "is no segmentation": (STEPS, ()),
    "holds no voxel": (lesion({}), ()),
}


@pytest.mark.parametrize("words", NO_TUMOR_ALONE)
def test_a_tumour_mask_that_is_none_is_refused_and_told_how_to_name_its_values(words):
    mask, values = NO_TUMOR_ALONE[words]
    with pytest.raises(LabelError, match=words.removeprefix("it ")) as caught:
        tumor_in(mask, values)
    assert "--tumor-labels" in caught.value.hint or "label map" in caught.value.hint


def test_of_named_segments_those_of_a_tumour_are_the_tumour_and_numbered_lesions_are_all():
    named = Volume(TRUE.array, ROOM, {1: "Brain", 2: "Tumor"})
    assert np.array_equal(tumor_in(named).array, TRUE.array == 2)
    assert np.array_equal(tumor_in(lesion({7: 12, 8: 9})).array, TRUE.array == 2)
