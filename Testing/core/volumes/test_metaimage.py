"""MetaImage headers: every type and layout, what they leave out, and absurd ones."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Volume

VALUES = (np.arange(120) % 7).reshape(4, 5, 6).astype(np.uint8)
"""(z, y, x)"""
PLACED = {"TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "1 2 3", "ElementSpacing": "2 3 4"}


def write(path: Path, data: bytes = VALUES.tobytes(), **fields: str) -> Path:
    """A MetaImage whose fields are as given, those of VALUES where not."""
    header = {"ObjectType": "Image", "NDims": "3", "DimSize": "6 5 4", "ElementType": "MET_UCHAR"}
    header |= fields
    header |= {"ElementDataFile": header.pop("ElementDataFile", "LOCAL")}
    path.write_bytes("".join(f"{name} = {value}\n" for name, value in header.items()).encode() + data)
    return path


def test_packed_big_endian_and_text_data_are_read(tmp_path):
    packed = write(tmp_path / "a.mha", zlib.compress(VALUES.tobytes()), CompressedData="True", **PLACED)
    big = write(
        tmp_path / "b.mha", VALUES.astype(">i2").tobytes(), ElementType="MET_SHORT", BinaryDataByteOrderMSB="True",
        **PLACED,
    )  # fmt: skip
    text = write(tmp_path / "c.mha", " ".join(map(str, VALUES.ravel())).encode(), BinaryData="False", **PLACED)
    before = write(tmp_path / "d.mha", b"header" + VALUES.tobytes(), HeaderSize="-1", **PLACED)
    for path in (packed, big, text, before):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read = Volume.read(path)
        assert np.array_equal(read.array, VALUES)
        assert read.geometry.spacing == (2, 3, 4) and read.geometry.origin == (1, 2, 3)


def test_a_file_without_orientation_or_spacing_is_read_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="left and right may be swapped"):
        assert Volume.read(write(tmp_path / "a.mha", ElementSpacing="2 3 4")).geometry.spacing == (2, 3, 4)
    with pytest.warns(UserWarning, match="does not state its voxel size; 1 mm"):
        Volume.read(write(tmp_path / "a.mha", TransformMatrix=PLACED["TransformMatrix"]))


@pytest.mark.parametrize(
    "fields",
    [
        {"NDims": "1000000000"},
        {"NDims": "-3"},
        {"NDims": "0", "DimSize": ""},
        {"DimSize": "99999999 99999999 99999999"},
        {"DimSize": "6 5 -4"},
        {"ElementNumberOfChannels": "99999999999"},
        {"ElementNumberOfChannels": "-1"},
        {"ElementType": "MET_STRING"},
        {"TransformMatrix": "1 0 0"},
        {"ElementSpacing": "nan 1 1"},
        {"Offset": "x y z"},
        {"HeaderSize": "999999999999"},
        {"ElementDataFile": "gone.raw"},
        {"ElementDataFile": "LIST"},
        {"CompressedData": "True"},
    ],
)
def test_an_absurd_header_is_the_files_error_and_ends_nothing(tmp_path, fields):
    with pytest.raises(VolumeError, match="a.mha"):
        Volume.read(write(tmp_path / "a.mha", **(PLACED | fields)))


def test_a_header_that_unpacks_to_more_than_its_file_can_hold_is_refused_before_memory_is_taken(tmp_path):
    packed = zlib.compress(bytes(1 << 20))
    path = write(tmp_path / "a.mha", packed, CompressedData="True", DimSize="4096 4096 4096", **PLACED)
    with pytest.raises(VolumeError, match="cannot hold"):
        Volume.read(path)


def test_the_phantom_without_orientation_is_read_with_a_warning(cases):
    with pytest.warns(UserWarning, match="no TransformMatrix"):
        read = Volume.read(cases / "c15_no_orientation" / "no_matrix.mhd", labels=True)
    assert read.geometry.spacing == (6, 6, 6)


def test_an_orientation_of_other_lengths_is_part_of_the_voxels_size(tmp_path):
    turned = write(tmp_path / "a.mha", ElementSpacing="2 3 4", TransformMatrix="2 0 0 0 1 0 0 0 1")
    assert Volume.read(turned).geometry.spacing == (4, 3, 4)
    for wrong in ("1e9 0 0 0 1 0 0 0 1", "0 0 0 0 1 0 0 0 1", "nan 0 0 0 1 0 0 0 1"):
        with pytest.raises(VolumeError):
            Volume.read(write(tmp_path / "b.mha", ElementSpacing="2 3 4", TransformMatrix=wrong))


def test_distances_in_other_units_are_brought_to_millimetres_and_a_missing_origin_is_warned_of(tmp_path):
    fields = PLACED | {"ElementSpacing": "0.2 0.3 0.4", "Offset": "0.1 0.2 0.3", "DistanceUnits": "cm"}
    read = Volume.read(write(tmp_path / "a.mha", **fields))
    assert np.allclose(read.geometry.spacing, (2, 3, 4)) and np.allclose(read.geometry.origin, (1, 2, 3))
    del fields["Offset"]
    with pytest.warns(UserWarning, match="does not say where it lies"):
        Volume.read(write(tmp_path / "a.mha", **fields))
