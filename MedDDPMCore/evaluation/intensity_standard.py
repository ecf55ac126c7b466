"""Images of another scanner or sequence in the intensities of a set: histogram standardisation.

After Nyúl and Udupa, "On standardizing the MR image intensity scale" (1999), with the deciles as landmarks (Nyúl, Udupa
and Zhang 2000): landmarks of an image's histogram become those of the set on average, linearly in between. They are
taken in the upper part of the head alone, as scans end at different heights below it.
"""

from __future__ import annotations

import numpy as np

PERCENTILES = (1, *range(10, 100, 10), 99)
HEIGHT_MM = 110.0
"""How much of the head counts, from its top down."""
AIR = -1.0


def landmarks(image: np.ndarray, head: np.ndarray, spacing: tuple[float, float, float], axes: str) -> np.ndarray:
    """PERCENTILES of an image (z, y, x), -1..1, in the upper part of its head (z, y, x) bool. ValueError without one.

    spacing: (x, y, z) mm. axes: where the array's x, y, z point, such as "RAS".
    """
    slices = np.flatnonzero(head.any(axis=(1, 2)))
    if not slices.size:
        raise ValueError("an image without a head has no landmarks")
    depth = np.arange(len(head)) - slices[0] if axes[2] == "I" else slices[-1] - np.arange(len(head))
    upper = head & (depth * spacing[2] < HEIGHT_MM)[:, None, None]
    return np.percentile(image[upper], PERCENTILES)


def standardised(image: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """An image -1 (air) .. 1 whose landmarks `own` become `wanted`; air stays, and above the last landmark the scale is
    that of all of them together."""
    knots, values = (np.concatenate([[AIR], np.maximum.accumulate(marks)]) for marks in (own, wanted))
    knots += np.arange(len(knots)) * 1e-6  # equal landmarks, of an image with few grey values, stay in order
    slope = (values[-1] - AIR) / (knots[-1] - AIR)
    above = values[-1] + (image - knots[-1]) * slope
    return np.clip(np.where(image > knots[-1], above, np.interp(image, knots, values)), -1, 1).astype(np.float32)
