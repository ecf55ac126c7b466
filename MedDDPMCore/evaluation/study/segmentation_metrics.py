"""How well a predicted lesion mask agrees with the true one, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SegmentationScores:
    """Agreement of one case, each 0..1. accuracy counts every voxel of the volume, so most of it is background."""

    dice: float
    iou: float
    accuracy: float
    recall: float
    precision: float


def scores(predicted: np.ndarray, true: np.ndarray) -> SegmentationScores:
    """Scores of two bool masks (z, y, x) of one shape, from the counts of true and false positives and negatives.

    Where neither mask has a voxel, all is right: every score is 1. Where one alone has none, a score whose denominator
    is 0 is 0: the precision of an empty prediction, the recall of an empty truth. ValueError for differing shapes.
    """
    if predicted.shape != true.shape:
        raise ValueError(f"masks of {predicted.shape} and {true.shape} voxels cannot be compared")
    predicted, true = predicted.astype(bool), true.astype(bool)
    both = int((predicted & true).sum())
    made, wanted = int(predicted.sum()), int(true.sum())
    if made == wanted == 0:
        return SegmentationScores(1.0, 1.0, 1.0, 1.0, 1.0)
    right = true.size - made - wanted + 2 * both
    return SegmentationScores(
        dice=2 * both / (made + wanted),
        iou=both / (made + wanted - both),
        accuracy=right / true.size,
        recall=both / wanted if wanted else 0.0,
        precision=both / made if made else 0.0,
    )
