"""DICOM headers that claim more than their files hold."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from dicom_series import write_series

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.dicom_header import meta, require_true_lengths
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def series(tmp_path):
    write_series(tmp_path / "s")
    return sorted((tmp_path / "s").iterdir())


def element(content: bytes, tag: bytes) -> int:
    """Where the explicit element of a tag begins."""
    return content.index(tag, 132)


def test_a_sound_slice_is_let_through_in_explicit_and_implicit_form(series):
    require_true_lengths(series[0])
    slice_ = pydicom.dcmread(series[0])
    slice_.ReferencedImageSequence = [pydicom.Dataset()]
    slice_.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2"
    slice_.save_as(series[0])
    require_true_lengths(series[0])
    slice_.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    slice_.save_as(series[0], implicit_vr=True, little_endian=True)
    require_true_lengths(series[0])
    assert meta(series[0], 0x10) == "1.2.840.10008.1.2"


def test_an_element_longer_than_its_file_is_refused_before_a_decoder_sees_it(series):
    content = bytearray(series[1].read_bytes())
    place = element(content, b"\xe0\x7f\x10\x00OW")
    content[place + 8 : place + 12] = (0xFFFFFFF0).to_bytes(4, "little")
    series[1].write_bytes(content)
    with pytest.raises(VolumeError, match="an element claims 4294967280 bytes"):
        Volume.read(series[1].parent)


def test_a_value_representation_that_there_is_not_is_refused(series):
    content = series[1].read_bytes()
    series[1].write_bytes(content.replace(b"\x02\x00\x03\x00UI", b"\x02\x00\x03\x00UM", 1))
    with pytest.raises(VolumeError, match="nonsense from byte"):
        Volume.read(series[1].parent)


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "ImplicitVRLittleEndian"])
def test_slices_without_a_preamble_are_read_and_their_lengths_looked_at(series, syntax):
    whole = Volume.read(series[0].parent)
    for path in series:
        slice_ = pydicom.dcmread(path)
        slice_.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
        content = io.BytesIO()
        pydicom.filewriter.write_dataset(plain(content, syntax), slice_)
        path.write_bytes(content.getvalue())
    np.testing.assert_array_equal(Volume.read(series[0].parent).array, whole.array)
    content = bytearray(series[1].read_bytes())
    place = content.rindex(b"\xe0\x7f\x10\x00") + (4 if syntax.startswith("Implicit") else 8)
    content[place : place + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    series[1].write_bytes(content)
    with pytest.raises(VolumeError, match="an element claims 4294967280 bytes"):
        Volume.read(series[1].parent)


def plain(stream, syntax: str) -> pydicom.filebase.DicomFileLike:
    """A stream for a data set alone."""
    file = pydicom.filebase.DicomFileLike(stream)
    file.is_little_endian, file.is_implicit_VR = True, syntax.startswith("Implicit")
    return file


def test_rows_and_columns_that_the_voxels_do_not_fill_are_refused(series):
    content = bytearray(series[1].read_bytes())
    place = element(content, b"\x28\x00\x10\x00US")
    content[place + 8 : place + 10] = (65535).to_bytes(2, "little")
    series[1].write_bytes(content)
    with pytest.raises(VolumeError, match="cannot hold"):
        Volume.read(series[1].parent)


def test_no_mutated_slice_ends_in_anything_but_a_volume_or_an_error(series):
    whole, rng, refused = series[1].read_bytes(), np.random.default_rng(0), 0
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(128, len(whole) - 160, 3):
            content[place] = rng.integers(0, 256)
        series[1].write_bytes(content)
        try:
            Volume.read(series[1].parent)
        except VolumeError:
            refused += 1
    assert refused > 10
