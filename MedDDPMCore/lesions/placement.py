"""Where lesions may lie: the brain inside a head mask, the plane between its halves, and random places.

All of it from the mask alone; its array axes are taken to be nearest to the patient's own, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.distance import signed_distance
from ..base.errors import LabelError
from ..volumes.labels import LabelScheme
from ..volumes.volume import Geometry, Volume, reorient, resample_labels, where_labels
from .shapes import Lesion, lesions_of

WORKING_MM = 3.0
SKULL_MM = 16.0
"""Depth under the head's surface at which the brain begins."""
BRAIN_HEIGHT_MM = (135.0, 80.0)
"""How far below the top of the head the brain reaches: at the back of the head, and at its front."""
_UPPER_MM = 100.0
_STEEPEST_DEGREES = 20.0
_ASTRAY = 0.5
"""A lesion of which a larger share lies outside the brain is warned of."""


@dataclass(frozen=True)
class MidsagittalPlane:
    """The plane between the left and the right half of a head. normal: a unit vector to the patient's left; LPS mm.

    mismatch_mm: the mean distance between the head's surface and its mirror image.
    """

    point: np.ndarray
    normal: np.ndarray
    mismatch_mm: float

    @property
    def reflection(self) -> np.ndarray:
        """4x4: a world point to its mirror image."""
        affine = np.eye(4)
        affine[:3, :3] -= 2 * np.outer(self.normal, self.normal)
        affine[:3, 3] = 2 * float(self.normal @ self.point) * self.normal
        return affine


def brain_in_head(mask: Volume) -> Volume:
    """Roughly where the brain is in a mask (z, y, x) whose non-zero voxels are the head: uint8 0/1 on an upright 3 mm
    grid of its own.

    A stated heuristic: what lies SKULL_MM or more under the head's surface, and no further below its top than a plane
    that falls from the front of the head to its back (BRAIN_HEIGHT_MM). Against the brains found in 24 training MRI of
    healthy adults, 91 % of it is brain (at worst 84 %), and 84 % of the brain is in it. A mask of a brain alone needs
    no such guess. LabelError where the head is too small to hold a brain.
    """
    head = _working(mask)
    depth = -signed_distance(head.array, head.geometry.spacing)
    slices = np.flatnonzero(head.array.any(axis=(1, 2)))
    step_y, step_z = head.geometry.spacing[1:]
    below_top = (slices[-1] - np.arange(head.array.shape[0])) * step_z
    upper = head.array[max(0, slices[-1] - round(_UPPER_MM / step_z)) : slices[-1] + 1]
    rows = np.flatnonzero(upper.any(axis=(0, 2)))
    forward = (np.arange(head.array.shape[1]) - rows[0]) / max(1, rows[-1] - rows[0])
    reach = BRAIN_HEIGHT_MM[0] + (BRAIN_HEIGHT_MM[1] - BRAIN_HEIGHT_MM[0]) * forward
    brain = (depth > SKULL_MM) & (below_top[:, None, None] < reach[None, :, None])
    if not brain.any():
        raise LabelError(
            f"The head is too small to hold a brain: nothing of it lies deeper than {SKULL_MM:g} mm under its surface.",
            "Check the mask's spacing and units, or say where to place the lesion.",
        )
    return Volume(brain.astype(np.uint8), head.geometry)


def astray(mask: Volume, before: Volume | None, scheme: LabelScheme) -> list[str]:
    """What is to be said of lesions of a mask (z, y, x), in the scheme's values, that lie mostly outside the brain, as
    `brain_in_head` has it: in bone, skin or face.

    Lesions all of which is a lesion in `before`, too, on the same voxels, are passed over, and so are heads in which no
    brain is found, and schemes that label the brain.
    """
    lesions = [] if "brain" in scheme.required else lesions_of(mask, scheme)
    if before is not None:
        known = where_labels(before.array, scheme.lesion_values)
        lesions = [lesion for lesion in lesions if not _at(known, mask.geometry, _points(lesion)).all()]
    try:
        brain = brain_in_head(mask) if lesions else mask
    except LabelError:
        return []
    warnings = []
    for lesion in lesions:
        share = 1 - _at(brain.array > 0, brain.geometry, _points(lesion)).mean()
        if share > _ASTRAY:
            right, front, up = (lesion.centre * (-1, -1, 1)).round().astype(int).tolist()
            warnings.append(
                f"{share:.0%} of the lesion at R {right}, A {front}, S {up} mm lies outside the brain as it is "
                "estimated from the head's outline: in bone, skin or face? Look at it in 3D Slicer."
            )
    return warnings


def _points(lesion: Lesion) -> np.ndarray:
    """Where a lesion's voxels lie: (n, 3) LPS mm."""
    return lesion.labels.geometry.to_world(np.argwhere(lesion.labels.array)[:, ::-1])


