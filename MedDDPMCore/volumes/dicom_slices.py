"""What the slices of a series and the frames of a file have in common: planes that are parallel and evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MedDDPMCore.base.errors import VolumeError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

UNEVEN = 0.1
"""Share by which the distance of two slices may differ from the others'."""


def load(path: Path) -> FileDataset:
    """A DICOM file as a pydicom Dataset; VolumeError, saying what to install, where pydicom is missing."""
    try:
        import pydicom
    except ModuleNotFoundError as error:
        raise VolumeError(
            f"{path} is a multi-frame DICOM file, which needs the package pydicom; it is not installed.",
            "pip install pydicom (or medddpmcore[dicom]), or convert the file with dcm2niix.",
        ) from error
    return pydicom.dcmread(path)


def group(dataset: Dataset, frame: Dataset, name: str) -> Dataset | None:
    """The one item of a functional group of a frame, its own or the one all frames share; None if there is neither."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or [None]
    for place in (frame, shared[0]):
        items = place.get(name) if place is not None else None
        if items:
            return items[0]
    return None


def planes(path: Path, dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each frame the position (frame, 3) and orientation (frame, 6) in LPS mm, and the pixel spacing (row, column)
    that all share. Raises VolumeError for what is missing or not parallel."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(frames) != int(dataset.get("NumberOfFrames", 0)) or not frames:
        raise VolumeError(
            f"{path} describes {len(frames)} frames, but holds {dataset.get('NumberOfFrames', 0)}.", "Export it again."
        )
    frame_values = []
    for number, frame in enumerate(frames, start=1):
        values = []
        for name, field, count, what in (
            ("PlanePositionSequence", "ImagePositionPatient", 3, "where it lies"),
            ("PlaneOrientationSequence", "ImageOrientationPatient", 6, "how it is oriented"),
            ("PixelMeasuresSequence", "PixelSpacing", 2, "its voxel size"),
        ):
            item = group(dataset, frame, name)
            value = item.get(field) if item is not None else None
            if value is None or len(value) != count:
                raise VolumeError(f"Frame {number} of {path} does not say {what} ({field}).", "Export it again.")
            values.append([float(part) for part in value])
            if not np.isfinite(values[-1]).all():
                raise VolumeError(
                    f"Frame {number} of {path} does not say {what} in numbers ({field}).", "Export it again."
                )
        frame_values.append(values)
    positions, orientations, spacings = (np.array(part) for part in zip(*frame_values, strict=True))
    if not are_parallel(orientations) or np.abs(spacings - spacings[0]).max() > 1e-3 * spacings[0].min():
        raise VolumeError(f"The frames of {path} are not parallel or not of one voxel size.", "Is it a localiser?")
    return positions, orientations, spacings[0]


def are_parallel(orientations: np.ndarray) -> bool:
    """Whether all slices (slice, 6) face the same way."""
    return bool(np.abs(orientations - orientations[0]).max() <= 1e-3)


def require_even(places: np.ndarray, names: Sequence[str]) -> None:
    """VolumeError where neighbours among sorted positions (slice, 3) are not as far apart as the others; `names` says
    of each pair what it is."""
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    usual = float(np.median(steps))
    for name, step in zip(names, steps, strict=True):
        if abs(step - usual) > UNEVEN * usual or step < 1e-3:
            raise VolumeError(
                f"{name} are {step:.2f} mm apart, the others {usual:.2f} mm.",
                "A slice is missing, or there are several scans (echoes, time points): export the series again.",
            )


def frame_affine(first: np.ndarray, step: np.ndarray, orientation: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """4x4: index (x, y, z, 1) to LPS mm. orientation: of rows and columns (6,); spacing: between rows, columns."""
    affine = np.eye(4)
    affine[:3, 0] = orientation[:3] * spacing[1]
    affine[:3, 1] = orientation[3:] * spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = first
    return affine


def pixels(path: Path, dataset: FileDataset) -> np.ndarray:
    """The stored values (frame, row, column)."""
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise VolumeError(f"{path} holds colours, not one value a voxel.", "Export the image itself.")
    try:
        array = dataset.pixel_array
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        if not dataset.file_meta.TransferSyntaxUID.is_compressed:
            raise
        raise VolumeError(
            f"{path} is compressed ({dataset.file_meta.TransferSyntaxUID.name}), and no decoder for that is installed.",
            "pip install pylibjpeg[all], or decompress it with gdcmconv --raw IN OUT, or convert it with dcm2niix.",
        ) from error
    return array.reshape(-1, *array.shape[-2:])
