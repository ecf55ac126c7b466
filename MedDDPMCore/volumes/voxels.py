"""What a volume's file holds, before it is a `Volume`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.geometry import Geometry

_MOST_CHANNELS = 64
_UNITS = {
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1000.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre", "centimeters", "centimetres"), 10.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"), 0.001),
}


class Voxels(NamedTuple):
    """An array (z, y, x) with its place in the world, and what its label values are called, when the file says so.

    Readers of label maps may give channels, (z, y, x, channel), which `files.read` makes labels of.
    """

    array: np.ndarray
    geometry: Geometry
    label_names: dict[int, str] | None = None


def warn(text: str) -> None:
    """What a user should know of a file; every reader's warnings take this way to the command line and the API."""
    warnings.warn(text, stacklevel=3)


def corners(array: np.ndarray) -> np.ndarray:
    """The eight voxels in the corners of an image (z, y, x, …): (2, 2, 2, …)."""
    return array[np.ix_([0, -1], [0, -1], [0, -1])]


def in_mm(unit: str) -> float:
    """How many mm a unit of length is; 1 for what no unit is named as."""
    return _UNITS.get(unit.strip().lower(), 1.0)


def warn_of_axes(path: Path, lack: str) -> None:
    """Warns that a file does not say how its axes run; lack: what its header lacks, in words."""
    warn(f"{path} does not say how it is oriented ({lack}); left and right may be swapped.")


def warn_of_place(path: Path) -> None:
    """Warns that a file does not say where in the world it lies."""
    warn(f"{path} does not say where it lies (its header has no origin); other images may lie elsewhere.")


def spatial_axes(path: Path, shape: tuple[int, ...], labels: bool, components: int = 1) -> tuple[list[int], int | None]:
    """Which axes of a file's shape (x, y, z, …) are x, y and z, and which holds channels, if one does.

    Axes of one voxel before and after the three are passed over. Channels are for label maps alone, and either axis
    4 or, when it is the shorter, axis 1. components: values a voxel beside these axes. Raises VolumeError for all
    that is not a single 3D volume.
    """
    if min(shape, default=0) < 1:
        raise VolumeError(f"{path} holds no voxel: its shape is {shape}.", "Export it again.")
    keep = list(range(len(shape)))
    while len(keep) > 3 and shape[keep[-1]] == 1:
        keep.pop()
    while len(keep) > 3 and shape[keep[0]] == 1:
        keep.pop(0)
    if len(keep) > 4:
        keep = keep[:3] + [axis for axis in keep[3:] if shape[axis] != 1]
    sizes = tuple(shape[axis] for axis in keep)
    if len(keep) < 3:
        raise VolumeError(
            f"{path} is {len(keep)}D, of shape {sizes}; a 3D volume is needed.",
            "A picture of a slice is not enough: export the whole series.",
        )
    if components > 1 and len(keep) == 3 and not labels:
        raise VolumeError(
            f"{path} holds {components} values a voxel (shape {sizes}, colour or vectors), not one.",
            "Save a single grey-value volume, or for a segmentation a label map.",
        )
    channel = None
    if labels and len(keep) == 4 and components == 1:
        channel = keep[0] if sizes[0] < sizes[3] else keep[3]
        channel = channel if shape[channel] <= _MOST_CHANNELS else None
    keep = [axis for axis in keep if axis != channel]
    if len(keep) > 3:
        raise VolumeError(
            f"{path} is {len(keep)}D, of shape {sizes}; a single 3D volume is needed.",
            "Save the one time point, echo or component that you want as a file of its own.",
        )
    if keep[0] > 0 and channel is None:
        warn(f"{path} has the shape {shape}: its first axis, of one, is taken for a channel, the rest for x, y and z.")
    return keep, channel


def arranged(array: np.ndarray, axes: list[int], channel: int | None) -> np.ndarray:
    """An array in a file's axis order (x, y, z, …) as (z, y, x), or (z, y, x, channel)."""
    order = [*axes[::-1], *([] if channel is None else [channel])]
    rest = [axis for axis in range(array.ndim) if axis not in order]
    turned = array.transpose([*order, *rest])
    return np.ascontiguousarray(turned.reshape(turned.shape[: len(order)]))
