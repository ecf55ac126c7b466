"""The fine texture of a scan, noise above all, for what a model made: without it, that is smoother than the scan.

Texture is what a Gaussian of SIGMA_MM takes off. What the made part lacks of it, measured against the tissue around it,
is added as random-phase texture: white noise filtered with the surroundings' own (asymptotic discrete spot noise;
Galerne et al., IEEE Trans. Image Processing 2011), so that it has their power spectrum and none of their anatomy.
"""

from __future__ import annotations

import numpy as np

from ..base.distance import signed_distance
from ..base.smoothing import gaussian
from ..volumes.geometry import Geometry

SIGMA_MM = 1.0
SHELL_MM = 16.0
"""How far around the made part its surroundings are looked at."""
SHARE = 0.8
"""How much of what is lacking is added: the surroundings' texture holds some anatomy, too."""
_LARGEST = 3.0
"""Texture beyond so many robust standard deviations is taken for an edge of the anatomy, and cut to it."""
_FEWEST = 200


def texture(
    scan: np.ndarray, made: np.ndarray, weight: np.ndarray, head: np.ndarray, geometry: Geometry, seed: int
) -> np.ndarray:
    """What to add to (1 - weight) * scan + weight * made, all (z, y, x) float32, for it to be as fine as the scan
    around it, of which the arrays should hold SHELL_MM; float32, 0 where weight is.

    head: bool, where tissue is. The same seed gives the same texture. Nothing is added where what was made is as fine
    as its surroundings, or where these are too small to tell.
    """
    away = signed_distance(weight > 0, geometry.spacing)
    around, inside = (away > 0) & (away <= SHELL_MM) & head, weight > 0.5
    fine = _fine(scan, geometry)
    wanted = _spread(fine[around]) if around.sum() >= _FEWEST else 0.0
    had = _spread(_fine(made, geometry)[inside]) if inside.any() else wanted
    if not had < wanted:
        return np.zeros(scan.shape, np.float32)
    lacking = np.sqrt(np.maximum(wanted**2 * (1 - (1 - weight) ** 2) - (weight * had) ** 2, 0))
    spots = np.where(around, np.clip(fine, -_LARGEST * wanted, _LARGEST * wanted), 0)
    white = np.random.default_rng(seed).standard_normal(scan.shape)
    noise = np.fft.irfftn(np.fft.rfftn(white) * np.fft.rfftn(spots), scan.shape, axes=(0, 1, 2))
    return (SHARE * lacking * noise / _spread(_fine(noise, geometry))).astype(np.float32)


def _fine(image: np.ndarray, geometry: Geometry) -> np.ndarray:
    return image - gaussian(image, [(SIGMA_MM / step) ** 2 for step in geometry.spacing])


def _spread(values: np.ndarray) -> float:
    """A standard deviation that edges do not decide: of a normal distribution with the same median of magnitudes."""
    return float(np.median(np.abs(values))) * 1.4826
