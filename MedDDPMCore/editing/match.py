"""What a model made, matched to the known image around it: an affine fit in the band, then a harmonic correction; in
scans of another contrast its level, too, and the enhancement of its lesions."""

from __future__ import annotations

import numpy as np

from ..base.distance import signed_distance
from ..base.smoothing import gaussian
from ..lesions.shapes import bounding_box

BAND_MM = 12.0
"""How far around the made region the affine fit looks."""
RIM_MM = 8.0
"""How deep into the made region its level is read."""
_GAIN = (0.7, 1.4)
_SPREAD = (0.5, 1.0)
_STRENGTH = (1.0, 2.5)
_FEWEST = 50
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
    inside = unknown > 0
    away = signed_distance(inside, spacing)
    gain, offset = _affine(made, known, (away > 0) & (away <= BAND_MM) & head)
    made = gain * (made + 1) - 1 + offset
    difference = np.where(inside, 0, known - made)
    box = bounding_box(inside, 1)
    difference[box] = harmonic(difference[box], inside[box])
    return np.where(inside, np.clip(made + difference, -1, 1), known)


def levelled(
    made: np.ndarray,
    known: np.ndarray,
    unknown: np.ndarray,
    healthy: np.ndarray,
    lesion: np.ndarray,
    spacing: tuple[float, float, float],
    wanted: float | None,
) -> np.ndarray:
    """The made image (z, y, x) at the level of the healthy tissue around the region.

    For scans of another contrast than the model's own: there the model makes tissue of its own contrast, between
    surroundings that it kept. Healthy tissue gets the median, and at most the spread, of that around the region;
    lesions keep their ratio to it, counted from air, or get the ratio `wanted`, if that is larger. healthy, lesion:
    bool. As it was where there is too little healthy tissue.
    """
    inside = unknown > 0.5
    away = signed_distance(inside, spacing)
    around, rim = healthy & (away > 0) & (away <= BAND_MM), healthy & inside & (away > -RIM_MM)
    if min(around.sum(), rim.sum()) < _FEWEST:
        return made
    quarters = (0.25, 0.5, 0.75)
    (low, middle, high), (a, b, c) = np.quantile(known[around], quarters), np.quantile(made[rim], quarters)
    tissue = middle + np.clip((high - low) / max(c - a, 1e-3), *_SPREAD) * (made - b)
    result = np.where(inside, np.clip(tissue, -1, 1), made)
    lesion = lesion & inside
    if lesion.sum() < _FEWEST:
        return result
    soft = _softened(lesion)
    excess = soft * (made - b) * (middle + 1) / max(b + 1, 1e-3)
    plain = result + soft * (middle - result)
    _, tissue = contrast(plain + excess + 1, lesion, healthy, spacing)
    strength = (wanted or 0) * tissue - 1 - plain[lesion].mean()
    strength = np.clip(strength / max(excess[lesion].mean(), 1e-3), *_STRENGTH)
    return np.where(unknown > 0, np.clip(plain + strength * excess, -1, 1), made)


def contrast(
    image: np.ndarray, lesion: np.ndarray, healthy: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[float | None, float]:
    """The mean of an image (z, y, x; air is 0) in lesions over that of healthy tissue 1 to 7 mm around them, and the
    latter; None, 0 where either is too small to tell."""
    if lesion.sum() < _FEWEST:
        return None, 0.0
    box = bounding_box(lesion, int(np.ceil(8 / min(spacing))))
    image, lesion = image[box], lesion[box]
    away = signed_distance(lesion, spacing)
    around = healthy[box] & (away > 1) & (away <= 7)
    if around.sum() < _FEWEST:
        return None, 0.0
    tissue = float(image[around].mean())
    return (float(image[lesion].mean()) / tissue if tissue > 0 else None), tissue


def _softened(region: np.ndarray) -> np.ndarray:
    return gaussian(region, [0.5] * 3)


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
