"""Segments, which may overlap, to one label map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.geometry import Geometry
from MedDDPMCore.volumes.names import is_generic, label_of
from MedDDPMCore.volumes.voxels import corners, warn

_GRADED = 0.6
"""Share of the voxels between lowest and highest value from which on labels are a probability map's steps."""
_KNOWN = ("head", "brain", "tumor", "edema", "necrotic_core")
_TYPE = re.compile(r"~[^~|]*~[^~^|]*\^[^~^|]*\^([^~^|]+)")
"""In a segment's tags, 3D Slicer's terminology: context~category~type, as scheme^code^meaning."""


def merge(places: Sequence[np.ndarray], values: Sequence[int]) -> np.ndarray:
    """Where each segment lies (bool, (z, y, x)) to one label array (z, y, x), the smallest segment on top."""
    merged = np.zeros(places[0].shape, np.min_scalar_type(max(values)))
    for number in sorted(range(len(places)), key=lambda n: -int(places[n].sum())):
        merged[places[number]] = values[number]
    return merged


def merge_layers(array: np.ndarray, header: dict[str, str], path: Path) -> tuple[np.ndarray, dict[int, str]]:
    """Layers (z, y, x, layer) of a .seg.nrrd to one label array (z, y, x), and the segments' names.

    Old files, of a layer a segment, state neither layer nor value. A fractional layer counts from the middle of its
    range on, as in 3D Slicer, with a warning. Segments of equal values in several layers are renumbered from 1.
    """
    layers = array.shape[-1]
    numbers = sorted(int(match[1]) for key in header if (match := re.fullmatch(r"Segment(\d+)_ID", key)))
    values = [int(header.get(f"Segment{number}_LabelValue", 1)) for number in numbers]
    layer_of = [int(header.get(f"Segment{number}_Layer", number if layers > 1 else 0)) for number in numbers]
    names = [_name(header, number) for number in numbers]
    fractional = "fractional" in header.get("Segmentation_MasterRepresentation", "").lower()
    if not fractional and layers == 1:
        return array[..., 0], dict(zip(values, names, strict=True))
    if len(set(values)) != len(values):
        values = list(range(1, len(values) + 1))
    if fractional:
        low, high = float(array.min()), float(array.max())
        warn(
            f"{path} holds fractions from {low:g} to {high:g} of a voxel: from {(low + high) / 2:g} on a voxel belongs "
            "to the segment."
        )
        places = [(array[..., layer] >= (low + high) / 2) & (high > low) for layer in layer_of]
    else:
        own = [int(header.get(f"Segment{number}_LabelValue", 1)) for number in numbers]
        places = [array[..., layer] == value for value, layer in zip(own, layer_of, strict=True)]
    if not places:
        return np.zeros(array.shape[:3], np.uint8), {}
    return merge(places, values), dict(zip(values, names, strict=True))


def _name(header: dict[str, str], number: int) -> str:
    """A segment's name; where that says nothing, what its terminology says it is."""
    name = header.get(f"Segment{number}_Name", header[f"Segment{number}_ID"])
    kind = _TYPE.search(header.get(f"Segment{number}_Tags", ""))
    return kind[1] if kind and is_generic(name) and label_of(kind[1], _KNOWN) else name


