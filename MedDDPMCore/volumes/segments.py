"""Segments, which may overlap, to one label map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.voxels import warn


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
    names = [header.get(f"Segment{number}_Name", header[f"Segment{number}_ID"]) for number in numbers]
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


def from_channels(array: np.ndarray, path: Path) -> np.ndarray:
    """A label map's channels (z, y, x, channel) to labels (z, y, x); VolumeError says what they hold if no labels.

    Channels of 0 and 1: if each voxel lies in exactly one (one-hot), the first is background, 0, and channel n is n;
    else channel n is label n + 1 and the smallest is on top. Equal channels (a grey picture in colours) are one.
    """
    channels = array.shape[-1]
    if (array == array[..., :1]).all() and array.any():
        return array[..., 0]
    values = np.unique(array)
    if set(values.tolist()) <= {0, 1}:
        places = [array[..., channel] != 0 for channel in range(channels)]
        covered = sum(place.astype(np.uint8) for place in places)
        if (covered == 1).all():
            warn(f"{path} is read as one-hot: channel 0 of {channels} as background, channel n as label n.")
            return np.argmax(array, axis=-1).astype(np.uint8)
        overlap = int((covered > 1).sum())
        more = f"; where they overlap ({overlap} voxels) the smallest is on top" if overlap else ""
        warn(f"{path} is read by its {channels} channels: the first as label 1, channel n as label n + 1{more}.")
        return merge(places, list(range(1, channels + 1)))
    if channels in (3, 4) and array.dtype == np.uint8:
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
        f"{path} holds {channels} values a voxel, from {values[0]:.4g} to {values[-1]:.4g}: neither one-hot channels "
        "of 0 and 1 nor one label a voxel.",
        "Save a label map: one whole number a voxel. For probabilities, take the channel that is the largest.",
    )
