"""Lesion shapes to place into heads: simulated at a given volume, or saved by the user as small files.

A shape is a Volume of a scheme's lesion labels (z, y, x), small, and placed by the middle of its voxels.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np

from ..base.errors import LabelError, ResourceError, VolumeError
from ..base.files import make_folder
from ..base.resources import own_folder
from ..volumes.folder import is_hidden
from ..volumes.labels import LabelScheme
from ..volumes.volume import Geometry, Volume
from .shapes import Lesion, bounding_box

LARGEST_ML = 500.0
SMALLEST_ML = 0.01
_NAME = re.compile(r"\w[\w .-]*")
_ENDING = ".nii.gz"


def simulated_shape(ml: float, seed: int, value: int) -> Volume:
    """A lesion shape of this volume (to 2 %) as the training's simulation draws them, its voxels
    of this label value.

    One to three lobes, stretched and turned, with a rough surface; another seed is another shape. LabelError where ml
    is not within SMALLEST_ML..LARGEST_ML.
    """
    from ..base.randomness import generator_for
    from .outline import lesion_outline, lesion_radius

    if not SMALLEST_ML <= ml <= LARGEST_ML:
        raise LabelError(f"A lesion of {ml:g} ml cannot be drawn.", f"Ask for {SMALLEST_ML:g} to {LARGEST_ML:g} ml.")
    radius = lesion_radius(ml)
    step = min(1.0, radius / 6)
    half = math.ceil(2.2 * radius / step)
    generator, lobes = generator_for(seed, round(1000 * ml)), 1 + seed % 3
    distance = lesion_outline((2 * half + 1,) * 3, (step,) * 3, (half,) * 3, ml, lobes, generator).numpy()
    wanted = max(1, round(1000 * ml / step**3))
    inside = _connected(distance, wanted)
    array = inside.astype(np.uint8) * value
    window = bounding_box(array > 0, 2)
    return Volume(
        array[window], Geometry(array[window].shape, (step,) * 3, (0.0, 0.0, 0.0), np.diag([-1.0, -1.0, 1.0]))
    )


def _connected(distance: np.ndarray, wanted: int) -> np.ndarray:
    """The one connected piece of lowest distance (z, y, x) with 98 to 102 % of `wanted` voxels, if such there is."""
    import SimpleITK as sitk

    order = np.argsort(distance, axis=None, kind="stable")
    count, piece = wanted, np.zeros(0)
    while np.count_nonzero(piece) < 0.98 * wanted and count <= distance.size:
        lowest = np.zeros(distance.size, np.uint8)
        lowest[order[:count]] = 1
        parts = sitk.ConnectedComponent(sitk.GetImageFromArray(lowest.reshape(distance.shape)))
        piece = sitk.GetArrayFromImage(sitk.RelabelComponent(parts, 0, True)) == 1
        count += max(1, (wanted - np.count_nonzero(piece)) // 2)
    return piece


def library_folder() -> Path:
    """Where saved shapes lie: $MEDDDPM_LESIONS, or lesions in the user's folder; ResourceError where there is none."""
    named = os.environ.get("MEDDDPM_LESIONS")
    folder = Path(named) if named else own_folder("lesions")
    if folder is None:
        raise ResourceError(
            "This user has no home folder to keep shapes in.", "Set MEDDDPM_LESIONS, or give --library."
        )
    return folder


def saved_shapes(folder: Path | None = None) -> dict[str, Path]:
    """Name -> file of every saved shape."""
    folder = folder or library_folder()
    files = sorted(folder.glob(f"*{_ENDING}")) if folder.is_dir() else []
    return {path.name.removesuffix(_ENDING): path for path in files if not is_hidden(path, folder)}


def save_shape(lesion: Lesion, name: str, folder: Path | None = None) -> Path:
    """Saves one lesion of a mask under a name, with its voxel size and orientation but not its place in the head.

    VolumeError for a name that is taken or cannot be a file's, ResourceError for a folder that cannot be written.
    """
    folder = folder or library_folder()
    if not _NAME.fullmatch(name):
        raise VolumeError(f"{name!r} cannot be a shape's name.", "Use letters, digits, spaces, dots and dashes.")
    path = folder / (name + _ENDING)
    if path.exists():
        raise VolumeError(f"There is a shape {name!r} already, {path}.", "Choose another name, or delete that file.")
    make_folder(folder)
    own = lesion.labels.geometry
    placed = Geometry(own.shape, own.spacing, tuple(own.origin - own.centre), own.direction)
    Volume(lesion.labels.array, placed).write(path)
    return path


def load_shape(name_or_path: str | Path, scheme: LabelScheme, folder: Path | None = None) -> Volume:
    """A saved shape by name, or a file with lesion labels. VolumeError where there is none, LabelError where a file
    holds no lesion, or labels that are not lesions in this scheme."""
    known = saved_shapes(folder)
    path = known.get(str(name_or_path), Path(name_or_path))
    if not path.exists():
        raise VolumeError(
            f"There is no saved shape {str(name_or_path)!r}.", f"Saved are: {', '.join(known) or 'none'}."
        )
    shape = Volume.read(path, labels=True)
    values = set(scheme.lesion_values)
    labels = set(np.unique(shape.array).tolist()) - {0}
    if not labels or not labels <= values:
        raise LabelError(
            f"{path} holds the labels {sorted(labels) or 'none'}, not those of a lesion ({sorted(values)}).",
            "Save a lesion with `medddpm lesion save`.",
        )
    window = bounding_box(shape.array > 0)
    array = np.pad(shape.array[window], 2)
    start = np.array([side.start - 2 for side in window[::-1]])
    own = shape.geometry
    return Volume(array, Geometry(array.shape, own.spacing, tuple(own.to_world(start)), own.direction))
