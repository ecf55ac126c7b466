"""How scanner intensities become -1..1."""

from __future__ import annotations

import numpy as np

WHITE = 0.6
"""What the brightest healthy tissue (the 99.5th percentile in the head) becomes; up to 1 is for enhancing lesions."""
ROBUST = (
    f"air (the 1st percentile outside the head, or 0) is -1, the 99.5th percentile inside the head is {WHITE}, "
    "clipped to -1..1"
)
PER_SLICE = (
    "each slice across the model's z axis is scaled from its minimum (-1) to its maximum (1); a constant slice is -1"
)
MIN_MAX = "each volume is scaled from its minimum (-1) to its maximum (1); a constant volume is -1"
CONVENTIONS = {"robust": ROBUST, "per_slice": PER_SLICE, "min_max": MIN_MAX}
_WORDS = {
    "percentile inside the head": "robust",
    "each slice": "per_slice",
    "each volume is scaled": "min_max",
    "each modality's volume": "min_max",
}
"""By what words models tell their convention that were written before it had a name in them."""


def convention_in(text: str) -> str:
    """The name of the convention that such a model's words tell; "" where they tell none."""
    return next((name for words, name in _WORDS.items() if words in text), "")


def robust(image: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Whole-volume scaling of (z, y, x) intensities to float32 -1..1, as ROBUST says. head: (z, y, x) bool, not empty.

    ValueError where the head is no brighter than the air.
    """
    outside = image[~head]
    dark = float(np.percentile(outside, 1)) if outside.size else 0.0
    bright = float(np.percentile(image[head], 99.5))
    if not bright > dark:
        raise ValueError("the head is no brighter than the air around it")
    scaled = (image.astype(np.float32) - dark) / (bright - dark) * (WHITE + 1) - 1
    return np.clip(scaled, -1, 1)


def per_slice(image: np.ndarray) -> np.ndarray:
    """The scaling of (z, y, x) intensities to float32 -1..1 of the published whole-head Med-DDPM, as PER_SLICE says.

    z, y and x run as the model's axes do, not as those of the file. It removes the intensity differences between
    slices; for models in the published convention alone.
    """
    return _stretched(image.astype(np.float32), (1, 2))


def min_max(image: np.ndarray) -> np.ndarray:
    """The scaling of (z, y, x) intensities to float32 -1..1 of the published four-modality Med-DDPM: MIN_MAX."""
    return _stretched(image.astype(np.float32), (0, 1, 2))


def _stretched(image: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    low, high = (f(image, axis=axes, keepdims=True) for f in (np.min, np.max))
    span = high - low
    return np.where(span > 0, 2 * (image - low) / np.where(span > 0, span, 1) - 1, -1).astype(np.float32)
