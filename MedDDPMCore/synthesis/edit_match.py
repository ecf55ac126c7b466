"""What a model made, matched to the known image around it: an affine fit in the band, then a harmonic correction."""

from __future__ import annotations

import numpy as np

from .lesion_shapes import bounding_box

BAND_MM = 12.0
"""How far around the made region the affine fit looks."""
_GAIN = (0.7, 1.4)
_SWEEPS = 300


def matched(
    made: np.ndarray, known: np.ndarray, unknown: np.ndarray, head: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """The made image (z, y, x) with the known one's intensities: equal to it where unknown is 0, smoothly joined where
    unknown is 1.

    The gain and offset that take made to known in the head, within BAND_MM of the region, are found by least squares
    with the largest residuals left out; then the difference that remains at the region's edge is carried into it as a
    harmonic function (the membrane of Perez et al., Poisson Image Editing, 2003) and added.
    """
    import SimpleITK as sitk

    inside = unknown > 0
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(spacing)
    away = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))
    gain, offset = _affine(made, known, (away > 0) & (away <= BAND_MM) & head)
    made = gain * (made + 1) - 1 + offset
    difference = np.where(inside, 0, known - made)
    box = bounding_box(inside, 1)
    difference[box] = harmonic(difference[box], inside[box])
    return np.where(inside, np.clip(made + difference, -1, 1), known)


def _affine(made: np.ndarray, known: np.ndarray, band: np.ndarray) -> tuple[float, float]:
    """Gain and offset, counted from air (-1), that bring made nearest to known in a band; 1, 0 where there is none."""
    x, y = made[band].astype(float) + 1, known[band].astype(float) + 1
    keep = np.ones(x.size, bool)
    gain, offset = 1.0, 0.0
    for _ in range(3):
        if keep.sum() < 50 or x[keep].std() < 1e-3:
            return 1.0, 0.0
        spread = np.cov(x[keep], y[keep])
        gain = float(np.clip(spread[0, 1] / spread[0, 0], *_GAIN))
        offset = float(y[keep].mean() - gain * x[keep].mean())
        residual = np.abs(gain * x + offset - y)
        keep = residual <= np.quantile(residual, 0.8)
    return gain, offset


def harmonic(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The values (z, y, x), and inside a region the function without curvature that they bound (Jacobi sweeps)."""
    result = values.copy()
    border = result[~inside]
    result[inside] = border.mean() if border.size else 0
    for _ in range(_SWEEPS):
        padded = np.pad(result, 1, mode="edge")
        around = (
            padded[:-2, 1:-1, 1:-1] + padded[2:, 1:-1, 1:-1] + padded[1:-1, :-2, 1:-1] + padded[1:-1, 2:, 1:-1]
            + padded[1:-1, 1:-1, :-2] + padded[1:-1, 1:-1, 2:]
        )  # fmt: skip
        result[inside] = around[inside] / 6
    return result
