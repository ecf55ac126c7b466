"""A folder with one DICOM series as a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.geometry import Geometry
from MedDDPMCore.volumes.voxels import Voxels

_POSITION, _ORIENTATION, _DESCRIPTION = "0020|0032", "0020|0037", "0008|103e"
_UNEVEN = 0.1
"""Share by which the distance of two slices may differ from the others'."""


def read(folder: Path) -> Voxels:
    """Read the one DICOM series in a folder (z, y, x), rescaled to the scanner's values.

    Slices lie where their positions say, so a tilted gantry gives a sheared geometry. Raises VolumeError where there
    is no series, more than one, a missing or doubled slice, or a damaged file.
    """
    import SimpleITK as sitk

    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise VolumeError(f"There is no DICOM series in {folder}.", "Give the folder that holds the slices themselves.")
    if len(series) > 1:
        listed = "; ".join(_describe(folder, uid) for uid in series)
        raise VolumeError(
            f"{folder} holds {len(series)} DICOM series: {listed}.", "Give a folder that holds the one you want, alone."
        )
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    try:
        if len(names) == 1:
            image = sitk.ReadImage(names[0])
        else:
            positions = _positions(names)
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(names)
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
    if len(names) > 1:
        affine = geometry.affine_lps
        affine[:3, 2] = (positions[-1] - positions[0]) / (len(names) - 1)
        affine[:3, 3] = positions[0]
        geometry = Geometry.from_affine_lps(affine, geometry.shape)
    return Voxels(sitk.GetArrayFromImage(image), geometry)


def _describe(folder: Path, uid: str) -> str:
    import SimpleITK as sitk

    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
    return f"{_tags(names[0]).get(_DESCRIPTION, 'without description').strip()} ({len(names)} files)"


def _tags(name: str) -> dict[str, str]:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(name)
    reader.ReadImageInformation()
    wanted = (_POSITION, _ORIENTATION, _DESCRIPTION)
    return {key: reader.GetMetaData(key) for key in wanted if reader.HasMetaDataKey(key)}


def _positions(names: tuple[str, ...]) -> np.ndarray:
    """Positions (slice, xyz) in LPS mm of slices in order, checked to be parallel and evenly spaced."""
    positions, orientations = [], []
    for name in names:
        tags = _tags(name)
        if _POSITION not in tags or _ORIENTATION not in tags:
            raise VolumeError(f"{name} does not say where its slice lies.", "Is it an image? Export the series again.")
        positions.append([float(part) for part in tags[_POSITION].split("\\")])
        orientations.append([float(part) for part in tags[_ORIENTATION].split("\\")])
    if np.abs(np.array(orientations) - orientations[0]).max() > 1e-3:
        raise VolumeError(f"The slices in {Path(names[0]).parent} are not parallel.", "Is it a localiser?")
    places = np.array(positions)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    usual = float(np.median(steps))
    for number, step in enumerate(steps):
        if abs(step - usual) > _UNEVEN * usual or step < 1e-3:
            raise VolumeError(
                f"The slices {Path(names[number]).name} and {Path(names[number + 1]).name} are {step:.2f} mm apart, "
                f"the others {usual:.2f} mm.",
                "A slice is missing, or the folder holds several scans (echoes, time points): export the series again.",
            )
    return places
