"""Volumes read from and written to real files of every kind, good and bad."""

from __future__ import annotations

import gzip
import json
import os
import warnings

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phantoms import rotation

from MedDDPMCore.base.errors import ResourceError, VolumeError
from MedDDPMCore.volumes.volume import Geometry, Volume

ENDINGS = [".nii", ".nii.gz", ".nrrd", ".mha"]
SHEAR = np.array([[1, 0.2, 0.1], [0, np.sqrt(0.96), 0], [0, 0, np.sqrt(0.99)]])


def oblique(shape=(4, 5, 6)) -> Geometry:
    return Geometry(shape, (1.1, 2.2, 3.3), (10.5, -20.25, 30), rotation((10, 20, 30)))


def integers(shape=(4, 5, 6)) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 7).reshape(shape).astype(np.uint8)


@pytest.mark.parametrize("ending", ENDINGS)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    mirrored=st.booleans(),
    spacing=st.tuples(*[st.floats(0.1, 10)] * 3),
    dtype=st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"]),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_geometry_and_dtype_survives_a_file(tmp_path, ending, angles, mirrored, spacing, dtype):
    frame = rotation(angles) @ np.diag([-1.0 if mirrored else 1.0, 1, 1])
    volume = Volume(integers().astype(dtype), Geometry((4, 5, 6), spacing, (100.5, -20.25, 3), frame))
    volume.write(tmp_path / f"a{ending}")
    read = Volume.read(tmp_path / f"a{ending}")
    assert np.array_equal(read.array, volume.array)
    assert read.geometry.matches(volume.geometry)
    assert (read.array.dtype.kind == "f") == (np.dtype(dtype).kind == "f")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_sheared_affine_survives_a_file(tmp_path, ending):
    volume = Volume(integers(), Geometry((4, 5, 6), (1, 2, 3), (1, 2, 3), rotation((5, 6, 7)) @ SHEAR))
    volume.write(tmp_path / f"a{ending}")
    read = Volume.read(tmp_path / f"a{ending}")
    assert read.geometry.matches(volume.geometry) and not read.geometry.is_orthogonal


@pytest.mark.parametrize("ending", ENDINGS)
def test_other_programs_find_our_files_in_the_same_place(tmp_path, ending):
    volume = Volume(integers(), oblique())
    volume.write(tmp_path / f"a{ending}")
    image = sitk.ReadImage(str(tmp_path / f"a{ending}"))
    assert np.array_equal(sitk.GetArrayFromImage(image), volume.array)
    assert np.allclose(image.GetDirection(), volume.geometry.direction.ravel(), atol=1e-5)
    assert np.allclose(image.TransformIndexToPhysicalPoint((3, 2, 1)), volume.geometry.to_world([3, 2, 1]), atol=1e-4)
    if ending.startswith(".nii"):
        assert np.allclose(nib.load(tmp_path / f"a{ending}").affine, volume.geometry.affine_ras, atol=1e-5)


@pytest.mark.parametrize("ending", [*ENDINGS, ".mhd", ".nhdr"])
def test_other_programs_files_are_read_in_the_same_place(tmp_path, ending):
    geometry = oblique()
    image = sitk.GetImageFromArray(integers().astype(np.int16) - 3)
    image.SetSpacing(geometry.spacing), image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction.ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / f"a{ending}"))
    read = Volume.read(tmp_path / f"a{ending}")
    assert read.geometry.matches(geometry) and read.array.min() == -3 and read.array.dtype == np.int16


def test_metadata_is_written_where_each_format_keeps_it(tmp_path):
    metadata = {"model": "a b", "note": "two\nlines: é", "long": "x" * 200}
    for ending in ENDINGS:
        Volume(integers(), oblique()).write(tmp_path / f"a{ending}", metadata)
        assert np.array_equal(Volume.read(tmp_path / f"a{ending}").array, integers())
    for ending in (".nrrd", ".mha"):
        header = sitk.ReadImage(str(tmp_path / f"a{ending}"))
        assert header.GetMetaData("model") == "a b" and header.GetMetaData("note").startswith("two lines: ")
    image = nib.load(tmp_path / "a.nii.gz")
    assert bytes(image.header["descrip"]).startswith(b"model=a b; note=two lines: ")
    comment = json.loads(image.header.extensions[0].get_content().decode("utf-8"))
    assert comment["note"] == "two lines: é" and comment["long"] == "x" * 200


