"""Removes the face from a head image, by the shape of the head alone, so that nobody is known by it.

The bridge of the nose (nasion) is found in the profile of the head mask: the hollow between the tip of the nose and the
forehead. What lies in front of and below it is set to air: brow, eyelids, the front of the eyes, nose, cheeks, mouth
and chin, by a surface that steps down behind the brow and then falls steeply, to pass under the frontal lobes and in
front of the temporal ones. Like quickshear
(Schimke & Hale, 2011) it shears along one surface for the whole width of the face, but needs no brain mask. Ears stay.
"""

from __future__ import annotations

import numpy as np

from ..base.errors import VolumeError
from ..volumes.geometry import Geometry
from ..volumes.volume import Volume, resample_labels

STEPS_MM = ((12.0, 10.0), (22.0, 3.0))
"""(depth, height): up to so far behind the nasion, what lies lower than this above it is removed: brow, then eyes."""
FALL, FALL_FROM_MM = 1.6, 12.0
"""Further behind, the surface falls by FALL mm a mm, as if from the nasion's level at this depth.

Set on 14 IXI heads: of about 1200 ml of brain region (`training.brain`, which holds some skull base) 0 to 0.11 ml lie
below it; 0 to 1.4 ml if the head were tipped 8 degrees from where it was.
"""
DEEPEST_MM = 70.0
"""Nothing further behind the nasion is removed: throat and spine stay."""
_STEP_MM = 2.0
_MIDLINE_MM = 12.0
_NOSE_MM = (60.0, 175.0)
"""How far below the top of the head the tip of the nose may lie."""
_BRIDGE_MM = (8.0, 60.0)
"""How far above the tip of the nose its bridge may lie."""
_CHORD_MM = 72.0
"""How far above the tip of the nose the forehead is touched."""
_FOREHEAD_MM = 40.0
"""Or at least this far below the top."""
_HOLLOW_MM = 3.0
"""A bridge is at least this much behind the line from the tip of the nose to the forehead."""


def deface(volume: Volume, head_mask: Volume, background: float | None = None) -> Volume:
    """The volume (z, y, x), image or labels, with the face set to `background`; all else as it was, dtype too.

    head_mask: (z, y, x), what is not 0 is head, on any geometry that shares the volume's world. background: by default
    the 1st percentile outside the head (0 for labels). Any orientation, obliqueness and handedness; the head should be
    about as upright in the world as heads lie in a scanner. VolumeError where the mask shows no bridge of a nose.
    """
    if volume.array.ndim != 3:
        raise VolumeError(f"A face is removed from a single (z, y, x) volume, not from one of {volume.array.shape}.")
    region = face_region(head_mask, volume.geometry)
    if background is None:
        outside = volume.array[resample_labels(_binary(head_mask), volume.geometry).array == 0]
        background = np.percentile(outside, 1) if outside.size else volume.array.min()
    if volume.array.dtype.kind in "iu":
        background = round(float(background))
    return Volume(
        np.where(region, volume.array.dtype.type(background), volume.array), volume.geometry, volume.label_names
    )


def face_region(head_mask: Volume, geometry: Geometry | None = None) -> np.ndarray:
    """Where the face is, and the air before it: (z, y, x) bool on `geometry`, by default the mask's own."""
    geometry = geometry or head_mask.geometry
    nasion = find_nasion(head_mask)
    region = np.zeros(geometry.shape, bool)
    rows, columns = np.meshgrid(np.arange(geometry.shape[1]), np.arange(geometry.shape[2]), indexing="ij")
    for z in range(geometry.shape[0]):  # a slice at a time: 512^3 voxels' positions would fill the memory
        world = geometry.to_world(np.stack([columns, rows, np.full_like(rows, z)], axis=-1))
        behind, above = world[..., 1] - nasion[1], world[..., 2] - nasion[2]
        surface = -FALL * (behind - FALL_FROM_MM)
        for depth, height in reversed(STEPS_MM):
            surface = np.where(behind < depth, height, surface)
        region[z] = (above < surface) & (behind < DEEPEST_MM)
    return region


def find_nasion(head_mask: Volume) -> np.ndarray:
    """The bridge of the nose in the profile of a head mask (z, y, x): LPS mm. VolumeError where there is none."""
    geometry = _upright(head_mask.geometry)
    head = resample_labels(_binary(head_mask), geometry).array > 0
    levels = np.flatnonzero(np.count_nonzero(head, axis=(1, 2)) >= 20)
    hint = "A mask with a face is needed, as `medddpm head-mask` makes; was the face, or the skull, removed already?"
    missing = VolumeError("No bridge of a nose is seen in the head mask.", hint)
    if not len(levels):
        raise missing
    top = int(levels[-1])
    middle = int(np.median(np.nonzero(head[max(0, top - round(90 / _STEP_MM)) : top])[2]))
    reach = round(_MIDLINE_MM / _STEP_MM)
    profile = np.any(head[:, :, max(0, middle - reach) : middle + reach + 1], axis=2)
    front = np.where(profile.any(axis=1), profile.shape[1] - 1 - np.argmax(profile[:, ::-1], axis=1), -1)
    low, high = (max(0, top - round(mm / _STEP_MM)) for mm in _NOSE_MM[::-1])
    if high <= low:
        raise missing
    tip = low + int(np.flatnonzero(front[low:high] >= front[low:high].max() - 1)[-1])  # the border may cut the nose
    chord = round(_CHORD_MM / _STEP_MM)
    above = np.arange(*(round(mm / _STEP_MM) for mm in _BRIDGE_MM))
    forehead = min(tip + chord, top - round(_FOREHEAD_MM / _STEP_MM))
    above = above[tip + above < forehead]
    if front[tip] < 0 or not len(above) or front[forehead] < 0:
        raise missing
    line = front[tip] + above / (forehead - tip) * (front[forehead] - front[tip])
    hollow = line - front[tip + above]
    deepest = int(np.argmax(hollow))
    if hollow[deepest] * _STEP_MM < _HOLLOW_MM:
        raise missing
    bridge = tip + int(above[deepest])
    return geometry.to_world(np.array([middle, front[bridge], bridge]))


def _binary(mask: Volume) -> Volume:
    return Volume((mask.array > 0).astype(np.uint8), mask.geometry)


def _upright(own: Geometry) -> Geometry:
    """A grid of _STEP_MM along the world's axes (right, front, top) that holds all of a geometry."""
    corners = own.to_world(own.corners)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil((high - low) / _STEP_MM).astype(int) + 1
    return Geometry(tuple(size[::-1]), (_STEP_MM,) * 3, (high[0], high[1], low[2]), np.diag([-1.0, -1.0, 1.0]))
