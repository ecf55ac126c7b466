"""NRRD headers: every type, encoding and space, and what they leave out."""

from __future__ import annotations

import bz2
import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Volume

VALUES = (np.arange(120) % 7).reshape(4, 5, 6).astype(np.uint8)
"""(z, y, x)"""
PLACED = {"space": "left-posterior-superior", "space directions": "(2,0,0) (0,3,0) (0,0,4)"}


def write(path: Path, data: bytes = VALUES.tobytes(), **fields: str) -> Path:
    """A NRRD whose fields are as given, those of VALUES where not."""
    header = {"type": "uint8", "dimension": "3", "sizes": "6 5 4", "encoding": "raw"}
    header |= {name.replace("_", " "): value for name, value in fields.items()}
    text = "NRRD0004\n# comment\n" + "".join(f"{name}: {value}\n" for name, value in header.items())
    path.write_bytes(text.encode() + b"\n" + data)
    return path


@pytest.mark.parametrize("encoding, pack", [("raw", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_every_encoding_is_read(tmp_path, encoding, pack):
    path = write(tmp_path / "a.nrrd", pack(VALUES.tobytes()), encoding=encoding, **PLACED)
    assert np.array_equal(Volume.read(path).array, VALUES)


def test_text_big_endian_and_skipped_bytes_are_read(tmp_path):
    text = " ".join(str(value) for value in VALUES.ravel()).encode()
    assert np.array_equal(Volume.read(write(tmp_path / "a.nrrd", text, encoding="ascii", **PLACED)).array, VALUES)
    big = {"type": "short", "endian": "big", "byte skip": "-1", **PLACED}
    path = write(tmp_path / "a.nrrd", b"\n\n\n" + VALUES.astype(">i2").tobytes(), **big)
    assert np.array_equal(Volume.read(path).array, VALUES)


def test_a_named_space_places_the_volume(tmp_path):
    for space, expected in (("RAS", [-1, -2, 3]), ("left-posterior-superior", [1, 2, 3]), ("LAS", [1, -2, 3])):
        path = write(tmp_path / "a.nrrd", **(PLACED | {"space": space, "space origin": "(1,2,3)"}))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.allclose(Volume.read(path).geometry.origin, expected)


@pytest.mark.parametrize("space", [{}, {"space": "scanner-xyz"}, {"space dimension": "3"}])
def test_a_file_without_a_patients_space_is_read_with_a_warning(tmp_path, space):
    with pytest.warns(UserWarning, match="left and right may be swapped"):
        read = Volume.read(write(tmp_path / "a.nrrd", spacings="2 3 4", **space), labels=True)
    assert read.geometry.spacing == (2, 3, 4) and np.array_equal(read.array, VALUES)


def test_a_file_without_a_voxel_size_is_read_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="does not state its voxel size; 1 mm"):
        assert Volume.read(write(tmp_path / "a.nrrd")).geometry.spacing == (1, 1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"sizes": "6 5"},
        {"sizes": "6 5 -4"},
        {"sizes": "6 5 99999999999999"},
        {"sizes": "a b c"},
        {"type": "block"},
        {"encoding": "teem"},
        {"space directions": "(1,0,0) (0,1,0)"},
        {"space directions": "(1,0,0) (0,1) (0,0,1)"},
        {"byte skip": "1e9"},
        {"data file": "gone.raw"},
        {"data file": "LIST"},
        {"data file": "part%03d.raw 1 4 1"},
    ],
)
def test_a_header_of_nonsense_is_the_files_error(tmp_path, fields):
    with pytest.raises(VolumeError, match="a.nrrd cannot be read"):
        Volume.read(write(tmp_path / "a.nrrd", **(PLACED | fields)))


def test_a_file_whose_name_is_not_ascii_is_read(tmp_path):
    for name in ("Schädel.nrrd", "頭.nrrd"):
        assert np.array_equal(Volume.read(write(tmp_path / name, **PLACED)).array, VALUES)


def test_the_phantom_without_a_space_is_read_with_a_warning(cases):
    with pytest.warns(UserWarning, match="names no space"):
        read = Volume.read(cases / "c15_no_orientation" / "no_space.nrrd", labels=True)
    assert read.geometry.spacing == (6, 6, 6)


@pytest.mark.parametrize(("unit", "scale"), [("m", 1e-3), ("cm", 0.1), ("um", 1e3), ("mm", 1)])
def test_a_space_in_other_units_is_brought_to_millimetres(tmp_path, unit, scale):
    directions = f"({2 * scale},0,0) (0,{3 * scale},0) (0,0,{4 * scale})"
    fields = {"space": "LPS", "space directions": directions, "space units": f'"{unit}" "{unit}" "{unit}"'}
    read = Volume.read(write(tmp_path / "a.nrrd", **fields, space_origin=f"({scale},{2 * scale},0)"))
    assert np.allclose(read.geometry.spacing, (2, 3, 4)) and np.allclose(read.geometry.origin, (1, 2, 0))


@pytest.mark.parametrize(
    ("fields", "lack"),
    [({"space": "LPS", "spacings": "2 3 4"}, "has no space directions"), (PLACED, "does not say where it lies")],
)
def test_a_patients_space_without_directions_or_origin_is_read_with_a_warning(tmp_path, fields, lack):
    with pytest.warns(UserWarning, match=lack):
        assert Volume.read(write(tmp_path / "a.nrrd", **fields)).geometry.spacing == (2, 3, 4)
