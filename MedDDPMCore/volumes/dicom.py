"""DICOM in: a folder with one series, or one multi-frame file or segmentation; which of them by their SOP class."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.decoding import decoding, require_regular, require_room
from MedDDPMCore.volumes.dicom_header import meta, require_true_lengths
from MedDDPMCore.volumes.dicom_slices import are_parallel, require_even
from MedDDPMCore.volumes.geometry import Geometry
from MedDDPMCore.volumes.voxels import Voxels

_POSITION, _ORIENTATION, _DESCRIPTION = "0020|0032", "0020|0037", "0008|103e"
_SPACING, _SLOPE, _INTERCEPT = "0028|0030", "0028|1053", "0028|1052"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_MULTI_FRAME = {_STORAGE + end for end in ("2.1", "2.2", "4.1", "4.4", "30", "128.1", "130", "6.2", "7.2", "7.3")}
_SEGMENTATIONS = {_STORAGE + "66.4", _STORAGE + "66.7"}
_NO_IMAGES = {
    _STORAGE + "481.3": "an RT structure set",
    _STORAGE + "481.2": "an RT dose distribution",
    _STORAGE + "481.5": "an RT plan",
    _STORAGE + "4.2": "an MR spectrum",
    _STORAGE + "66": "raw data",
    _STORAGE + "66.1": "a spatial registration",
    _STORAGE + "66.3": "a deformable registration",
    _STORAGE + "66.5": "a surface segmentation",
    _STORAGE + "66.6": "tractography results",
    _STORAGE + "104.1": "a PDF document",
    _STORAGE + "104.3": "a 3D model (STL)",
    "1.2.840.10008.1.3.10": "a DICOMDIR, an index of files",
}
_NO_IMAGE_FAMILIES = {
    _STORAGE + "481.": "an RT object",
    _STORAGE + "11.": "a presentation state",
    _STORAGE + "88.": "a report",
    _STORAGE + "9.": "a waveform",
    _STORAGE + "104.": "a document",
}
_NEEDS_ASCII = os.name == "nt"
_CONTOURS = (
    "It holds contours, not voxels: load it with its image series in 3D Slicer (extension SlicerRT), export the "
    "segmentation as a label map (.seg.nrrd or .nii.gz), and give that."
)


def sop_class(path: Path) -> str | None:
    """The SOP class UID that a DICOM file's meta header states; None for what is not a DICOM file."""
    return meta(path, 2)


def _no_image(uid: str | None) -> str | None:
    """What a SOP class is, if not an image."""
    families = (description for start, description in _NO_IMAGE_FAMILIES.items() if (uid or "").startswith(start))
    return _NO_IMAGES.get(uid or "") or next(families, None)


def read_file(path: Path, frames: str = "") -> Voxels:
    """A multi-frame image (see `dicom_frames`) or a segmentation (see `dicom_segments`). Raises VolumeError for all
    else, named. frames: which of a multi-frame file's images."""
    from MedDDPMCore.volumes import dicom_frames, dicom_segments

    uid = sop_class(path)
    if uid is None:
        raise VolumeError(f"{path} is no DICOM file.", "Copy or export it again.")
    if description := _no_image(uid):
        contours = uid == _STORAGE + "481.3"
        raise VolumeError(
            f"{path} is {description}, not an image.", _CONTOURS if contours else "Export the image series."
        )
    if uid in _SEGMENTATIONS:
        return dicom_segments.read(path)
    if uid in _MULTI_FRAME:
        return dicom_frames.read(path, frames)
    raise VolumeError(
        f"{path} is one slice of a series, or frames without a place; a 3D volume is needed.",
        "Give the folder that holds all slices of the series, and nothing else.",
    )


