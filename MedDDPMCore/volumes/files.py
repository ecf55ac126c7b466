"""Volumes read from files: NIfTI, NRRD (3D Slicer's .seg.nrrd included), MetaImage, DICOM files and folders.

Files keep RAS (NIfTI) or LPS (the others); volumes are LPS. An affine that is not orthogonal is kept as it is: the
volume's geometry is then sheared, and resampling follows it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes import dicom, metaimage, nifti, nrrd
from MedDDPMCore.volumes.decoding import require_regular
from MedDDPMCore.volumes.segments import from_channels
from MedDDPMCore.volumes.voxels import Voxels, warn

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
"""What volume files are called, where a folder is searched for them."""
_NIFTI = (".nii", ".nii.gz")
_NRRD = (".nrrd", ".nhdr")
_META = (".mha", ".mhd")


def read(path: Path, labels: bool = False, frames: str = "") -> Voxels:
    """Read one 3D volume: .nii, .nii.gz, .nrrd, .nhdr, .seg.nrrd, .mha, .mhd, a multi-frame DICOM file, a DICOM
    segmentation, or a folder with one DICOM series.

    labels: read as a segmentation, whole numbers of the smallest fitting dtype; NaN or fractions are refused. Images
    keep their integer dtype or become float32; NaN and infinities become the minimum, with a warning. frames: which
    image of a multi-frame DICOM file, see `dicom_frames.read`.
    Axes of one voxel before or after x, y and z are passed over; 2D, colour and other 4D files are refused, but for
    labels in channels (see `segments.from_channels`). Where segments of a layered .seg.nrrd or a DICOM segmentation
    overlap, the smallest is on top. What a header leaves out or says in two ways is warned of.
    Raises VolumeError, also for missing, empty, truncated and damaged files, pipes and devices.
    """
    try:
        voxels = _read(path, labels, frames)
        if voxels.array.ndim == 4:
            voxels = voxels._replace(array=from_channels(voxels.array, voxels.geometry, path))
    except VolumeError as error:
        if str(path) in error.message:
            raise
        raise VolumeError(f"{path}: {error.message}", error.hint) from error
    return voxels._replace(array=_as_labels(voxels.array, path) if labels else _as_image(voxels.array, path))


def _read(path: Path, labels: bool, frames: str) -> Voxels:
    name = path.name.lower()
    if os.path.isdir(path) and not name.endswith(_NIFTI + _NRRD + _META):
        return dicom.read_folder(path, labels, frames)
    size = require_regular(path)
    if name.endswith(_NIFTI):
        return nifti.read(path, size, labels)
    if name.endswith(_NRRD):
        return nrrd.read(path, labels)
    if name.endswith(_META):
        return metaimage.read(path, labels)
    if name.endswith(".dcm") or dicom.sop_class(path):
        return dicom.read_file(path, frames)
    known = ", ".join(_NIFTI + _NRRD + _META)
    raise VolumeError(
        f"The kind of file of {path} is not known.",
        f"Use NIfTI, NRRD, MetaImage ({known}), a DICOM file or a folder with one DICOM series.",
    )


def _native(array: np.ndarray, path: Path) -> np.ndarray:
    """The array in this machine's byte order, of real numbers."""
    if array.dtype.kind not in "biuf":
        raise VolumeError(f"{path} holds {array.dtype} values, not real numbers.", "Save its magnitude.")
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _as_image(array: np.ndarray, path: Path) -> np.ndarray:
    array = _native(array, path)
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    finite = np.isfinite(array)
    if finite.all():
        return array
    if not finite.any():
        raise VolumeError(f"{path} holds no finite value.", "Export it again.")
    warn(
        f"{path} holds {array.size - np.count_nonzero(finite)} voxels that are NaN or infinite; they are set to the "
        "image's minimum.",
    )
    return np.where(finite, array, array[finite].min())


def _as_labels(array: np.ndarray, path: Path) -> np.ndarray:
    array = _native(array, path)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise VolumeError(f"{path} holds NaN or infinite values, which no segmentation does.", "Is it an image?")
        whole = np.rint(array)
        fractions = np.abs(array - whole) > 1e-3
        if fractions.any():
            low, high = float(array.min()), float(array.max())
            probable = low >= 0 and high <= 1.001
            raise VolumeError(
                f"{path} is not a segmentation: {np.count_nonzero(fractions)} voxels hold fractions such as "
                f"{float(array[fractions][0]):.4g}; its values run from {low:.4g} to {high:.4g}.",
                "It looks like a probability map: save where it is above a threshold, such as 0.5, as a label map."
                if probable
                else "Is it an image? Save a label map; resample it with nearest neighbours.",
            )
        array = whole
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if low < -(2**31) or high >= 2**31:
        raise VolumeError(f"{path} holds labels from {low:.4g} to {high:.4g}, which no segmentation does.")
    for dtype in (np.uint8, np.uint16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return array.astype(dtype, copy=False)
    raise AssertionError("unreachable: int32 holds the range checked above")
