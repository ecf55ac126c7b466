"""Which voxels of a patient's image an edit may change, how softly, and how mass effect bends the image beforehand."""

from __future__ import annotations

import numpy as np

from ..base.distance import signed_distance
from ..base.errors import LabelError
from ..lesions.shapes import Lesion, bounding_box
from ..volumes.geometry import Window, triple
from ..volumes.same_world import require_together
from ..volumes.volume import Geometry, Volume, resample_labels

MARGIN_MM = 8.0
"""How far beyond changed labels the image is made anew, where no edit mask says it."""
BLEND_MM = 6.0
"""Over which depth from the region's edge the patient's image passes into the made one."""
SKULL_MM = (8.0, 22.0)
"""Depths under the head's surface between which mass effect fades in: the skull stays where it is."""
REACH = 3.0
"""How far mass effect reaches, in radii of the lesion."""


def on_voxels_of(mri: Volume, name: str, mask: Volume, notes: list[str]) -> Volume:
    """A mask on the MRI's voxels, resampled where it has others, of which the notes then tell.

    VolumeError where it does not lie on the MRI.
    """
    note = require_together(name, mask, "MRI", mri)
    if not note:
        return mask
    notes.append(note)
    return resample_labels(mask, mri.geometry)


def changed_region(
    changed: np.ndarray, head: np.ndarray, geometry: Geometry, margin_mm: float = MARGIN_MM
) -> np.ndarray:
    """What lies within margin_mm of changed voxels, inside the head; all (z, y, x) bool."""
    if not changed.any():
        raise LabelError(
            "There is nothing to edit: the two masks are the same.",
            "Change the lesion in the new mask, or give the region to make anew with --edit-mask.",
        )
    voxels = int(np.ceil(margin_mm / min(geometry.spacing))) + 1
    window = bounding_box(changed, voxels)
    region = np.zeros(changed.shape, bool)
    region[window] = signed_distance(changed[window], geometry.spacing) <= margin_mm
    return region & head


def reached(region: np.ndarray, geometry: Geometry, grid: Geometry) -> np.ndarray:
    """The part of a region (z, y, x) bool, of geometry's voxels, whose voxels have their middle in a voxel of the grid.
    LabelError if there is none."""
    window = bounding_box(region)
    first = np.array([side.start for side in window[::-1]])
    corner, *ends = grid.to_index(geometry.to_world(first + np.vstack([np.zeros(3), np.eye(3)])))
    z, y, x = np.ogrid[tuple(slice(side.stop - side.start) for side in window)]
    inside = region[window].copy()
    for axis, n in enumerate(grid.size):
        along_x, along_y, along_z = (end[axis] - corner[axis] for end in ends)
        index = corner[axis] + along_x * x + along_y * y + along_z * z
        inside &= np.abs(index - (n - 1) / 2) < n / 2 - 1e-6
    if not inside.any():
        raise LabelError("The region to edit lies outside the model's field of view.", "Edit nearer to the brain.")
    result = np.zeros(region.shape, bool)
    result[window] = inside
    return result


def weights(region: np.ndarray, geometry: Geometry, blend_mm: float = BLEND_MM) -> np.ndarray:
    """How much of each voxel (z, y, x) is to be the made image: 0 outside the region, rising smoothly to 1 over
    blend_mm of depth, or over half its greatest depth where it is thinner; float32."""
    window = bounding_box(region, 2)
    depth = signed_distance(~np.pad(region[window], 1), geometry.spacing)[1:-1, 1:-1, 1:-1]
    share = np.clip(depth / min(blend_mm, max(float(depth.max()) / 2, 1e-3)), 0, 1)
    result = np.zeros(region.shape, np.float32)
    result[window] = np.where(region[window], share * share * (3 - 2 * share), 0)
    return result


def pushed(
    mri: Volume, head: np.ndarray, lesions: list[Lesion], strength: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The image (z, y, x) with its tissue pushed outward by lesions that grew in it.

    strength: the share (0..1) of the largest push that does not fold the tissue (`deformation.STEEPEST` of a lesion's
    radius). Nothing moves in the skull and outside it, so the head's outline stays. Returns the image as float32, where
    it moved (bool), and the largest displacement in mm.
    """
    import torch

    from ..base.deformation import STEEPEST, radial_push, unfolded, warp

    image, moved, furthest = mri.array.astype(np.float32), np.zeros(mri.array.shape, bool), 0.0
    for lesion in lesions:
        radius = (3000 * lesion.ml / (4 * np.pi)) ** (1 / 3)
        reach = REACH * radius
        middle = mri.geometry.to_index(lesion.centre)[::-1]
        spacing = np.array(mri.geometry.spacing[::-1])
        low = np.maximum(np.floor(middle - reach / spacing).astype(int) - 1, 0)
        high = np.minimum(np.ceil(middle + reach / spacing).astype(int) + 2, mri.array.shape)
        window = triple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        free = _free(head, window, mri.geometry)
        shape = free.shape
        field = radial_push(
            shape, mri.geometry.spacing, tuple(middle - low), radius, strength * STEEPEST * radius, reach
        )
        field = unfolded(field * torch.from_numpy(free), mri.geometry.spacing)
        length = torch.linalg.vector_norm(field, dim=0).numpy()
        bent = warp(torch.from_numpy(image[window])[None], field, mri.geometry.spacing)[0].numpy()
        image[window] = np.where(length > 0, bent, image[window])
        moved[window] |= length > 0
        furthest = max(furthest, float(length.max()))
    return image, moved, furthest


def _free(head: np.ndarray, window: Window, geometry: Geometry) -> np.ndarray:
    """How freely tissue moves in a window (z, y, x): 0 in the skull and outside the head, 1 well inside; float32."""
    border = [int(np.ceil(SKULL_MM[1] / step)) + 1 for step in geometry.spacing[::-1]]
    wide = tuple(
        slice(max(0, w.start - b), min(n, w.stop + b)) for w, b, n in zip(window, border, head.shape, strict=True)
    )
    depth = -signed_distance(head[wide], geometry.spacing)
    inner = tuple(slice(w.start - v.start, w.stop - v.start) for w, v in zip(window, wide, strict=True))
    share = np.clip((depth[inner] - SKULL_MM[0]) / (SKULL_MM[1] - SKULL_MM[0]), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)
