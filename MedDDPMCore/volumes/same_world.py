"""Whether volumes of one subject lie on each other in the world: an image, its masks, its other modalities."""

from __future__ import annotations

import numpy as np

from ..base.errors import VolumeError
from .geometry import Geometry
from .volume import Volume

FURTHEST_MM = 12.0
"""How far apart what two volumes show may lie: contrasts show the skin, and masks cut the neck, differently."""
_STEP_MM = 4.0
_RIM = 0.5
"""Per cent of voxels on either side that do not count as the edge of what is seen."""
_HINT = (
    "Check in 3D Slicer that the two lie on each other; where the position was lost on the way, export the file again."
)


def require_together(name: str, volume: Volume, of: str, reference: Volume, labels: bool = True) -> str:
    """Says how a volume lies on the reference, both (z, y, x): "" where they hold the same voxels, else a sentence that
    tells that it must be resampled.

    VolumeError with the distance in mm where it does not lie there. Labels of the reference's own shape must lie on its
    voxels, to one of them: a header that says otherwise has lost its place. Anything else is compared by what is seen:
    the edges of a head, or of a lesion within it. What shows less of the head, or more, is not displaced.
    name, of: what the two are called in words, such as "mask" and "image".
    """
    own, other = reference.geometry, volume.geometry
    if other.matches(own):
        return ""
    if labels and sorted(own.shape) == sorted(other.shape):
        turned = other.turned_to(own.direction)
        apart = _between(turned, own) if turned.shape == own.shape else np.inf
        if apart > max(own.spacing):
            apart = max(_between(other, own), float(np.linalg.norm(other.centre - own.centre)))
            raise VolumeError(
                f"The {name} has as many voxels as the {of}, but its header puts them {apart:.0f} mm from it.",
                f"{_HINT} Where both headers are right, resample the {name} to the {of}'s voxels there first.",
            )
    apart = displacement(volume, reference, labels)
    if apart > FURTHEST_MM:
        raise VolumeError(f"The {name} does not lie on the {of}: it is {apart:.0f} mm away.", _HINT)
    return f"The {name} has other voxels than the {of}, and is resampled to them."


def displacement(volume: Volume, reference: Volume, labels: bool = True) -> float:
    """How far (mm) what a volume shows lies from what the reference shows; 0 where one of the two shows nothing.

    Along each axis of the world it is displaced by what both its edges are beyond the reference's in the same sense: so
    a part of the head, or a lesion within it, is displaced by nothing.
    """
    box, other = _seen(volume, labels), _seen(reference, False)
    if box is None or other is None:
        return 0.0
    first, last = box - other
    return float(np.linalg.norm(np.where(first * last > 0, np.minimum(np.abs(first), np.abs(last)), 0.0)))


def _between(first: Geometry, second: Geometry) -> float:
    """The largest distance (mm) between the same corners of two grids of one shape."""
    if first.shape != second.shape:
        return float(np.linalg.norm(first.centre - second.centre))
    return float(np.linalg.norm(first.to_world(first.corners) - second.to_world(second.corners), axis=1).max())


def _seen(volume: Volume, labels: bool) -> np.ndarray | None:
    """The first and last place (2, 3), LPS mm, of labels, or of the largest piece of an image that is brighter than
    air; None where there is nothing."""
    import SimpleITK as sitk

    every = [max(1, int(_STEP_MM / step)) for step in volume.geometry.spacing]
    if labels:
        shown = volume.array != 0
    else:
        every = [min(step, max(1, n // 8)) for step, n in zip(every, volume.geometry.size, strict=True)]
        array = volume.array[:: every[2], :: every[1], :: every[0]].astype(np.float32)
        if not np.isfinite(array).all() or array.min() == array.max():
            return None
        bright = sitk.OtsuThreshold(sitk.GetImageFromArray(array), 0, 1)
        pieces = sitk.RelabelComponent(sitk.ConnectedComponent(bright))
        shown = sitk.GetArrayFromImage(pieces) == 1
    places = np.argwhere(shown)[:, ::-1]
    if not len(places):
        return None
    world = volume.geometry.to_world(places * (1 if labels else np.array(every)))
    return np.percentile(world, [_RIM, 100 - _RIM], axis=0)