@pytest.mark.parametrize("ending", [*ENDINGS, ".seg.nrrd"])
def test_the_same_volume_gives_the_same_bytes(tmp_path, ending):
    for name in "ab":
        Volume(integers(), oblique()).write(tmp_path / f"{name}{ending}", {"k": "v"})
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_segments_keep_their_names(tmp_path):
    mask = Volume(integers().clip(0, 2), oblique(), {1: "head", 2: "tumor"})
    mask.write(tmp_path / "a.seg.nrrd")
    read = Volume.read(tmp_path / "a.seg.nrrd", labels=True)
    assert read.label_names == mask.label_names and np.array_equal(read.array, mask.array)
    assert read.geometry.matches(mask.geometry)


@pytest.mark.parametrize(
    "shape, refused",
    [((4, 5, 6, 1), None), ((4, 5, 6, 1, 1), None), ((4, 5, 6, 3), r"\(4, 5, 6, 3\)"), ((4, 5), r"\(4, 5\)")],
)
def test_only_a_single_volume_is_taken_from_nifti(tmp_path, shape, refused):
    nib.save(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)), tmp_path / "a.nii")
    if refused:
        with pytest.raises(VolumeError, match=refused):
            Volume.read(tmp_path / "a.nii")
    else:
        assert Volume.read(tmp_path / "a.nii").array.shape == (6, 5, 4)


def test_only_a_single_volume_is_taken_from_nrrd_and_metaimage(tmp_path):
    single = sitk.JoinSeries([sitk.GetImageFromArray(integers())])
    double = sitk.JoinSeries([sitk.GetImageFromArray(integers())] * 2)
    colour = sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True)
    picture = sitk.GetImageFromArray(np.zeros((5, 6), np.uint8))
    for ending in (".nrrd", ".mha"):
        sitk.WriteImage(single, str(tmp_path / f"a{ending}"))
        assert np.array_equal(Volume.read(tmp_path / f"a{ending}").array, integers())
        for image, text in ((double, r"\(6, 5, 4, 2\)"), (colour, "3 values"), (picture, r"2D, of shape \(6, 5\)")):
            sitk.WriteImage(image, str(tmp_path / f"a{ending}"))
            with pytest.raises(VolumeError, match=text):
                Volume.read(tmp_path / f"a{ending}")


def test_colour_and_complex_nifti_are_refused(tmp_path):
    colours = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for array, text in ((colours, "colour"), (np.zeros((4, 5, 6), np.complex64), "complex")):
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii")
        with pytest.raises(VolumeError, match=text):
            Volume.read(tmp_path / "a.nii")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_cleaned_from_images_and_refused_in_labels(tmp_path, bad):
    array = integers().astype(np.float32) - 3
    array[0, 0, 5] = bad
    Volume(array, oblique()).write(tmp_path / "a.nii")
    with pytest.warns(UserWarning, match="1 voxels"):
        assert Volume.read(tmp_path / "a.nii").array[0, 0, 5] == -3
    with pytest.raises(VolumeError, match="NaN or infinite"):
        Volume.read(tmp_path / "a.nii", labels=True)


def test_an_image_without_a_finite_value_is_refused(tmp_path):
    Volume(np.full((4, 5, 6), np.nan), oblique()).write(tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="no finite"):
        Volume.read(tmp_path / "a.nii")


