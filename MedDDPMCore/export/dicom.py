"""A synthetic image as a DICOM study: an MR series and a segmentation that say in every place that they are synthetic.

DICOM PS3.3: MR Image IOD (A.4), Segmentation IOD (A.51), Synthetic Data (0008,001C) and the derivation of an image
(C.7.6.1). An image made of a mask is no acquisition: its values are Research Mode, and no repetition or echo time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import MedDDPMError, VolumeError
from ..base.files import new_folder
from ..version import __version__
from ..volumes.dicom import series_files
from ..volumes.labels import LabelMapping
from ..volumes.volume import Geometry, Volume, reorient
from .burn_in import burn_in as with_word
from .record import Record

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LARGEST_SCALED = 32767
"""What the brightest voxel of an image of fractions is stored as."""
_PLANES = {2: "LPS", 1: "LIP", 0: "PIR"}
"""How viewers expect rows, columns and slices to run, by the axis (0: left-right …) across the slices."""
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
_PLACE = ("FrameOfReferenceUID", "PositionReferenceIndicator")


def export_dicom(
    images: Sequence[tuple[Volume, Record]],
    out: str | Path,
    mask: Volume | None = None,
    mapping: LabelMapping | None = None,
    source: str | Path | None = None,
    burn_in: bool = False,
    face_is_removed: bool = False,
) -> list[str]:
    """Writes one study of one or more images, a series each, and returns what the user should know.

    OUT/MR/0001.dcm …, or of several images OUT/MR1/0001.dcm … OUT/MR2/…; with a mask OUT/SEG/mask.dcm, which refers to
    the first. images: (z, y, x) and their records, any orientation and handedness; slices stay slices, turned as
    viewers expect, each voxel at its place in the world. Whole numbers that fit 16 bits are stored as they are, all
    else scaled to 0..LARGEST_SCALED (which is said in DerivationDescription). mask: labels in the same world, on any
    grid; mapping: what they are called. source: a folder with the DICOM series whose patient, study and frame of
    reference the images are to belong to, on purpose; without it all of these are new. burn_in: the word SYNTHETIC in
    the voxels. face_is_removed: of all images, also where the record does not say it.
    Raises VolumeError for an `out` that is there already (nothing is ever written over), a sheared image, or an image,
    mask or source elsewhere than the first image; ResourceError when the disk is full. The folder appears whole or not
    at all.
    """
    require_dicom()
    from .dicom_seg import segmentation

    out = Path(out)
    if out.exists() or out.is_symlink():
        raise VolumeError(f"{out} is there already, and nothing is written over.", "Name a new folder.")
    if not out.parent.is_dir():
        raise VolumeError(f"There is no folder {out.parent}.", "Make it first, or choose another.")
    place = for_viewers(images[0][0]).geometry
    study = _study([record for _, record in images], source, place)
    first_number = 9001 if source else 1
    files: dict[str, Dataset] = {}
    notes: list[str] = []
    segmented: list[Dataset] = []
    for number, (image, record) in enumerate(images, start=1):
        upright = for_viewers(image)
        _require_within(upright.geometry.centre, place, f"image {number}")
        values, how_stored = stored_values(upright.array)
        header = _series(study, record, first_number + number - 1)
        header.DerivationDescription = f"{record.statement} {how_stored}"[:1024]
        header.BurnedInAnnotation = "YES" if burn_in else "NO"
        header.RecognizableVisualFeatures = "NO" if face_is_removed or record.defaced else "YES"
        slices = _slices(with_word(values) if burn_in else values, upright.geometry, header)
        folder = "MR" if len(images) == 1 else f"MR{number}"
        files |= {f"{folder}/{n:04}.dcm": dataset for n, dataset in enumerate(slices, start=1)}
        notes.append(how_stored if len(images) == 1 else f"{record.title}: {how_stored}")
        segmented = segmented or slices
        if record.edited and not source:
            notes.append("No identity is stored, but outside the edited region the voxels are the patient's own.")
    if mask is not None:
        number = first_number + len(images)
        files["SEG/mask.dcm"], more = segmentation(
            mask, mapping, segmented, place, images[0][1], number, keep_names=bool(source)
        )
        notes += more
    _write_whole(out, files)
    return notes


def require_dicom() -> None:
    """MedDDPMError, saying what to install, where the DICOM packages are missing."""
    try:
        import highdicom  # noqa: F401
        import pydicom  # noqa: F401
    except ModuleNotFoundError as error:
        raise MedDDPMError(
            f"DICOM export needs the package {error.name}, which is not installed.", "pip install pydicom highdicom"
        ) from error


def for_viewers(image: Volume) -> Volume:
    """The same voxels, right-handed, rows and columns running as viewers show the slices' plane."""
    if image.array.ndim != 3 or not image.geometry.is_orthogonal:
        raise VolumeError(
            "The image is sheared (its axes do not stand at right angles), which a DICOM series cannot be.",
            "Make it on the model's grid (--grid model), or resample it first.",
        )
    across = int(np.abs(image.geometry.direction[:, 2]).argmax())
    return reorient(image, _PLANES[across])


