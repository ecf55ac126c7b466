"""Any head image on one grid, in one intensity, so that images of different origin can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...anatomy.head import head_mask
from ...anatomy.intensity import robust
from ...base.errors import EvaluationError, MedDDPMError
from ...training.data.cases import find_cases
from ...volumes.folder import require_content
from ...volumes.grid import ModelGrid
from ...volumes.plausible import doubt_image
from ...volumes.volume import Geometry, Volume, resample_image, resample_labels

DEPTH_MM = 75.0
"""How far below the top of the head the central axial slice lies: at the ventricles."""


@dataclass(frozen=True)
class StandardHead:
    """image: (z, y, x) float32 in -1..1, air -1. head: (z, y, x) bool. geometry: where the grid lies in the image's
    own world."""

    image: np.ndarray
    head: np.ndarray
    geometry: Geometry


def standard_head(volume: Volume, grid: ModelGrid, mask: Volume | None = None) -> StandardHead:
    """The image (z, y, x), of any contrast, spacing and orientation, on `grid` as it is placed on its head.

    mask: its head mask, where there is one already. Intensities become -1..1 as `anatomy.intensity.ROBUST` says; what
    lies outside the head is -1. Raises VolumeError or EvaluationError for an image that shows no head, or a label map.
    """
    mask = head_mask(volume) if mask is None else mask
    if doubted := doubt_image(volume):
        raise EvaluationError(
            doubted, "Keep masks in a folder of their own, or say what the images' names end with, such as _T1."
        )
    geometry = grid.geometry_for(mask, (1,))
    image = resample_image(volume, geometry).array
    head = resample_labels(mask, geometry).array > 0
    try:
        scaled = robust(image, head)
    except ValueError as error:
        raise EvaluationError(f"There is no head in the image: {error}.") from error
    scaled[~head] = -1
    return StandardHead(scaled, head, geometry)


def read_standard_head(path: Path, grid: ModelGrid) -> StandardHead:
    """The same from a file or DICOM folder; an error names the file."""
    try:
        return standard_head(Volume.read(path), grid)
    except MedDDPMError as error:
        raise type(error)(f"{path.name}: {error.message}", error.hint) from error


def central_voxel(head: np.ndarray, grid: ModelGrid) -> tuple[int, int, int]:
    """The voxel (z, y, x) in the middle of a head's width and depth, DEPTH_MM below its top; head: on the grid."""
    z, y, x = (np.flatnonzero(head.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    depth = round(DEPTH_MM / grid.spacing[2])
    below = max(int(z[0]), int(z[-1]) - depth) if grid.axes[2] == "S" else min(int(z[-1]), int(z[0]) + depth)
    return below, int(y[0] + y[-1]) // 2, int(x[0] + x[-1]) // 2


def find_images(folder: str | Path, suffix: str = "") -> list[Path]:
    """The images of a folder and those below, sorted by path: volume files whose names end in `suffix` (before .nii.gz
    and the like) and not in _mask, _tumor, _head or _brain. EvaluationError where there is none, or one has its content
    elsewhere (`folder.require_content`)."""
    try:
        images = [case.images[0] for case in find_cases(folder, [suffix])]
        for path in images:
            require_content(path)
        return images
    except MedDDPMError as error:
        raise EvaluationError(error.message, error.hint) from error