def read_folder(folder: Path, labels: bool = False, frames: str = "") -> Voxels:
    """Read the one DICOM series in a folder (z, y, x), rescaled to the scanner's values.

    Slices lie where their positions say, so a tilted gantry gives a sheared geometry. Where a folder holds images and
    segmentations, `labels` are read from the segmentation. What is not an image is passed over beside images. Raises
    VolumeError where there is no series, more than one, a missing or doubled slice, or a damaged file.
    """
    entries, classes, segmentations, others = _sorted_out(folder)
    images = [path for path in classes if path not in segmentations and path not in others]
    if segmentations and (labels or not images):
        return read_file(_only(folder, segmentations, "segmentations"))
    multi = [path for path in images if classes[path] in _MULTI_FRAME]
    if multi:
        return read_file(_only(folder, multi if len(multi) == len(images) else images, "images"), frames)
    if others and not images:
        return read_file(others[0])
    if not any(path.is_file() for path in entries):
        folders = ", ".join(path.name for path in entries if path.is_dir())
        raise VolumeError(
            f"There is no DICOM series in {folder}, and no volume file.",
            f"Give the one of its folders that holds the slices themselves: {folders}." if folders else "It is empty.",
        )
    with series_files(folder) as names:
        return _read_series(names)


@contextmanager
def series_files(folder: Path) -> Iterator[list[str]]:
    """The files of the one series of images in a folder, in the order of its slices, by names that GDCM can open while
    the context lasts. Segmentations and what is no image are passed over. VolumeError where there is no series, more
    than one, or a damaged file."""
    entries, _, segmentations, others = _sorted_out(folder)
    passed_over = {*segmentations, *others}
    files = [path for path in entries if path.is_file() and path not in passed_over]
    for path in files:
        require_true_lengths(path)
    with _plainly_named(folder, files) as place:
        yield _one_series(place, {str(path) for path in passed_over})


def _sorted_out(folder: Path) -> tuple[list[Path], dict[Path, str], list[Path], list[Path]]:
    """What a folder holds that is not hidden, the DICOM files of that with their SOP classes, and which of them are
    segmentations, and which no images."""
    with decoding(folder):
        entries = sorted(folder.iterdir())
    if odd := [path.name for path in entries if path.exists() and not (path.is_file() or path.is_dir())]:
        raise VolumeError(f"{folder} holds pipes or devices ({odd[0]}).", "Give a folder of DICOM files alone.")
    entries = [path for path in entries if not path.name.startswith(".")]
    classes = {path: uid for path in entries if path.is_file() and (uid := sop_class(path))}
    segmentations = [path for path, uid in classes.items() if uid in _SEGMENTATIONS]
    return entries, classes, segmentations, [path for path, uid in classes.items() if _no_image(uid)]


@contextmanager
def _plainly_named(folder: Path, files: list[Path]) -> Iterator[Path]:
    """The folder, or a copy of these files in one of an ASCII name, where GDCM can open no other (Windows)."""
    if not _NEEDS_ASCII or "".join(map(str, files)).isascii():
        yield folder
        return
    root = next((path for path in (tempfile.gettempdir(), os.environ.get("PUBLIC")) if path and path.isascii()), None)
    with tempfile.TemporaryDirectory(dir=root) as copy:
        for path in files:
            name = path.name if path.name.isascii() else path.name.encode("punycode").decode("ascii")
            shutil.copyfile(path, Path(copy) / name)
        yield Path(copy)


def _only(folder: Path, files: list[Path], what: str) -> Path:
    if len(files) > 1:
        listed = ", ".join(path.name for path in files[:6]) + (" …" if len(files) > 6 else "")
        raise VolumeError(f"{folder} holds {len(files)} DICOM {what}: {listed}.", "Give the one file that you want.")
    return files[0]


def _one_series(folder: Path, passed_over: set[str]) -> list[str]:
    import SimpleITK as sitk

    with decoding(folder):
        series = {uid: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in _series(folder)}
    series = {uid: kept for uid, names in series.items() if (kept := [n for n in names if n not in passed_over])}
    if not series:
        raise VolumeError(f"There is no DICOM series in {folder}.", "Give the folder that holds the slices themselves.")
    if len(series) > 1:
        listed = "; ".join(_describe(names) for names in series.values())
        raise VolumeError(
            f"{folder} holds {len(series)} DICOM series: {listed}.", "Give a folder that holds the one you want, alone."
        )
    return next(iter(series.values()))


