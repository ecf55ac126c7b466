"""Who lies nearest to whom among many vectors, a block at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 256
OTHERS = 10
"""How many next nearest ones tell how near is usual."""


@dataclass(frozen=True)
class Nearest:
    """For each query: distance (n,) to the nearest reference, its index (n,), whether it is nearest as its mirror image
    (n,), and the median distance (n,) to the next OTHERS (not a number where there are none)."""

    distance: np.ndarray
    index: np.ndarray
    mirrored: np.ndarray
    others: np.ndarray


def nearest(queries: np.ndarray, mirrored: np.ndarray, references: np.ndarray, same: bool = False) -> Nearest:
    """Distances 1 - r of unit vectors (n, d), or of their mirror images (n, d), to references (m, d).

    The arrays may be on disk (numpy.memmap): BLOCK rows of each are in memory at a time. same: queries and references
    are the same images in the same order, and none is compared with itself.
    """
    kept = OTHERS + 1
    results = []
    for start in range(0, len(queries), BLOCK):
        rows = slice(start, start + BLOCK)
        own, flipped = (np.array(array[rows], np.float32) for array in (queries, mirrored))
        best = np.full((len(own), kept), np.inf, np.float32)
        index = np.full((len(own), kept), -1)
        is_mirrored = np.zeros((len(own), kept), bool)
        for first in range(0, len(references), BLOCK):
            block = np.array(references[first : first + BLOCK], np.float32)
            straight, turned = 1 - own @ block.T, 1 - flipped @ block.T
            distance = np.minimum(straight, turned)
            numbers = first + np.arange(len(block))
            if same:
                distance[(start + np.arange(len(own)))[:, None] == numbers] = np.inf
            best, index, is_mirrored = _smallest(
                kept,
                np.concatenate([best, distance], axis=1),
                np.concatenate([index, np.broadcast_to(numbers, distance.shape)], axis=1),
                np.concatenate([is_mirrored, turned < straight], axis=1),
            )
        results.append((best, index, is_mirrored))
    best, index, is_mirrored = (np.concatenate(parts) for parts in zip(*results, strict=True))
    rest = np.where(np.isfinite(best[:, 1:]), best[:, 1:], np.nan)
    others = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in rest])
    return Nearest(np.maximum(best[:, 0], 0), index[:, 0], is_mirrored[:, 0], others)


def _smallest(count: int, *columns: np.ndarray) -> list[np.ndarray]:
    """Of arrays (n, m) the `count` columns whose first array is smallest in each row, in order."""
    order = np.argsort(columns[0], axis=1, kind="stable")[:, :count]
    return [np.take_along_axis(column, order, axis=1) for column in columns]