def _at(where: np.ndarray, geometry: Geometry, points: np.ndarray) -> np.ndarray:
    """Whether points (n, 3) LPS mm lie in a mask (z, y, x) bool."""
    index = np.rint(geometry.to_index(points)).astype(int)
    inside = ((index >= 0) & (index < geometry.size)).all(axis=1)
    x, y, z = np.where(inside[:, None], index, 0).T
    return inside & where[z, y, x]


def midsagittal_plane(mask: Volume, estimate: bool = True) -> MidsagittalPlane:
    """The plane between the halves of a head, the non-zero voxels of a mask (z, y, x).

    Geometric: through the head's centre of mass, at right angles to the array axis that runs nearest from side to
    side. Estimated: from there, yaw, roll and offset are sought at which the upper head's surface falls best onto its
    mirror image.
    """
    head = _working(mask)
    outside = signed_distance(head.array, head.geometry.spacing)
    top = int(np.flatnonzero(head.array.any(axis=(1, 2)))[-1])
    inside = np.argwhere(head.array > 0)[:, ::-1]
    centre = inside.mean(axis=0)
    lowest = top - 150 / head.geometry.spacing[2]
    surface = np.argwhere((head.array > 0) & (outside > -head.geometry.spacing[0] / 2))[:, ::-1]
    surface = surface[surface[:, 2] >= lowest][:: max(1, len(surface) // 4000)].astype(float)
    steps = np.array(head.geometry.spacing)

    def mismatch(yaw: float, roll: float, offset: float) -> float:
        normal = _normal(yaw, roll)
        distance = ((surface - centre) * steps) @ normal - offset
        mirrored = surface - 2 * distance[:, None] * normal / steps
        index = np.clip(np.rint(mirrored), 0, np.array(head.geometry.size) - 1).astype(int)
        return float(np.abs(outside[index[:, 2], index[:, 1], index[:, 0]]).mean())

    best = np.zeros(3)
    least = mismatch(*best)
    limits = np.array([_STEEPEST_DEGREES, _STEEPEST_DEGREES, 15.0])
    step = np.array([8.0, 8.0, 6.0])
    while estimate and step[0] > 0.2:
        moved = False
        for axis in range(3):
            for sign in (1, -1):
                tried = best.copy()
                tried[axis] += sign * step[axis]
                if abs(tried[axis]) <= limits[axis] and (value := mismatch(*tried)) < least - 1e-6:
                    best, least, moved = tried, value, True
        if not moved:
            step = step / 2
    frame = head.geometry.orthonormal_direction()
    normal = frame @ _normal(best[0], best[1])
    return MidsagittalPlane(head.geometry.to_world(centre) + best[2] * normal, -normal, least)


def random_points(
    brain: Volume, taken: np.ndarray, radius_mm: float, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Up to `count` random places (n, 3) LPS mm at which a ball of this radius lies in the brain (z, y, x, 0/1).

    taken: (m, 4) LPS mm and radius of balls to keep clear of. Where no place is deep enough in the brain, the deepest
    serve; where none is clear, LabelError.
    """
    depth = -signed_distance(brain.array, brain.geometry.spacing)
    fits = (brain.array > 0) & (depth >= min(radius_mm, 0.9 * float(depth.max())))
    points = brain.geometry.to_world(np.argwhere(fits)[:, ::-1])
    for x, y, z, radius in taken:
        points = points[np.linalg.norm(points - (x, y, z), axis=1) > radius_mm + radius]
    if not len(points):
        raise LabelError(
            f"There is no room in the brain for a lesion of {radius_mm:.0f} mm radius beside those that are there.",
            "Make it smaller, make fewer, or say where to place it.",
        )
    chosen = points[generator.permutation(len(points))[:count]]
    return chosen + generator.uniform(-0.5, 0.5, chosen.shape) * min(brain.geometry.spacing)


def _normal(yaw: float, roll: float) -> np.ndarray:
    """The x axis (to the right) turned by yaw about z and roll about y, degrees; (x, y, z) in the array's frame."""
    yaw, roll = np.radians((yaw, roll))
    return np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), -np.sin(roll)])


def _working(mask: Volume) -> Volume:
    """A mask's non-zero voxels as uint8 0/1 on an upright (RAS) grid of 3 mm over its own field of view."""
    own = reorient(Volume((mask.array != 0).astype(np.uint8), mask.geometry), "RAS")
    size = np.maximum(np.rint(np.array(own.geometry.extent_mm) / WORKING_MM), 1).astype(int)
    frame = own.geometry.orthonormal_direction()
    first = own.geometry.centre - frame @ ((size - 1) / 2 * WORKING_MM)
    head = resample_labels(own, Geometry(tuple(size[::-1]), (WORKING_MM,) * 3, tuple(first), frame))
    if not head.array.any():
        raise LabelError("The mask has no head.", "Make a head label from an MRI with `medddpm head-mask MRI OUT`.")
    return head