def _read_series(names: list[str]) -> Voxels:
    """The volume of slices, given in their order."""
    import SimpleITK as sitk

    folder = Path(names[0]).parent
    if len(names) == 1:
        raise VolumeError(
            f"{folder} holds one slice ({Path(names[0]).name}); a 3D volume is needed.", "Export the whole series."
        )
    with decoding(folder):
        tags = [_tags(name) for name in names]
    positions = _positions(names, tags)
    try:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(names)
        if len({(tag.get(_SLOPE), tag.get(_INTERCEPT)) for tag in tags}) > 1:
            reader.SetOutputPixelType(sitk.sitkFloat32)
        image = reader.Execute()
    except RuntimeError as error:
        raise VolumeError(
            f"The DICOM series in {folder} cannot be read ({str(error).strip().splitlines()[-1]}).",
            "A slice may be damaged or of another size: export the series again.",
        ) from error
    shape = tuple(image.GetSize())
    if image.GetNumberOfComponentsPerPixel() > 1 or len(shape) != 3:
        raise VolumeError(
            f"The DICOM series in {folder} has {image.GetNumberOfComponentsPerPixel()} values a voxel and the shape "
            f"{shape}; a single 3D volume is needed.",
            "Is it a screenshot? Export the image itself.",
        )
    geometry = Geometry(shape[::-1], image.GetSpacing(), image.GetOrigin(), np.reshape(image.GetDirection(), (3, 3)))
    affine = geometry.affine_lps
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(names) - 1)
    affine[:3, 3] = positions[0]
    return Voxels(sitk.GetArrayFromImage(image), Geometry.from_affine_lps(affine, geometry.shape))


def _series(folder: Path) -> tuple[str, ...]:
    import SimpleITK as sitk

    told = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what there is to say is said here
    try:
        return sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(told)


def _describe(names: list[str]) -> str:
    with decoding(Path(names[0])):
        return f"{_tags(names[0]).get(_DESCRIPTION, 'without description').strip()} ({len(names)} files)"


def _tags(name: str) -> dict[str, str]:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(name)
    reader.ReadImageInformation()
    require_room(Path(name), int(np.prod(reader.GetSize(), dtype=object)), require_regular(Path(name)))
    wanted = (_POSITION, _ORIENTATION, _DESCRIPTION, _SPACING, _SLOPE, _INTERCEPT)
    return {key: reader.GetMetaData(key) for key in wanted if reader.HasMetaDataKey(key)}


def _positions(names: list[str], tags: list[dict[str, str]]) -> np.ndarray:
    """Positions (slice, xyz) in LPS mm of slices in order, checked to be parallel, measured and evenly spaced."""
    positions, orientations = [], []
    for name, values in zip(names, tags, strict=True):
        if _POSITION not in values or _ORIENTATION not in values:
            raise VolumeError(f"{name} does not say where its slice lies.", "Is it an image? Export the series again.")
        if not values.get(_SPACING, "").strip():
            raise VolumeError(
                f"{name} does not state its voxel size (PixelSpacing is missing).", "Export the series again."
            )
        with decoding(Path(name)):
            positions.append(_numbers(values[_POSITION], 3))
            orientations.append(_numbers(values[_ORIENTATION], 6))
    places = np.array(positions)
    if not are_parallel(np.array(orientations)):
        raise VolumeError(f"The slices in {Path(names[0]).parent} are not parallel.", "Is it a localiser?")
    require_even(
        places, [f"The slices {Path(a).name} and {Path(b).name}" for a, b in zip(names, names[1:], strict=False)]
    )
    return places


def _numbers(text: str, count: int) -> list[float]:
    values = [float(part) for part in text.split("\\")]
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{text} where {count} numbers are needed")
    return values
