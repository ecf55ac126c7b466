"""Cubic B-spline interpolation along one axis, as matrices (Unser, IEEE Signal Processing Magazine, 1999)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=16)
def to_coefficients(count: int) -> np.ndarray:
    """(count, count): the coefficients whose spline goes through so many voxels, mirrored at both ends."""
    through = np.eye(count) * (4 / 6)
    index = np.arange(count - 1)
    through[index, index + 1] = through[index + 1, index] = 1 / 6
    if count > 1:
        through[0, 1] = through[-1, -2] = 2 / 6
    else:
        through[0, 0] = 1
    return np.linalg.inv(through)


def along_axis(places: np.ndarray, count: int) -> np.ndarray:
    """(places, count) float32: what of each of `count` voxels is taken at places counted in voxels from the first.

    Places beyond the outermost voxels take theirs.
    """
    places = np.clip(np.asarray(places, float), 0, count - 1)
    first = np.floor(places).astype(int)
    weights = np.zeros((len(places), count))
    rows = np.arange(len(places))
    for offset in (-1, 0, 1, 2):
        distance = np.abs(places - (first + offset))
        near = 2 / 3 - distance**2 + distance**3 / 2
        value = np.where(distance < 1, near, np.clip(2 - distance, 0, None) ** 3 / 6)
        mirrored = np.abs(first + offset)
        mirrored = np.where(mirrored > count - 1, 2 * (count - 1) - mirrored, mirrored).clip(0)
        np.add.at(weights, (rows, mirrored), value)
    return (weights @ to_coefficients(count)).astype(np.float32)
