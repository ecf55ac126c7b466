"""Volumes smoothed by a Gaussian."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

_AT_ONCE = 400.0
"""Voxels squared of variance that one pass applies at most: of about 720, ITK's kernel is NaN."""


def gaussian(volume: np.ndarray, variance: Iterable[float], widest: int = 32, error: float = 0.01) -> np.ndarray:
    """A volume (z, y, x) convolved with a discrete Gaussian (Lindeberg 1990), edges repeated; float32.

    variance: along x, y and z, in voxels squared; large ones are applied in several equal passes. widest: voxels the
    kernel of a pass has at most. error: how far its sum, cut off at its ends, may be from 1.
    """
    import SimpleITK as sitk

    variance = [float(value) for value in variance]
    passes = max(1, math.ceil(max(variance) / _AT_ONCE))
    smoothing = sitk.DiscreteGaussianImageFilter()
    smoothing.SetVariance([value / passes for value in variance])
    smoothing.SetMaximumKernelWidth(widest)
    smoothing.SetMaximumError([error] * 3)
    smoothing.SetUseImageSpacing(False)
    image = sitk.GetImageFromArray(volume.astype(np.float32, copy=False))
    for _ in range(passes):
        image = smoothing.Execute(image)
    return sitk.GetArrayFromImage(image)
