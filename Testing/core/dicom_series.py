"""DICOM series and objects that tests write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid


def write_series(folder: Path, steps=(0, 1, 2, 3, 4), series="1.2.3", step=(0.0, 0.0, 6.5), **tags) -> np.ndarray:
    """Axial DICOM slices `step` mm apart, rescaled by 2 v - 5, their names out of order; array (z, y, x)."""
    folder.mkdir(exist_ok=True)
    array = np.random.default_rng(0).integers(0, 500, (len(steps), 8, 10)).astype(np.uint16)
    for number, place in enumerate(steps):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_ = pydicom.dataset.FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        slice_.SOPClassUID, slice_.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        slice_.SeriesInstanceUID, slice_.StudyInstanceUID, slice_.Modality = series, "1.2", "MR"
        slice_.SeriesDescription, slice_.PatientID, slice_.PatientName = "T1 axial", "p", "p"
        slice_.ImagePositionPatient = [float(a + place * b) for a, b in zip((-50, -60, -70), step, strict=True)]
        slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        slice_.PixelSpacing, slice_.SliceThickness, slice_.SliceLocation = [0.5, 0.8], 6.5, place
        slice_.Rows, slice_.Columns, slice_.SamplesPerPixel = 8, 10, 1
        slice_.PhotometricInterpretation = "MONOCHROME2"
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 12, 11, 0
        slice_.RescaleSlope, slice_.RescaleIntercept = "2", "-5"
        slice_.PixelData = array[number].tobytes()
        for tag, value in tags.items():
            setattr(slice_, tag, value)
        slice_.save_as(folder / f"{series}_{(number * 7) % 11}.dcm", enforce_file_format=True)
    return array


def write_object(path: Path, sop_class: str) -> None:
    """A DICOM file of a class, without voxels."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = pydicom.dataset.FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID, file.StudyInstanceUID, file.PatientID = generate_uid(), "1.2", "p"
    file.save_as(path, enforce_file_format=True)
