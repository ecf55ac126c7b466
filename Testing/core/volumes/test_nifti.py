"""NIfTI headers: what they state, leave out, and say in two ways."""

from __future__ import annotations

import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import rotation

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Volume


def integers(shape=(4, 5, 6)) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 7).reshape(shape).astype(np.uint8)


def test_nifti_scaling_byte_order_and_units_are_honoured(tmp_path):
    image = nib.Nifti1Image(np.arange(120, dtype=">i2").reshape(6, 5, 4), np.diag([0.002, 0.002, 0.002, 1]))
    image.header.set_xyzt_units("meter")
    image.header.set_slope_inter(2, -10)
    nib.save(image, tmp_path / "a.nii")
    read = Volume.read(tmp_path / "a.nii")
    assert read.geometry.spacing == pytest.approx((2, 2, 2))
    assert read.array.dtype == np.float32 and read.array.dtype.isnative
    assert np.allclose(read.array, np.arange(120).reshape(6, 5, 4).T * 2 - 10)


def test_nifti_without_orientation_is_read_with_a_warning(tmp_path):
    image = nib.Nifti1Image(integers(), None)
    image.header["pixdim"][1:4] = (1, 2, 3)
    nib.save(image, tmp_path / "a.nii")
    with pytest.warns(UserWarning, match="left and right"):
        assert Volume.read(tmp_path / "a.nii").geometry.spacing == (1, 2, 3)


def save_forms(path: Path, sform: np.ndarray, qform: np.ndarray, pixdim=None, codes=(2, 1)) -> None:
    image = nib.Nifti1Image(integers((30, 40, 50)), sform)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    if pixdim:
        image.header["pixdim"][1:4] = pixdim
    nib.save(image, path)


def put_field(path: Path, field: str, value: float) -> None:
    content = bytearray(path.read_bytes())
    dtype, start = nib.Nifti1Header.template_dtype.fields[field]
    content[start : start + dtype.itemsize] = np.array(value, dtype).tobytes()
    path.write_bytes(content)


def test_forms_that_disagree_are_warned_of_with_their_distance_and_angle(tmp_path):
    turned = np.eye(4)
    turned[:3, :3] = rotation((0, 0, 25))
    moved = np.eye(4)
    moved[:3, 3] = (30, 0, 40)
    save_forms(tmp_path / "a.nii", np.eye(4), moved)
    with pytest.warns(UserWarning, match="disagree: by 50 mm in the middle, 50 mm at most, and 0 degrees"):
        read = Volume.read(tmp_path / "a.nii")
    assert np.allclose(read.geometry.affine_ras, np.eye(4))
    save_forms(tmp_path / "a.nii", np.eye(4), turned)
    with pytest.warns(UserWarning, match="25 degrees"):
        Volume.read(tmp_path / "a.nii")


