"""Volumes read from files: NIfTI, NRRD (3D Slicer's .seg.nrrd included), MetaImage, DICOM folders.

Files keep RAS (NIfTI) or LPS (the others); volumes are LPS. An affine that is not orthogonal is kept as it is: the
volume's geometry is then sheared, and resampling follows it.
"""

from __future__ import annotations

import re
import warnings
import zlib
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.geometry import Geometry
from MedDDPMCore.volumes.voxels import Voxels

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
"""What volume files are called, where a folder is searched for them."""
_NIFTI = (".nii", ".nii.gz")
_ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
_MOST_DENSE = 1100
"""No gzip or zlib stream holds more than about 1030 bytes a byte: a header that claims more is wrong."""


def read(path: Path, labels: bool = False) -> Voxels:
    """Read one 3D volume: .nii, .nii.gz, .nrrd, .nhdr, .seg.nrrd, .mha, .mhd or a folder with one DICOM series.

    labels: read as a segmentation, whole numbers of the smallest fitting dtype; NaN or fractions are refused. Images
    keep their integer dtype or become float32; NaN and infinities become the minimum, with a warning.
    4D files of one component are squeezed; 2D, colour and other 4D files are refused. Where segments of a layered
    .seg.nrrd overlap, the smallest is on top; segments with equal values in several layers are renumbered from 1.
    Raises VolumeError, also for missing, empty, truncated and damaged files.
    """
    if path.is_dir():
        from MedDDPMCore.volumes import dicom

        voxels = dicom.read(path)
    else:
        voxels = _read_file(path)
    return voxels._replace(array=_as_labels(voxels.array, path) if labels else _as_image(voxels.array, path))


def _require_single(path: Path, shape: tuple[int, ...], components: int = 1) -> None:
    """Refuse anything but one scalar 3D volume; shape: (x, y, z, …) without trailing ones."""
    if components > 1 and len(shape) == 3:
        raise VolumeError(
            f"{path} holds {components} values a voxel (shape {shape}, colour or vectors), not one.",
            "Save a single grey-value volume, or for a segmentation a label map.",
        )
    if len(shape) < 3:
        raise VolumeError(
            f"{path} is {len(shape)}D, of shape {shape}; a 3D volume is needed.",
            "A picture of a slice is not enough: export the whole series.",
        )
    if len(shape) > 3 or components > 1:
        raise VolumeError(
            f"{path} is {len(shape)}D, of shape {shape}; a single 3D volume is needed.",
            "Save the one time point, echo or component that you want as a file of its own.",
        )


def _read_file(path: Path) -> Voxels:
    if not path.exists():
        raise VolumeError(f"There is no file {path}.", "Check its name and folder.")
    name = path.name.lower()
    if not name.endswith(_NIFTI + _ITK):
        hint = f"Use NIfTI, NRRD or MetaImage ({', '.join(_NIFTI + _ITK)}), or a folder with one DICOM series."
        raise VolumeError(f"The kind of file of {path} is not known.", hint)
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise VolumeError(f"{path} cannot be opened: {error.strerror}.", "Check the rights on it.") from error
    if size == 0:
        raise VolumeError(f"{path} is empty (0 bytes).", "Export or copy it again.")
    try:
        return _read_nifti(path, size) if name.endswith(_NIFTI) else _read_itk(path)
    except MemoryError as error:
        raise VolumeError(f"{path} does not fit into memory.", "Crop or resample it first.") from error


def _damaged(path: Path, reason: object) -> VolumeError:
    """reason: what the reader said; the last line that says something is the telling one."""
    lines = [line.strip() for line in str(reason).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Reason:", "- could"))]
    last = telling[-1].removeprefix("sitk::ERROR: ") if telling else type(reason).__name__
    return VolumeError(
        f"{path} cannot be read; it is damaged, cut short or not what its name says ({last}).",
        "Copy or export it again; a header such as .nhdr or .mhd needs its data file beside it.",
    )


def _read_nifti(path: Path, file_size: int) -> Voxels:
    import nibabel as nib

    try:
        image = nib.load(path)
        shape, dtype = image.shape, image.get_data_dtype()
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        _require_single(path, shape, len(dtype.fields) if dtype.fields else 1)
        if int(np.prod(shape, dtype=object)) * dtype.itemsize > file_size * _MOST_DENSE:
            raise _damaged(path, f"{file_size} bytes cannot hold the shape {shape}")
        array = np.asarray(image.dataobj).reshape(shape)
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError) as error:
        raise _damaged(path, error) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _damaged(path, error) from error
    return Voxels(np.ascontiguousarray(array.T), Geometry.from_affine_ras(_nifti_affine(image, path), shape[::-1]))