def from_channels(array: np.ndarray, geometry: Geometry, path: Path) -> np.ndarray:
    """A label map's channels (z, y, x, channel) to labels (z, y, x); VolumeError says what they hold if no labels.

    Channels of 0 and one whole number: if each voxel lies in exactly one (one-hot), the one that fills the image's
    corners is background, 0, and the others are labels from 1 in their order; else channel n is label n + 1 and the
    smallest is on top. Of probabilities that add up to 1 the largest is taken. Equal channels (a grey picture in
    colours) are one.
    """
    channels = array.shape[-1]
    if (array == array[..., :1]).all() and array.any():
        return array[..., 0]
    low, high = float(array.min()), float(array.max())
    inside, whole = array > high / 2, max(1, round(high))
    if low >= 0 and np.abs(array - inside * whole).max() <= 1e-3 * whole and not _is_coloured(array):
        covered = np.count_nonzero(inside, axis=-1)
        if (covered == 1).all():
            return _of_one_hot(inside, path, "as one-hot")
        overlap = int((covered > 1).sum())
        more = f"; where they overlap ({geometry.in_ml(overlap)}) the smallest is on top" if overlap else ""
        warn(f"{path} is read by its {channels} channels: the first as label 1, channel n as label n + 1{more}.")
        return merge([inside[..., channel] for channel in range(channels)], list(range(1, channels + 1)))
    if low >= 0 and np.abs(array.sum(axis=-1) - 1).max() < 0.01:
        largest = np.argmax(array, axis=-1)[..., None] == np.arange(channels)
        return _of_one_hot(largest, path, f"as probabilities from {low:.4g} to {high:.4g}, of which the largest counts")
    if _is_coloured(array):
        colours, counts = np.unique(array.reshape(-1, channels), axis=0, return_counts=True)
        listed = ", ".join(
            f"{tuple(colours[n].tolist())} ({counts[n]} voxels)" for n in np.argsort(-counts, kind="stable")[:6]
        )
        raise VolumeError(
            f"{path} is a picture in colours, not a label map: {len(colours)} colours, the commonest {listed}.",
            "Give each colour a number: save it as a label map (0 background, 1 head, 2 tumor), for instance with 3D "
            "Slicer's Segment Editor.",
        )
    raise VolumeError(
        f"{path} holds {channels} values a voxel, from {low:.4g} to {high:.4g}: neither one-hot channels of 0 and 1 "
        "nor probabilities that add up to 1 nor one label a voxel.",
        "Save a label map: one whole number a voxel. For probabilities, take the channel that is the largest.",
    )


def _is_coloured(array: np.ndarray) -> bool:
    """Whether channels look like red, green, blue and perhaps opacity."""
    return array.shape[-1] in (3, 4) and array.dtype == np.uint8 and bool(array.max() > 1)


def _of_one_hot(inside: np.ndarray, path: Path, how: str) -> np.ndarray:
    """Labels (z, y, x) of channels (z, y, x, channel) of which each voxel lies in one."""
    background = int(np.argmax(corners(inside).sum(axis=(0, 1, 2))))
    channels = inside.shape[-1]
    values = np.arange(1, channels + 1, dtype=np.uint8)
    values[background:] -= 1
    values[background] = 0
    rule = "channel n as label n" if background == 0 else "the others as labels from 1 in their order"
    warn(f"{path} is read {how}: channel {background} of {channels} as background, {rule}.")
    return values[np.argmax(inside, axis=-1)]


def is_graded(array: np.ndarray) -> bool:
    """Whether labels (z, y, x) rise and fall by steps, as those of a probability map of 0 to 100 or 255 do.

    Parts of a tumour, regions of a brain and numbered lesions do not: few of their voxels have a lower value on one
    side and a higher one on another.
    """
    if array.max() < 20 or array.min() < 0 or not array.any():
        return False
    places = [np.flatnonzero(array.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = np.pad(array[tuple(slice(place[0], place[-1] + 1) for place in places)].astype(np.int64), 1)
    between = (box > 0) & (box < box.max())
    lower, higher = (np.zeros(box.shape, bool) for _ in range(2))
    for axis in range(3):
        for step in (1, -1):
            beside = np.roll(box, step, axis)
            lower |= beside < box
            higher |= beside > box
    steep = np.count_nonzero(between & lower & higher)
    return bool(len(np.unique(box[between])) >= 2 and steep > _GRADED * np.count_nonzero(between))


GRADED_HINT = (
    "Its values rise and fall by steps, as those of a probability map: save where it is above half of its largest "
    "value as a label map."
)
