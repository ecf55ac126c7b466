"""The brain and white-matter intensity of a T1-like head, for placing simulated lesions: given, or a rough guess."""

from __future__ import annotations

import numpy as np

from ..base.distance import signed_distance
from ..base.errors import TrainingError
from ..base.smoothing import gaussian
from ..volumes.geometry import Geometry, direction_of_axes, triple
from ..volumes.volume import Volume, reorient

TISSUE, OTHER_BRAIN = 1, 2
"""Values of a brain: where lesions may be simulated, and elsewhere in it."""

WHITE_PERCENTILE = 80
SCALP_MM = 12.0
HEIGHT_MM = 125.0
_SMOOTHING_MM2 = 4.0
"""Variance of the Gaussian that smooths images."""
ORBIT_BELOW_MM, ORBIT_DEPTH_MM = 80.0, 48.0
"""Below this from the head's top, what is less than this behind the forehead is orbit and nose, not brain."""


def brain_region(
    image: np.ndarray, head: np.ndarray, spacing: tuple[float, float, float], axes: str = "RAS"
) -> tuple[np.ndarray, float]:
    """image (z, y, x) with air darkest, head (z, y, x) bool, spacing (x, y, z) mm; axes: where x, y and z point.

    Returns the brain (z, y, x) bool, which may hold some skull base, and the intensity of white matter. It looks for
    the largest white-matter-bright part at least SCALP_MM under the skin and at most HEIGHT_MM under the head's top.
    TrainingError where there is no head, or too little of one.
    """
    geometry = Geometry(triple(image.shape), spacing, (0.0, 0.0, 0.0), direction_of_axes(axes))
    upright = reorient(Volume(image, geometry), "RAS")
    inside = reorient(Volume(head.astype(np.uint8), geometry), "RAS").array > 0
    brain, white_matter = _brain_upright(upright.array, inside, upright.geometry.spacing)
    return reorient(Volume(brain.astype(np.uint8), upright.geometry), axes).array > 0, white_matter


def brain_labels(given: np.ndarray, head: np.ndarray) -> np.ndarray:
    """A brain (z, y, x) given as TISSUE, where lesions may lie, and OTHER_BRAIN, cut to the head; uint8.

    TrainingError where other values stand in it, or no tissue.
    """
    if unknown := sorted(set(np.unique(given).tolist()) - {0, TISSUE, OTHER_BRAIN}):
        raise TrainingError(
            f"The brain has the value {unknown[0]}.",
            f"Give {TISSUE} where lesions may be simulated, {OTHER_BRAIN} in the rest of the brain, 0 elsewhere.",
        )
    brain = np.where(head, given, 0).astype(np.uint8)
    if not (brain == TISSUE).any():
        raise TrainingError("The brain has no tissue in the head.")
    return brain


def white_matter_level(image: np.ndarray, tissue: np.ndarray, spacing: tuple[float, float, float]) -> float:
    """The intensity of white matter: the 80th percentile of the smoothed image (z, y, x) in the brain's tissue."""
    return float(np.percentile(_smoothed(image, spacing)[tissue], WHITE_PERCENTILE))


def _smoothed(image: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    return gaussian(image, [_SMOOTHING_MM2 / mm**2 for mm in spacing])


def _brain_upright(
    image: np.ndarray, head: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, float]:
    """Of an image with z upward and y to the front."""
    import SimpleITK as sitk

    def as_image(array: np.ndarray) -> sitk.Image:
        result = sitk.GetImageFromArray(array)
        result.SetSpacing(spacing)
        return result

    def voxels(mm: float) -> list[int]:
        return [max(1, int(round(mm / s))) for s in spacing]

    depth = -signed_distance(head, spacing)
    slices = np.flatnonzero(head.any(axis=(1, 2)))
    if len(slices) == 0:
        raise TrainingError("The head mask is empty.")
    below_top = (slices[-1] - np.arange(head.shape[0])[:, None, None]) * spacing[2]
    core = (depth > 35) & (below_top > 40) & (below_top < 110)
    if not core.any():
        raise TrainingError("The head is too small, or too little of it is in view, to find its brain.")
    smooth = _smoothed(image, spacing)
    white_matter = float(np.percentile(smooth[core], WHITE_PERCENTILE))
    forehead = np.flatnonzero((head & (below_top < 70)).any(axis=(0, 2)))[-1]
    behind = (forehead - np.arange(head.shape[1])[None, :, None]) * spacing[1]
    face = (below_top > ORBIT_BELOW_MM) & (behind < ORBIT_DEPTH_MM)
    as_bright = (smooth > 0.5 * white_matter) & (smooth < 1.35 * white_matter)
    tissue = (depth > SCALP_MM) & (below_top < HEIGHT_MM) & ~face & as_bright
    opened = sitk.BinaryMorphologicalOpening(as_image(tissue.astype(np.uint8)), voxels(5), sitk.sitkBall)
    parts = sitk.GetArrayFromImage(sitk.ConnectedComponent(opened))
    sizes = np.bincount(parts[core])
    sizes[0] = 0
    largest = as_image((parts == max(1, sizes.argmax())).astype(np.uint8))
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(largest, voxels(10), sitk.sitkBall))
    return (sitk.GetArrayFromImage(closed) > 0) & head & ~face, white_matter