def _nifti_affine(image, path: Path) -> np.ndarray:
    """Index to RAS mm: the sform, else the qform, else the voxel sizes with a warning."""
    header = image.header
    affine = image.affine
    if header["qform_code"] > 0 and not _usable(affine):
        affine = header.get_qform()
    if header["qform_code"] == 0 and header["sform_code"] == 0:
        warnings.warn(
            f"{path} does not say how it is oriented (sform and qform codes are 0); left and right may be swapped.",
            stacklevel=2,
        )
    unit = {"meter": 1000.0, "micron": 0.001}.get(header.get_xyzt_units()[0], 1.0)
    return np.diag([unit, unit, unit, 1.0]) @ affine


def _usable(affine: np.ndarray) -> bool:
    return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-9)


def _read_itk(path: Path) -> Voxels:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        shape = tuple(reader.GetSize())
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        layers = reader.GetNumberOfComponents()
        header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        segmented = path.name.lower().endswith(".seg.nrrd") or "Segment0_ID" in header
        _require_single(path, shape, 1 if segmented else layers)
        image = reader.Execute()
    except RuntimeError as error:
        raise _damaged(path, error) from error
    array = sitk.GetArrayFromImage(image)
    array = array.reshape(shape[::-1] + ((layers,) if layers > 1 else ()))
    dimension = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3]
    geometry = Geometry(shape[::-1], image.GetSpacing()[:3], image.GetOrigin()[:3], direction)
    if segmented:
        try:
            array, names = _merge_layers(array.reshape(*array.shape[:3], layers), header)
        except (ValueError, IndexError) as error:
            raise _damaged(path, error) from error
        return Voxels(array, geometry, names)
    return Voxels(array, geometry)


def _segments(header: dict[str, str], layers: int) -> list[tuple[int, int, str]]:
    """The segments of a .seg.nrrd header: (value, layer, name). Old files, of a layer a segment, state neither."""
    numbers = sorted(int(match[1]) for key in header if (match := re.fullmatch(r"Segment(\d+)_ID", key)))
    return [
        (
            int(header.get(f"Segment{number}_LabelValue", 1)),
            int(header.get(f"Segment{number}_Layer", number if layers > 1 else 0)),
            header.get(f"Segment{number}_Name", header[f"Segment{number}_ID"]),
        )
        for number in numbers
    ]


def _merge_layers(array: np.ndarray, header: dict[str, str]) -> tuple[np.ndarray, dict[int, str]]:
    """Layers (z, y, x, layer) to one label array (z, y, x), the smallest segment on top, and the segments' names."""
    segments = _segments(header, array.shape[-1])
    if array.shape[-1] == 1:
        return array[..., 0], {value: name for value, _, name in segments}
    values = [value for value, _, _ in segments]
    if len(set(values)) != len(values):
        values = list(range(1, len(segments) + 1))
    places = [array[..., layer] == value for value, layer, _ in segments]
    merged = np.zeros(array.shape[:3], np.min_scalar_type(max(values, default=0)))
    for number in sorted(range(len(segments)), key=lambda n: -int(places[n].sum())):
        merged[places[number]] = values[number]
    return merged, {value: name for value, (_, _, name) in zip(values, segments, strict=True)}


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
    warnings.warn(
        f"{path} holds {array.size - np.count_nonzero(finite)} voxels that are NaN or infinite; they are set to the "
        "image's minimum.",
        stacklevel=3,
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
            raise VolumeError(
                f"{path} is not a segmentation: {np.count_nonzero(fractions)} voxels hold fractions such as "
                f"{float(array[fractions][0]):.4g}.",
                "Is it an image or a probability map? Save a label map; resample it with nearest neighbours.",
            )
        array = whole
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if low < -(2**31) or high >= 2**31:
        raise VolumeError(f"{path} holds labels from {low:.4g} to {high:.4g}, which no segmentation does.")
    for dtype in (np.uint8, np.uint16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return array.astype(dtype, copy=False)
    raise AssertionError("unreachable: int32 holds the range checked above")
