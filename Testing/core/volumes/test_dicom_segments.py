"""DICOM segmentations: binary, fractional, overlapping, label maps, with frames left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Geometry, Volume

HEAD = np.zeros((6, 8, 10), bool)
HEAD[1:5, 1:7, 1:9] = True
TUMOR = np.zeros_like(HEAD)
TUMOR[2:4, 3:5, 3:6] = True
PLACE = Geometry((6, 8, 10), (0.8, 0.5, 3), (-50, -60, -70), np.eye(3))
NAMES = ("Head", "Tumor")


def item(**values) -> Sequence:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return Sequence([dataset])


def write_segments(
    path: Path, segments, names=NAMES, meanings=NAMES, kind="BINARY", step=3.0, depths=range(6), most=255
):
    """A segmentation of axial frames; segments: (z, y, x) each; frames without a voxel are left out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, SegmentationStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = SegmentationStorage, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID, file.StudyInstanceUID, file.Modality = "1.2.3", "1.2", "SEG"
    file.SegmentationType, file.Rows, file.Columns, file.SamplesPerPixel = kind, 8, 10, 1
    file.PhotometricInterpretation, file.PixelRepresentation = "MONOCHROME2", 0
    bits = 1 if kind == "BINARY" else 8
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, bits, bits - 1
    if kind == "FRACTIONAL":
        file.SegmentationFractionalType, file.MaximumFractionalValue = "PROBABILITY", most
    described = []
    for number, (name, meaning) in enumerate(zip(names, meanings, strict=True), start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, name
        segment.SegmentedPropertyTypeCodeSequence = item(CodeMeaning=meaning)
        described.append(segment)
    file.SegmentSequence = Sequence(described)
    shared = item(PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))
    measures = {"SpacingBetweenSlices": step} if step else {}
    shared[0].PixelMeasuresSequence = item(SliceThickness=1, PixelSpacing=[0.5, 0.8], **measures)
    file.SharedFunctionalGroupsSequence = shared
    frames, planes = [], []
    for number, segment in enumerate(segments, start=1):
        for depth, plane in zip(depths, segment, strict=True):
            if plane.any():
                frame = Dataset()
                frame.PlanePositionSequence = item(ImagePositionPatient=[-50.0, -60.0, -70 + 3.0 * depth])
                frame.SegmentIdentificationSequence = item(ReferencedSegmentNumber=number)
                frames.append(frame)
                planes.append(plane)
    file.NumberOfFrames, file.PerFrameFunctionalGroupsSequence = len(frames), Sequence(frames)
    stored = np.array(planes, np.uint8)
    file.PixelData = pack_bits(stored, pad=True) if kind == "BINARY" else stored.tobytes()
    file.save_as(path, enforce_file_format=True)


def require_labels(read: Volume, expected: np.ndarray) -> None:
    """The labels lie on their own grid; each voxel of `expected` on PLACE is there, and no other."""
    index = np.argwhere(read.array)
    world = read.geometry.to_world(index[:, ::-1])
    places = np.rint(PLACE.to_index(world)).astype(int)
    found = np.zeros(PLACE.shape, int)
    found[tuple(places.T[::-1])] = read.array[tuple(index.T)]
    assert np.array_equal(found, expected)


def test_segments_are_labels_by_number_and_name_and_the_smaller_is_on_top(tmp_path):
    write_segments(tmp_path / "a.dcm", [HEAD, TUMOR])
    for path in (tmp_path / "a.dcm", tmp_path):
        read = Volume.read(path, labels=True)
        require_labels(read, np.where(TUMOR, 2, HEAD))
        assert read.label_names == {1: "Head", 2: "Tumor"} and read.array.dtype == np.uint8
        assert np.allclose(read.geometry.spacing, (0.8, 0.5, 3))


def test_a_segment_without_a_name_is_called_what_its_code_says(tmp_path):
    write_segments(tmp_path / "a.dcm", [HEAD, TUMOR], names=("Segment_1", "2"), meanings=("Head", "Neoplasm"))
    assert Volume.read(tmp_path / "a.dcm", labels=True).label_names == {1: "Head", 2: "Neoplasm"}


@pytest.mark.parametrize("step", [3.0, None])
def test_slices_without_a_frame_are_background(tmp_path, step):
    apart = HEAD.copy()
    apart[3] = False
    write_segments(tmp_path / "a.dcm", [apart], NAMES[:1], NAMES[:1], step=step)
    require_labels(Volume.read(tmp_path / "a.dcm", labels=True), apart.astype(int))


@pytest.mark.parametrize("most", [255, 100])
def test_fractions_count_from_one_half_and_it_is_said(tmp_path, most):
    fractions = np.where(TUMOR, 0.9, np.where(HEAD, 0.4, 0)) * most
    write_segments(tmp_path / "a.dcm", [fractions.astype(np.uint8)], ["Tumor"], ["Tumor"], "FRACTIONAL", most=most)
    with pytest.warns(UserWarning, match=rf"fractions \(probability\) from 0 to {most}"):
        require_labels(Volume.read(tmp_path / "a.dcm", labels=True), TUMOR.astype(int))


def test_unevenly_spaced_frames_are_refused(tmp_path):
    write_segments(tmp_path / "a.dcm", [HEAD], NAMES[:1], NAMES[:1], step=None, depths=(0, 1, 2, 3.4, 4.4, 5))
    with pytest.raises(VolumeError, match="unevenly spaced"):
        Volume.read(tmp_path / "a.dcm", labels=True)


def test_a_frame_of_a_segment_that_is_not_described_is_the_files_error(tmp_path):
    write_segments(tmp_path / "a.dcm", [HEAD, TUMOR])
    file = pydicom.dcmread(tmp_path / "a.dcm")
    file.SegmentSequence = file.SegmentSequence[:1]
    file.save_as(tmp_path / "a.dcm")
    with pytest.raises(VolumeError, match=r"frames of the segments \[2\]"):
        Volume.read(tmp_path / "a.dcm", labels=True)


def test_the_phantoms_head_and_tumour_lie_in_their_places(cases):
    read = Volume.read(cases / "c04_dicom_seg" / "seg.dcm", labels=True)
    assert read.label_names == {1: "Head", 2: "Tumor"}
    tumour = read.geometry.to_world(np.argwhere(read.array == 2)[:, ::-1]).mean(axis=0)
    assert np.allclose(tumour, (-24, -12, 30), atol=1)
