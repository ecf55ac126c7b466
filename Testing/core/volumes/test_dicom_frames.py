"""Enhanced multi-frame DICOM images."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Geometry, Volume

VALUES = np.random.default_rng(0).integers(0, 500, (5, 8, 10)).astype(np.uint16)
PLACE = Geometry((5, 8, 10), (0.8, 0.5, 6.5), (-50, -60, -70), np.eye(3))


def item(**values) -> Sequence:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return Sequence([dataset])


def write_frames(path: Path, depths=(0, 1, 2, 3, 4), values=VALUES, slopes=None, spacing=(0.5, 0.8), extra=None):
    """An enhanced MR file of axial frames at depths (in slices of 6.5 mm); extra: functional groups of each frame."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, EnhancedMRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = EnhancedMRImageStorage, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID, file.StudyInstanceUID, file.Modality = "1.2.3", "1.2", "MR"
    file.NumberOfFrames, file.Rows, file.Columns, file.SamplesPerPixel = len(depths), 8, 10, 1
    file.PhotometricInterpretation, file.PixelRepresentation = "MONOCHROME2", 0
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, 16, 15
    shared = item(PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))
    shared[0].PixelMeasuresSequence = item(SliceThickness=6.5, **({"PixelSpacing": list(spacing)} if spacing else {}))
    file.SharedFunctionalGroupsSequence = shared
    frames = []
    for number, depth in enumerate(depths):
        frame = Dataset()
        frame.PlanePositionSequence = item(ImagePositionPatient=[-50.0, -60.0, -70 + 6.5 * depth])
        slope = slopes[number] if slopes else 1
        frame.PixelValueTransformationSequence = item(RescaleSlope=slope, RescaleIntercept=0)
        for name, sequence in (extra(number) if extra else {}).items():
            setattr(frame, name, sequence)
        frames.append(frame)
    file.PerFrameFunctionalGroupsSequence = Sequence(frames)
    file.PixelData = values.tobytes()
    file.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_frames_in_any_order_lie_where_their_positions_say(tmp_path, order):
    write_frames(tmp_path / "a.dcm", order, VALUES[list(order)])
    for path in (tmp_path / "a.dcm", tmp_path):
        read = Volume.read(path)
        assert np.array_equal(read.array, VALUES) and read.geometry.matches(PLACE)


def test_each_frame_is_rescaled_by_its_own_slope(tmp_path):
    write_frames(tmp_path / "a.dcm", slopes=[1, 1.5, 2, 2.5, 3])
    expected = VALUES * np.array([1, 1.5, 2, 2.5, 3])[:, None, None]
    assert np.allclose(Volume.read(tmp_path / "a.dcm").array, expected)
    write_frames(tmp_path / "a.dcm", slopes=[1, 2, 3, 4, 100])
    read = Volume.read(tmp_path / "a.dcm").array
    assert read.dtype == np.int32 and np.array_equal(read[4], VALUES[4].astype(int) * 100)


def test_two_echoes_in_one_file_are_refused_and_named_and_the_one_that_is_said_is_read(tmp_path):
    values = np.concatenate([VALUES, VALUES + 1])

    def echo(number):
        return {"MREchoSequence": item(EffectiveEchoTime=5.0 if number < 5 else 10.0)}

    write_frames(tmp_path / "a.dcm", [*range(5), *range(5)], values, extra=echo)
    for frames in ("", "echo time=7", "stack=1"):
        with pytest.raises(VolumeError, match=r"2 images, told apart by echo time: 5 ms \(5 frames\), 10 ms") as caught:
            Volume.read(tmp_path / "a.dcm", frames=frames)
        assert "--frames 'echo time=5 ms'" in caught.value.hint
    for frames, expected in (("echo time=5 ms", VALUES), ("echo time=10", VALUES + 1)):
        assert np.array_equal(Volume.read(tmp_path / "a.dcm", frames=frames).array, expected)
        assert np.array_equal(Volume.read(tmp_path, frames=frames).array, expected)
    for wrong in ("echo=5", "echo time", "echo time="):
        with pytest.raises(VolumeError, match="which frames are meant"):
            Volume.read(tmp_path / "a.dcm", frames=wrong)


def test_the_magnitude_is_read_where_phase_lies_beside_it_and_said(tmp_path):
    values = np.concatenate([VALUES + 1000, VALUES])

    def component(number):
        return {"MRImageFrameTypeSequence": item(ComplexImageComponent="PHASE" if number < 5 else "MAGNITUDE")}

    write_frames(tmp_path / "a.dcm", [*range(5), *range(5)], values, extra=component)
    with pytest.warns(UserWarning, match="the magnitude is read, not PHASE"):
        read = Volume.read(tmp_path / "a.dcm")
    assert np.array_equal(read.array, VALUES) and read.geometry.matches(PLACE)


def test_frames_of_one_place_that_nothing_tells_apart_are_refused(tmp_path):
    write_frames(tmp_path / "a.dcm", [*range(5), *range(5)], np.concatenate([VALUES, VALUES]))
    with pytest.raises(VolumeError, match="10 frames at 5 places"):
        Volume.read(tmp_path / "a.dcm")


def test_a_gap_between_frames_is_named(tmp_path):
    write_frames(tmp_path / "a.dcm", (0, 1, 3, 4, 5))
    with pytest.raises(VolumeError, match="Frames 2 and 3 of .* 13.00 mm apart, the others 6.50 mm"):
        Volume.read(tmp_path / "a.dcm")


def test_what_a_file_does_not_state_is_not_invented(tmp_path):
    write_frames(tmp_path / "a.dcm", spacing=None)
    with pytest.raises(VolumeError, match="does not say its voxel size"):
        Volume.read(tmp_path / "a.dcm")
    write_frames(tmp_path / "a.dcm")
    file = pydicom.dcmread(tmp_path / "a.dcm")
    del file.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence
    file.save_as(tmp_path / "a.dcm")
    with pytest.raises(VolumeError, match="Frame 4 of .* does not say where it lies"):
        Volume.read(tmp_path / "a.dcm")


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path, part):
    write_frames(tmp_path / "a.dcm")
    content = (tmp_path / "a.dcm").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(VolumeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Volume.read(tmp_path / "a.dcm")


def test_without_pydicom_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    write_frames(tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(VolumeError, match="needs the package pydicom") as caught:
        Volume.read(tmp_path / "a.dcm")
    assert "pip install pydicom" in caught.value.hint


def test_the_enhanced_phantoms_are_the_classic_one_or_refused(cases):
    reference = Volume.read(cases / "c01_classic_reference")
    for name in ("c01_enhanced_ascending", "c01_enhanced_descending"):
        read = Volume.read(cases / name / "im.dcm")
        assert np.array_equal(read.array, reference.array) and read.geometry.matches(reference.geometry)
    one = Volume.read(cases / "c02_enhanced_two_echoes" / "im.dcm", frames="echo time=5")
    assert one.array.shape[0] == 18
    for name, said in (("c02_enhanced_two_echoes", "5 ms .*10 ms"), ("c03b_enhanced_gap", "24.00 mm apart")):
        with pytest.raises(VolumeError, match=said):
            Volume.read(cases / name / "im.dcm")
