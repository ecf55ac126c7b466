"""Any head image on one grid, in one intensity, so that images of different origin can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EvaluationError, MedDDPMError
from ..grid import ModelGrid
from ..synthesis.head import head_mask
from ..training.cases import find_cases
from ..training.intensity import robust
from ..volume import Geometry, Volume, resample_image, resample_labels


@dataclass(frozen=True)
class StandardHead:
    """image: (z, y, x) float32 in -1..1, air -1. head: (z, y, x) bool. geometry: where the grid lies in the image's
    own world."""

    image: np.ndarray
    head: np.ndarray
    geometry: Geometry


def standard_head(volume: Volume, grid: ModelGrid) -> StandardHead:
    """The image (z, y, x), of any contrast, spacing and orientation, on `grid` as it is placed on its head.

    Intensities become -1..1 as `training.intensity.ROBUST` says; what lies outside the head is -1.
    Raises VolumeError or EvaluationError for an image that shows no head.
    """
    mask = head_mask(volume)
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


def find_images(folder: str | Path, suffix: str = "") -> list[Path]:
    """The images of a folder and those below, sorted by path: volume files whose names end in `suffix` (before .nii.gz
    and the like) and not in _mask, _tumor or _head. EvaluationError where there is none."""
    try:
        return [case.images[0] for case in find_cases(folder, [suffix])]
    except MedDDPMError as error:
        raise EvaluationError(error.message, error.hint) from error