def stored_values(array: np.ndarray) -> tuple[np.ndarray, str]:
    """Values (z, y, x) as 16-bit whole numbers, and a sentence that says how they came to be."""
    if not np.isfinite(array).all():
        raise VolumeError("The image holds NaN or infinite values.", "Export it from where it was made again.")
    low, high = float(array.min()), float(array.max())
    for dtype in (np.uint16, np.int16):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max and (array.dtype.kind in "iu" or (array == np.rint(array)).all()):
            return array.astype(dtype), "Voxel values are stored as they are."
    step = (high - low) / LARGEST_SCALED
    scaled = np.rint((array.astype(np.float64) - low) / (step or 1)).astype(np.uint16)
    return scaled, f"Voxel values are scaled: the image's own value is {low:.9g} + {step:.9g} x stored."


def _series(study: Dataset, record: Record, number: int) -> Dataset:
    """The attributes that all slices of a series share, as a pydicom Dataset: those of the study and its own."""
    import copy

    from pydicom.uid import MRImageStorage, generate_uid

    header = copy.deepcopy(study)
    header.SOPClassUID = MRImageStorage
    header.ImageType = ["DERIVED", "SECONDARY", "OTHER", "SYNTHETIC"]
    header.SyntheticData = "YES"
    header.Modality = "MR"
    header.SeriesInstanceUID = generate_uid(prefix=None)
    header.SeriesNumber = number
    header.SeriesDescription = record.title[:64]
    header.ProtocolName = record.title[:64]
    header.BodyPartExamined = "HEAD"
    header.PatientPosition = "HFS"
    header.Manufacturer = "MedDDPM (synthetic images)"
    header.ManufacturerModelName = record.model_id[:64]
    header.DeviceSerialNumber = record.model_sha256[:64]
    header.SoftwareVersions = f"MedDDPMCore {__version__}"
    header.ContributingEquipmentSequence = [contribution(record)]
    header.ImageComments = record.statement
    header.LossyImageCompression = "00"
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "RM", "NONE", ""
    header.MRAcquisitionType = "3D"
    header.RepetitionTime = header.EchoTime = header.EchoTrainLength = None
    return header


def contribution(record: Record) -> Dataset:
    """The item of ContributingEquipmentSequence that names the model (purpose: DCM 109100, Synthesizing Equipment)."""
    import highdicom
    from pydicom.sr.codedict import codes

    return highdicom.ContributingEquipment(
        manufacturer="MedDDPM (synthetic images)",
        purpose_of_reference=codes.DCM.SynthesizingEquipment,
        manufacturer_model_name=record.model_id[:64],
        software_versions=f"MedDDPMCore {__version__}",
        device_serial_number=record.model_sha256[:64] or None,
        contribution_datetime=datetime.now(),
        contribution_description=record.statement,
    )


