"""DICOM series in folders, and DICOM files that are no images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_series import write_object, write_series
from pydicom.uid import RTStructureSetStorage

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes import dicom
from MedDDPMCore.volumes.volume import Geometry, Volume


def test_a_dicom_series_is_read_in_order_rescaled_and_in_place(tmp_path):
    array = write_series(tmp_path / "s")
    read = Volume.read(tmp_path / "s")
    assert np.array_equal(read.array, array.astype(int) * 2 - 5)
    expected = Geometry((5, 8, 10), (0.8, 0.5, 6.5), (-50, -60, -70), np.eye(3))
    assert read.geometry.matches(expected)


def test_a_tilted_gantry_gives_a_sheared_volume(tmp_path):
    write_series(tmp_path / "s", step=(0.0, 1.5, 6.0))
    geometry = Volume.read(tmp_path / "s").geometry
    assert np.allclose(geometry.to_world([0, 0, 4]), [-50, -54, -46]) and not geometry.is_orthogonal


def test_a_missing_slice_is_named(tmp_path):
    write_series(tmp_path / "s", steps=(0, 1, 3, 4, 5))
    with pytest.raises(VolumeError, match="13.00 mm apart, the others 6.50"):
        Volume.read(tmp_path / "s")


def test_a_folder_with_several_series_or_none_is_refused(tmp_path):
    write_series(tmp_path / "s")
    write_series(tmp_path / "s", steps=(0, 1), series="1.2.4")
    with pytest.raises(VolumeError, match=r"2 DICOM series: T1 axial \(\d files\); T1 axial"):
        Volume.read(tmp_path / "s")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VolumeError, match="no DICOM series"):
        Volume.read(tmp_path / "empty")


def test_a_damaged_slice_is_refused(tmp_path):
    write_series(tmp_path / "s")
    slices = sorted((tmp_path / "s").iterdir())
    slices[2].write_bytes(slices[2].read_bytes()[:-120])
    with pytest.raises(VolumeError):
        Volume.read(tmp_path / "s")


def test_a_series_without_pixel_spacing_is_refused_and_not_read_as_one_millimetre(tmp_path):
    write_series(tmp_path / "s", PixelSpacing=None)
    with pytest.raises(VolumeError, match="PixelSpacing is missing"):
        Volume.read(tmp_path / "s")


def test_slices_with_slopes_of_their_own_keep_their_fractions(tmp_path):
    array = write_series(tmp_path / "s")
    for number, path in enumerate(sorted((tmp_path / "s").iterdir(), key=lambda p: pydicom.dcmread(p).SliceLocation)):
        slice_ = pydicom.dcmread(path)
        slice_.RescaleSlope, slice_.RescaleIntercept = 1 + 0.25 * number, 0
        slice_.save_as(path)
    expected = array * (1 + 0.25 * np.arange(5))[:, None, None]
    assert np.allclose(Volume.read(tmp_path / "s").array, expected)


def test_a_structure_set_is_refused_with_how_to_get_a_label_map(tmp_path):
    write_object(tmp_path / "rs.dcm", RTStructureSetStorage)
    for path in (tmp_path / "rs.dcm", tmp_path):
        with pytest.raises(VolumeError, match="RT structure set, not an image") as caught:
            Volume.read(path, labels=True)
        assert "label map" in caught.value.hint and "3D Slicer" in caught.value.hint


@pytest.mark.parametrize(
    "end, said", [("481.2", "dose"), ("88.11", "report"), ("11.1", "presentation"), ("104.1", "PDF"), ("66.1", "regis")]
)
def test_what_is_no_image_is_refused_by_its_name(tmp_path, end, said):
    write_object(tmp_path / "a", f"1.2.840.10008.5.1.4.1.1.{end}")
    with pytest.raises(VolumeError, match=said):
        Volume.read(tmp_path / "a")


def test_what_is_no_image_is_passed_over_beside_a_series(tmp_path):
    array = write_series(tmp_path / "s")
    write_object(tmp_path / "s" / "rs.dcm", RTStructureSetStorage)
    assert np.array_equal(Volume.read(tmp_path / "s").array, array.astype(int) * 2 - 5)


def test_where_decoders_need_plain_names_a_series_of_other_names_is_read_from_a_copy(tmp_path, monkeypatch):
    array = write_series(tmp_path / "Schädel")
    write_object(tmp_path / "Schädel" / "rs.dcm", RTStructureSetStorage)
    first, second, *_ = sorted((tmp_path / "Schädel").iterdir())
    first.rename(first.with_name("größe.dcm"))
    second.rename(second.with_name("slice-3.dcm"))
    monkeypatch.setattr(dicom, "_NEEDS_ASCII", True)
    opened, read_series = [], dicom._read_series
    monkeypatch.setattr(dicom, "_read_series", lambda names: opened.extend(map(Path, names)) or read_series(names))
    assert np.array_equal(Volume.read(tmp_path / "Schädel").array, array.astype(int) * 2 - 5)
    assert all(str(path).isascii() and not path.exists() for path in opened)


def test_one_slice_is_refused_and_the_folder_asked_for(tmp_path):
    write_series(tmp_path / "s", steps=(0,))
    with pytest.raises(VolumeError, match="one slice"):
        Volume.read(tmp_path / "s")
    with pytest.raises(VolumeError, match="one slice of a series") as caught:
        Volume.read(next((tmp_path / "s").iterdir()))
    assert "folder" in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_a_folder_of_slices_is_named_and_not_waited_for(tmp_path):
    write_series(tmp_path / "s")
    os.mkfifo(tmp_path / "s" / "pipe")
    with pytest.raises(VolumeError, match="pipe"):
        Volume.read(tmp_path / "s")


def test_the_classic_reference_is_read(cases):
    read = Volume.read(cases / "c01_classic_reference")
    assert read.array.shape == (36, 38, 32) and read.geometry.spacing == (6, 6, 6)
