"""Is a generated head closer to a training head than a held-out real one is?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes

from .images import Heads
from .judge import coarse

SHIFTS = (-1, 0, 1)
"""Voxels of 4 mm by which images are moved along each axis for the closest fit, beside the grid's own alignment."""


@dataclass(frozen=True)
class Nearest:
    """For each image: which training case is nearest, how far (RMS or Euclidean), and that over the median distance to
    all training cases, which blur and brightness do not change much."""

    cases: np.ndarray
    distances: np.ndarray
    relative: np.ndarray


def training_images(data: PackedDataset) -> np.ndarray:
    """All training heads (n, z, y, x) at 4 mm."""
    return np.stack([coarse(from_bytes(data.images[case, 0])) for case in data.indices("train")])


def nearest_images(heads: Heads, training: np.ndarray, sideways: int) -> Nearest:
    """By root mean square of the difference at 4 mm, over small shifts, mirrored left to right or not.

    sideways: the array's axis that runs from left to right.
    """
    rows = training.reshape(len(training), -1)
    squares = np.square(rows).mean(axis=1)
    distances = []
    for image in heads.images:
        small, best = coarse(image), np.full(len(rows), np.inf)
        for shift in product(SHIFTS, SHIFTS, SHIFTS):
            for moved in (np.roll(small, shift, (0, 1, 2)), np.flip(np.roll(small, shift, (0, 1, 2)), sideways)):
                own = moved.ravel()
                best = np.minimum(best, squares + np.square(own).mean() - 2 * (rows @ own) / own.size)
        distances.append(np.sqrt(np.maximum(best, 0)))
    return _nearest(np.stack(distances))


def nearest_features(features: np.ndarray, training: np.ndarray, scale: np.ndarray) -> Nearest:
    """By Euclidean distance of features (n, d) over their scale."""
    difference = (features[:, None] - training[None]) / scale
    return _nearest(np.sqrt(np.square(difference).sum(axis=-1)))


def _nearest(distances: np.ndarray) -> Nearest:
    closest = distances.min(axis=1)
    return Nearest(distances.argmin(axis=1), closest, closest / np.median(distances, axis=1))