def _study(records: Sequence[Record], source: str | Path | None, geometry: Geometry) -> Dataset:
    """What all series share, as a pydicom Dataset: patient, study and frame of reference, new ones or the source's, and
    the time."""
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    now = datetime.now()
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    record = next((record for record in records if record.edited), records[0])
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.InstanceCreationDate = header.SeriesDate = header.ContentDate = date
    header.InstanceCreationTime = header.SeriesTime = header.ContentTime = time
    for name in (*_PATIENT, *_STUDY, *_PLACE):
        setattr(header, name, "")
    header.StudyInstanceUID = generate_uid(prefix=None)
    header.FrameOfReferenceUID = generate_uid(prefix=None)
    header.StudyDate, header.StudyTime, header.StudyID = date, time, "SYNTHETIC"
    whose = "a scan edited by a model" if record.edited else "not of any person"
    header.StudyDescription = f"{record.kind} images, {whose}"
    header.PatientName = f"SYNTHETIC^{record.model}"[:64]
    header.PatientID = f"SYNTHETIC-{header.StudyInstanceUID[-12:]}"
    header.PatientComments = f"{record.kind} images. {record.limits}"
    if source is None:
        return header
    given = _first_of(Path(source), geometry)
    for name in (*_PATIENT, *_STUDY, *_PLACE):
        if name in given:
            setattr(header, name, str(given[name].value or ""))
    del header.PatientComments, header.StudyDescription  # these speak of the patient and the study, which are real
    if given.get("StudyDescription"):
        header.StudyDescription = str(given.StudyDescription)
    return header


def _require_within(point: np.ndarray, place: Geometry, what: str) -> None:
    """VolumeError where the middle of something lies outside the first image."""
    index = place.to_index(point)
    if (index < -0.5).any() or (index > np.array(place.size) - 0.5).any():
        raise VolumeError(f"The middle of {what} lies outside the first image.", "Are they of the same head?")


def _first_of(source: Path, geometry: Geometry) -> Dataset:
    """The header of a slice of the source series, which must show the image's place."""
    import pydicom

    place = Volume.read(source).geometry
    if not source.is_dir():
        raise VolumeError(f"{source} is no folder with a DICOM series.", "Identity can be kept of DICOM alone.")
    middle = place.to_index(geometry.centre)
    if (middle < -0.5).any() or (middle > np.array(place.size) - 0.5).any():
        raise VolumeError(
            f"The middle of the image lies outside the series in {source}.",
            "Give the series that the mask was painted on; another patient's identity is never put on an image.",
        )
    with series_files(source) as names:
        return pydicom.dcmread(names[0], stop_before_pixels=True)


def _slices(values: np.ndarray, geometry: Geometry, header: Dataset) -> list[Dataset]:
    """One pydicom Dataset a slice (row, column), from the first to the last along the slices' normal."""
    import copy

    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    frame = geometry.orthonormal_direction()
    low, high = np.percentile(values, (1, 99.8))
    slices = []
    for index, pixels in enumerate(values):
        dataset = copy.deepcopy(header)
        position = geometry.to_world(np.array([0, 0, index]))
        dataset.SOPInstanceUID = generate_uid(prefix=None)
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = [_decimal(part) for part in position]
        dataset.ImageOrientationPatient = [_decimal(part) for part in frame[:, :2].T.ravel()]
        dataset.SliceLocation = _decimal(position @ frame[:, 2])
        column, row, between = (_decimal(step) for step in geometry.spacing)
        dataset.PixelSpacing = [row, column]
        dataset.SliceThickness = dataset.SpacingBetweenSlices = between
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = int(values.dtype.kind == "i")
        dataset.WindowCenter = _decimal((low + high) / 2)
        dataset.WindowWidth = _decimal(max(high - low, 1))
        dataset.set_pixel_data(np.ascontiguousarray(pixels), "MONOCHROME2", 16, generate_instance_uid=False)
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        slices.append(dataset)
    return slices


def _decimal(number: float) -> str:
    """A decimal string of at most 16 characters, exact to 1e-10 (mm) for what fits."""
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(round(float(number), 10) + 0.0)


def _write_whole(out: Path, files: dict[str, Dataset]) -> None:
    """Writes datasets by relative path into the new folder `out`, which appears when all of them are written."""
    import pydicom

    with new_folder(out) as part:
        for name, dataset in files.items():
            path = part / name
            path.parent.mkdir(exist_ok=True)
            pydicom.dcmwrite(path, dataset, enforce_file_format=True)
