"""Small files of kinds that people report elsewhere, through the commands: what is read, asked for and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume

ASKED_OR_REFUSED = {
    "a box is no head": ("c13_not_a_head/box_as_head.nii.gz", "too large"),
    "parts of a tumour without a head are no head": ("c13_not_a_head/brats_core1_edema2.nii.gz", "too small"),
    "a head whose spacing was lost is too small": ("c13_not_a_head/spacing_lost_1mm.nii.gz", "spacing lost"),
    "a tumour of litres is taken for a swapped head": ("c13_not_a_head/tumour1_head2.nii.gz", "head=2,tumor=1"),
    "a brain is no head": ("c14_segment_names/brain_and_tumor.seg.nrrd", "'Brain'"),
    "eyes are neither head nor tumour": ("c14_segment_names/left_eye_right_eye.seg.nrrd", "'Left eye'"),
    "an empty segmentation says that it is empty": ("c14_segment_names/single_voxel_empty.seg.nrrd", "is empty"),
    "segments without names are asked for": (
        "c14_segment_names/tumor_first_unnamed.seg.nrrd",
        "head=2,tumor=1",
    ),
    "a tumour of two parts is no head": ("c21_brats2024/seg_1_2.nii.gz", "--mri MRI"),
    "a tumour of three parts is no head": ("c21_brats2024/seg_1_2_3.nii.gz", "--brats-labels"),
    "a resection cavity is no brain": ("c21_brats2024/seg_1_2_3_4.nii.gz", "--brats-labels"),
}
TAKEN = {
    "GTVp is the tumour": ("c14_segment_names/head_gtvp.seg.nrrd", "tumor 12.1 ml"),
    "fractions count from the middle of their range": ("c14_segment_names/fractional.seg.nrrd", "head 2111.6 ml"),
    "two files of one stem are two masks": ("c25_names/same", "p1_nrrd"),
    "masks in subfolders are found and named by them": ("c25_names/nested", "sub-02_mask"),
    "what macOS lays beside files is no mask": ("c09_appledouble/masks", "p1.nii.gz: head"),
}


def check(shared: Path, case: str, capsys) -> tuple[int, str]:
    code = main(["synthesize", str(shared / "cases" / case), "out", "--check"])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize("sentence", ASKED_OR_REFUSED)
def test_before_a_model_is_loaded_it_is_asked_or_refused_that(shared, capsys, sentence):
    case, words = ASKED_OR_REFUSED[sentence]
    code, told = check(shared, case, capsys)
    assert code == 1 and words in told and Path(case).name in told


@pytest.mark.parametrize("sentence", TAKEN)
def test_it_is_read_rightly_that(shared, capsys, sentence):
    case, words = TAKEN[sentence]
    code, told = check(shared, case, capsys)
    assert code == 0 and words in told


def test_the_cases_of_brats_2023_are_found_by_their_names(shared, tmp_path, capsys):
    folder = shared / "cases" / "c22_brats2023_names"
    assert main(["prepare", str(folder), str(tmp_path / "set"), "--recipe", "brats", "--dry-run"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "BraTS-GLI-00000-000",
        "BraTS-GLI-00001-000",
    ]


def test_fractions_are_read_with_their_range(tmp_path):
    """A phantom of one's own: a soft ball of 0 to 216, as 3D Slicer writes fractional segmentations."""
    nrrd = pytest.importorskip("nrrd")
    line = np.arange(-10, 11)
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(line, line, line, indexing="ij")))
    header = {
        "space": "left-posterior-superior",
        "space directions": np.eye(3) * 2,
        "space origin": np.zeros(3),
        "Segmentation_MasterRepresentation": "Fractional labelmap",
        "Segment0_ID": "Segment_1",
        "Segment0_Name": "Head",
        "Segment0_LabelValue": "1",
        "Segment0_Layer": "0",
    }
    nrrd.write(str(tmp_path / "soft.seg.nrrd"), np.clip((8.5 - distance) * 216, 0, 216).astype(np.uint8), header)
    with pytest.warns(UserWarning, match="fractions from 0 to 216"):
        read = Volume.read(tmp_path / "soft.seg.nrrd", labels=True)
    assert np.array_equal(read.array > 0, distance.T <= 8) and read.label_names == {1: "Head"}
