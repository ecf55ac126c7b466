"""Which mask gets which patient's MRI."""

import pytest

from MedDDPMCore.base.errors import MedDDPMError, VolumeError
from MedDDPMCore.synthesis.masks import find_mris


@pytest.fixture
def files(tmp_path):
    """Makes empty files by their paths, and gives these."""

    def make(*names):
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return paths

    return make


def test_an_mri_is_that_of_the_longest_patients_name_with_which_its_own_begins(files, tmp_path):
    first, second = files("masks/p1_seg.nii", "masks/p1_2_seg.nii")
    [other] = files("mris/P1_2_t1c.nii")
    assert find_mris(tmp_path / "mris", [first, second]) == {second: other}
    [own] = files("mris/p1_t1c.nii")
    assert find_mris(tmp_path / "mris", [first, second]) == {first: own, second: other}


def test_an_mri_in_a_patients_own_folder_is_that_patients_whatever_others_are_called(files, tmp_path):
    first, second, third = files("masks/1/a_seg.nii", "masks/2/a_t1_seg.nii", "masks/3/seg.nii")
    mris = files("mris/1/a_t1_x.nii", "mris/2/a_t1_x.nii", "mris/3/t1.nii")
    assert find_mris(tmp_path / "mris", [first, second, third]) == dict(zip((first, second, third), mris, strict=True))


def test_an_mri_of_another_patient_in_the_same_folder_is_nobody_elses(files, tmp_path):
    first, second = files("masks/all/p1_seg.nii", "masks/all/p2_seg.nii")
    [mri] = files("mris/all/p2_t1c.nii")
    assert find_mris(tmp_path / "mris", [first, second]) == {second: mri}


@pytest.mark.parametrize("rule", ["names", "folder", "table"])
def test_one_mri_for_several_masks_is_an_error_that_names_them(files, tmp_path, rule):
    masks = files("masks/p1_seg.nii", "masks/p1_tumor.nii")
    files("mris/masks/t1.nii" if rule == "folder" else "mris/p1_t1.nii")
    (tmp_path / "mris.csv").write_text(
        "mask,mri\nmasks/p1_seg.nii,mris/p1_t1.nii\nmasks/p1_tumor.nii,masks/../mris/p1_t1.nii\n"
    )
    with pytest.raises(MedDDPMError, match=r"the MRI of one patient.*p1_seg.nii and .*p1_tumor.nii"):
        find_mris(tmp_path / ("mris.csv" if rule == "table" else "mris"), masks)


def test_a_mask_that_a_table_names_twice_is_an_error(files, tmp_path):
    masks = files("p1_seg.nii", "p2_seg.nii")
    files("p1.nii", "p2.nii")
    (tmp_path / "mris.csv").write_text("mask,mri\np1_seg.nii,p1.nii\np1_seg.nii,p2.nii\n")
    with pytest.raises(VolumeError, match=r"p1_seg.nii again in line 3"):
        find_mris(tmp_path / "mris.csv", masks)