def test_forms_that_agree_are_not_warned_of(tmp_path):
    save_forms(tmp_path / "a.nii", np.diag([1, 2, 3, 1]), np.diag([1, 2, 3, 1]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Volume.read(tmp_path / "a.nii").geometry.spacing == (1, 2, 3)


def test_voxel_sizes_that_disagree_with_the_sform_are_warned_of(tmp_path):
    save_forms(tmp_path / "a.nii", np.diag([6, 6, 6, 1]), np.eye(4), pixdim=(3, 3, 3), codes=(1, 0))
    with pytest.warns(UserWarning, match="pixdim 3 x 3 x 3 mm, sform 6 x 6 x 6 mm.* differ by 207 mm"):
        assert Volume.read(tmp_path / "a.nii").geometry.spacing == (6, 6, 6)


def test_an_unusable_sform_gives_way_to_the_qform_with_a_warning(tmp_path):
    save_forms(tmp_path / "a.nii", np.diag([1, 2, 3, 1]), np.diag([1, 2, 3, 1]))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[280:328] = bytes(48)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.warns(UserWarning, match="sform .* is unusable.* the qform is used"):
        assert Volume.read(tmp_path / "a.nii").geometry.spacing == pytest.approx((1, 2, 3))


@pytest.mark.parametrize("codes", [(2, 1), (0, 1)])
def test_a_quaternion_that_rounding_made_too_long_is_a_unit_one(tmp_path, codes):
    affine = np.diag([1.0, -2, -3, 1])
    save_forms(tmp_path / "a.nii", affine, affine, codes=codes)
    put_field(tmp_path / "a.nii", "quatern_b", 1 + 1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = Volume.read(tmp_path / "a.nii")
    np.testing.assert_allclose(read.geometry.affine_ras, affine, atol=1e-6)
    assert np.array_equal(read.array, integers((30, 40, 50)).T)


def test_a_turn_of_nearly_half_a_circle_is_read_as_the_quaternion_says(tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = rotation((178.5, 0, 0))
    save_forms(tmp_path / "a.nii", affine, affine, codes=(0, 1))
    np.testing.assert_allclose(Volume.read(tmp_path / "a.nii").geometry.affine_ras, affine, atol=1e-5)


def test_a_qform_that_cannot_be_read_gives_way_to_a_sform_with_a_warning_and_is_refused_alone(tmp_path):
    affine = np.diag([1.0, -2, -3, 1])
    save_forms(tmp_path / "a.nii", affine, affine)
    put_field(tmp_path / "a.nii", "quatern_b", 1.3)
    with pytest.warns(UserWarning, match="qform of .* cannot be read.* the sform is used"):
        assert np.allclose(Volume.read(tmp_path / "a.nii").geometry.affine_ras, affine)
    put_field(tmp_path / "a.nii", "sform_code", 0)
    with pytest.raises(VolumeError, match="cannot be read"):
        Volume.read(tmp_path / "a.nii")


@pytest.mark.parametrize("step", [1e-9, 0.0001, 1e3, 1e6])
def test_voxels_too_small_or_too_large_for_any_patient_are_refused(tmp_path, step):
    nib.save(nib.Nifti1Image(integers(), np.diag([1, 1, step, 1])), tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="cannot be right|unusable") as caught:
        Volume.read(tmp_path / "a.nii", labels=True)
    assert str(tmp_path / "a.nii") in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (1, 1, 4, 5, 6), (4, 5, 6, 1), (4, 5, 6, 1, 1), (1, 4, 5, 6, 1)])
def test_axes_of_one_voxel_around_the_three_are_passed_over(tmp_path, shape):
    affine = np.diag([2.0, 3, 4, 1])
    nib.save(nib.Nifti1Image(integers().reshape(shape), affine), tmp_path / "a.nii")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        read = Volume.read(tmp_path / "a.nii", labels=True)
    assert np.array_equal(read.array, integers().T) and read.geometry.spacing == (2, 3, 4)
    assert [("first axis" in str(one.message)) for one in said] == ([True] if shape[0] == 1 else [])


@pytest.mark.parametrize("shape", [(0, 5, 6), (4, 5, 0), (4, 0, 6, 1)])
def test_a_file_without_a_voxel_is_refused(tmp_path, shape):
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="holds no voxel|cannot be read|is empty"):
        Volume.read(tmp_path / "a.nii", labels=True)


@pytest.mark.parametrize("field, value", [("xyzt_units", 7), ("datatype", 9999), ("vox_offset", float("nan"))])
def test_header_fields_of_no_meaning_are_the_files_error(tmp_path, field, value):
    nib.save(nib.Nifti1Image(integers(), np.eye(4)), tmp_path / "a.nii")
    put_field(tmp_path / "a.nii", field, value)
    with pytest.raises(VolumeError, match="cannot be read"):
        Volume.read(tmp_path / "a.nii")


def test_the_phantoms_whose_forms_disagree_are_warned_of(cases):
    for name, said in (("mri", "46 mm in the middle.* 25 degrees"), ("pixdim_3mm_sform_6mm", "pixdim 3 x 3 x 3")):
        with pytest.warns(UserWarning, match=said):
            Volume.read(cases / "c08_forms_disagree" / f"{name}.nii.gz")