def test_fractions_are_no_labels_but_whole_floats_are(tmp_path):
    Volume(integers() * 0.5, oblique()).write(tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="fractions such as 0.5"):
        Volume.read(tmp_path / "a.nii", labels=True)
    Volume(integers() * 100.0, oblique()).write(tmp_path / "a.nii")
    assert Volume.read(tmp_path / "a.nii", labels=True).array.dtype == np.uint16
    Volume(integers() * 1e20, oblique()).write(tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="no segmentation"):
        Volume.read(tmp_path / "a.nii", labels=True)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("part", [0, 0.0005, 0.01, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, ending, part):
    rng = np.random.default_rng(0)
    Volume(rng.integers(0, 1000, (20, 30, 40)).astype(np.int16), oblique((20, 30, 40))).write(tmp_path / f"a{ending}")
    content = (tmp_path / f"a{ending}").read_bytes()
    (tmp_path / f"a{ending}").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(VolumeError, match="is empty" if part == 0 else "cannot be read") as caught:
        Volume.read(tmp_path / f"a{ending}")
    assert caught.value.hint


@pytest.mark.parametrize("ending", [*ENDINGS, ".seg.nrrd", ".mhd", ".nhdr"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, ending):
    (tmp_path / f"a{ending}").write_bytes(b"this is no image\n" * 99)
    with pytest.raises(VolumeError, match="cannot be read"):
        Volume.read(tmp_path / f"a{ending}")


def test_a_header_that_claims_more_than_the_file_can_hold_is_refused_before_memory_is_taken(tmp_path):
    header = nib.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    header["magic"], header["vox_offset"] = b"n+1", 352
    content = header.binaryblock + bytes(400)
    (tmp_path / "a.nii").write_bytes(content)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(VolumeError, match="cannot hold"):
            Volume.read(tmp_path / name)


def test_a_header_whose_data_file_is_gone_is_refused(tmp_path):
    for ending in (".mhd", ".nhdr"):
        sitk.WriteImage(sitk.GetImageFromArray(integers()), str(tmp_path / f"a{ending}"))
        (tmp_path / "a.raw").unlink()
        with pytest.raises(VolumeError) as caught:
            Volume.read(tmp_path / f"a{ending}")
        assert "data file beside it" in caught.value.hint


def test_missing_files_and_unknown_kinds_are_told_apart(tmp_path):
    with pytest.raises(VolumeError, match="no file"):
        Volume.read(tmp_path / "a.nii")
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(VolumeError, match="not known") as caught:
        Volume.read(tmp_path / "a.jpg")
    assert ".nrrd" in caught.value.hint
    with pytest.raises(VolumeError, match="cannot be written"):
        Volume(integers(), oblique()).write(tmp_path / "a.png")


def test_writing_needs_one_channel_a_folder_and_labels_for_segments(tmp_path):
    with pytest.raises(VolumeError, match="one file"):
        Volume(np.zeros((2, 4, 5, 6)), oblique()).write(tmp_path / "a.nii")
    with pytest.raises(ResourceError, match="no folder"):
        Volume(integers(), oblique()).write(tmp_path / "b" / "a.nii")
    with pytest.raises(VolumeError, match="segmentation, not an image"):
        Volume(integers() * 0.5, oblique()).write(tmp_path / "a.seg.nrrd")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="no right"):
        Volume(integers(), oblique()).write(tmp_path / "a.nii")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.posix
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, ending):
    resource = pytest.importorskip("resource", reason="needs POSIX limits to stand in for a full disk")
    path = tmp_path / f"a{ending}"
    Volume(integers(), oblique()).write(path)
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 60)).astype(np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(ResourceError, match="disk is full"):
            Volume(noise, oblique((40, 60, 60))).write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == [path.name] and np.array_equal(Volume.read(path).array, integers())


def test_the_real_files_are_read_with_their_spacing(shared):
    for name, spacing in (
        ("btp_t1c/BTP-01_v1_t1c.nii.gz", (0.859, 0.859, 6.5)),
        ("remind_t1c/ReMIND-022_t1c.nii.gz", (0.977, 0.977, 1.0)),
        ("med_ddpm_whole_head/sample_3_image.nii.gz", (1.5, 1.5, 1.5)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            volume = Volume.read(shared / "data" / name)
        assert volume.geometry.spacing == pytest.approx(spacing, abs=1e-3) and volume.geometry.is_orthogonal
