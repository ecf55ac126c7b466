"""Label maps in layers, channels, colours and fractions."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.segments import is_graded
from MedDDPMCore.volumes.volume import Volume


def write_layers(path: Path, layers: np.ndarray, fields: dict[str, str]) -> None:
    """A 3D Slicer segmentation with layers (z, y, x, layer)."""
    image = sitk.GetImageFromArray(layers, isVector=True)
    for key, value in fields.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize("values", [("1", "2"), ("1", "1")])
def test_overlapping_segments_in_layers_are_merged_with_the_smaller_on_top(tmp_path, values):
    layers = np.zeros((6, 6, 6, 2), np.uint8)
    layers[1:3, 1:3, 1:3, 0] = int(values[0])
    layers[1:5, 1:5, 1:5, 1] = int(values[1])
    fields = {}
    for number, name in enumerate(("Tumour", "Head")):
        fields |= {f"Segment{number}_ID": f"s{number}", f"Segment{number}_Name": name}
        fields |= {f"Segment{number}_LabelValue": values[number], f"Segment{number}_Layer": str(number)}
    write_layers(tmp_path / "a.seg.nrrd", layers, fields)
    read = Volume.read(tmp_path / "a.seg.nrrd", labels=True)
    assert read.label_names == {1: "Tumour", 2: "Head"}
    assert (read.array[1:3, 1:3, 1:3] == 1).all() and (read.array == 2).sum() == 64 - 8


def test_a_segmentation_whose_header_is_nonsense_is_refused(tmp_path):
    write_layers(tmp_path / "a.seg.nrrd", np.zeros((3, 3, 3, 2), np.uint8), {"Segment0_ID": "a", "Segment0_Layer": "9"})
    with pytest.raises(VolumeError, match="cannot be read"):
        Volume.read(tmp_path / "a.seg.nrrd", labels=True)


LABELS = np.zeros((4, 5, 6), np.uint8)
LABELS[1:3, 1:4, 1:5], LABELS[1, 2, 2:4] = 1, 2
ONE_HOT = np.stack([value == LABELS for value in range(3)], axis=-1).astype(np.uint8)


def save(path: Path, array: np.ndarray, axis: int = -1) -> Path:
    """An array (z, y, x, channel) as a NIfTI whose channels are its last or first axis."""
    nib.save(nib.Nifti1Image(np.moveaxis(array.transpose(2, 1, 0, 3), 3, axis), np.eye(4)), path)
    return path


@pytest.mark.parametrize("axis", [-1, 0])
def test_one_hot_channels_are_read_as_labels_and_said(tmp_path, axis):
    with pytest.warns(UserWarning, match="one-hot: channel 0 of 3 as background"):
        read = Volume.read(save(tmp_path / "a.nii", ONE_HOT, axis), labels=True)
    assert np.array_equal(read.array, LABELS)


def test_channels_without_background_are_labels_from_one_and_the_smaller_is_on_top(tmp_path):
    regions = np.stack([LABELS > 0, LABELS == 2], axis=-1).astype(np.float32)
    with pytest.warns(UserWarning, match=r"channel n as label n \+ 1; where they overlap \(less than 0\.1 ml\)"):
        read = Volume.read(save(tmp_path / "a.nii", regions), labels=True)
    assert np.array_equal(read.array, LABELS)


@pytest.mark.parametrize("scale", [1, 255, 0.9999])
def test_a_background_that_is_the_last_channel_is_found_by_the_corners_of_the_image(tmp_path, scale):
    last = (ONE_HOT[..., [1, 2, 0]] * np.float32(scale)).astype(np.float32)
    with pytest.warns(UserWarning, match="channel 2 of 3 as background, the others as labels from 1"):
        read = Volume.read(save(tmp_path / "a.nii", last), labels=True)
    assert np.array_equal(read.array, LABELS)


def test_of_probabilities_that_add_up_to_1_the_largest_is_the_label(tmp_path):
    soft = (ONE_HOT * 0.7 + 0.1).astype(np.float32)
    with pytest.warns(UserWarning, match=r"probabilities from 0\.1 to 0\.8, of which the largest counts"):
        read = Volume.read(save(tmp_path / "a.nii", soft), labels=True)
    assert np.array_equal(read.array, LABELS)


@pytest.mark.parametrize("most", [100, 255])
def test_labels_that_rise_by_steps_are_told_from_parts_regions_and_numbered_lesions(most):
    z, y, x = np.indices((24, 24, 24)) - 12
    distance = np.sqrt(x**2 + y**2 + z**2)
    assert is_graded(np.rint(np.clip((9 - distance) / 4, 0, 1) * most).astype(np.uint8))
    assert not is_graded((distance < 9) * np.uint8(most))
    assert not is_graded(np.select([distance < 4, distance < 9], [most, most // 2], 0))
    assert not is_graded((distance < 9) * (1000 + (z > 0) + 2 * (y > 0) + 4 * (x > 0)))


def test_a_segment_without_a_name_is_called_by_its_terminology(tmp_path):
    fields = {"Segment0_ID": "Segment_1", "Segment0_LabelValue": "1", "Segment1_ID": "Segment_2"}
    fields |= {"Segment1_LabelValue": "2", "Segment0_Layer": "0", "Segment1_Layer": "0"}
    for number, kind in enumerate(("69536005^Head", "4147007^Mass")):
        tag = f"Segmentation category and type~SCT^49755003^Morphologically Altered Structure~SCT^{kind}~^^~Anatomic"
        fields[f"Segment{number}_Tags"] = f"TerminologyEntry:{tag} codes~^^~^^|"
    write_layers(tmp_path / "a.seg.nrrd", LABELS[..., None], fields)
    assert Volume.read(tmp_path / "a.seg.nrrd", labels=True).label_names == {1: "Head", 2: "Mass"}


def test_channels_are_no_image(tmp_path):
    with pytest.raises(VolumeError, match=r"\(6, 5, 4, 3\); a single 3D volume"):
        Volume.read(save(tmp_path / "a.nii", ONE_HOT))


def test_channels_of_probabilities_are_refused_with_their_range(tmp_path):
    with pytest.raises(VolumeError, match="3 values a voxel, from 0 to 0.75"):
        Volume.read(save(tmp_path / "a.nii", ONE_HOT * np.float32(0.75)), labels=True)


def test_a_probability_map_is_refused_with_its_range_and_what_to_do(tmp_path):
    nib.save(nib.Nifti1Image((LABELS.T * 0.45).astype(np.float32), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="from 0 to 0.9") as caught:
        Volume.read(tmp_path / "a.nii", labels=True)
    assert "threshold" in caught.value.hint


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_a_mask_in_colours_is_refused_with_its_colours_and_a_grey_one_is_read(tmp_path, ending):
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], np.uint8)[LABELS]
    sitk.WriteImage(sitk.GetImageFromArray(colours, isVector=True), str(tmp_path / f"a{ending}"))
    with pytest.raises(VolumeError, match=r"3 colours, the commonest \(0, 0, 0\) \(96 voxels\), \(255, 0, 0\) \(22"):
        Volume.read(tmp_path / f"a{ending}", labels=True)
    grey = np.repeat(LABELS[..., None] * np.uint8(100), 3, axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(grey, isVector=True), str(tmp_path / f"a{ending}"))
    assert np.array_equal(Volume.read(tmp_path / f"a{ending}", labels=True).array, LABELS * 100)


def test_a_mask_in_colours_is_refused_in_nifti_too(tmp_path):
    colours = np.zeros((6, 5, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["R"] = LABELS.T * 100
    nib.save(nib.Nifti1Image(colours, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="in colours, not a label map"):
        Volume.read(tmp_path / "a.nii", labels=True)


def test_a_mask_of_0_and_255_keeps_its_value(tmp_path):
    nib.save(nib.Nifti1Image((LABELS.T > 0) * np.uint8(255), np.eye(4)), tmp_path / "a.nii")
    assert set(np.unique(Volume.read(tmp_path / "a.nii", labels=True).array)) == {0, 255}


def test_a_fractional_segmentation_counts_from_half_its_range_and_says_so(tmp_path):
    fields = {"Segment0_ID": "s", "Segment0_Name": "Head", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    fields["Segmentation_MasterRepresentation"] = "Fractional labelmap"
    image = sitk.GetImageFromArray(LABELS * np.uint8(108))
    for key, value in fields.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    with pytest.warns(UserWarning, match="fractions from 0 to 216 of a voxel: from 108 on"):
        read = Volume.read(tmp_path / "a.seg.nrrd", labels=True)
    assert np.array_equal(read.array, LABELS > 0) and read.label_names == {1: "Head"}


def test_the_phantoms_of_odd_axes_and_fractions_are_read(cases):
    last = Volume.read(cases / "c16_channel_first" / "channel_last.nii.gz", labels=True)
    with pytest.warns(UserWarning, match="first axis"):
        first = Volume.read(cases / "c16_channel_first" / "channel_first.nii.gz", labels=True)
    assert np.array_equal(first.array, last.array) and first.geometry.matches(last.geometry)
    with pytest.warns(UserWarning, match="0 to 216"):
        fractional = Volume.read(cases / "c14_segment_names" / "fractional.seg.nrrd", labels=True)
    assert set(np.unique(fractional.array)) == {0, 1}
