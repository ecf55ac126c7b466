"""Volumes smoothed by a Gaussian."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def gaussian(volume: np.ndarray, variance: Iterable[float], widest: int = 32, error: float = 0.01) -> np.ndarray:
    """A volume (z, y, x) convolved with a discrete Gaussian (Lindeberg 1990), edges repeated; float32.

    variance: along x, y and z, in voxels squared. widest: voxels a kernel has at most. error: how far the kernel's sum,
    cut off at its ends, may be from 1.
    """
    import SimpleITK as sitk

    smoothing = sitk.DiscreteGaussianImageFilter()
    smoothing.SetVariance([float(value) for value in variance])
    smoothing.SetMaximumKernelWidth(widest)
    smoothing.SetMaximumError([error] * 3)
    smoothing.SetUseImageSpacing(False)
    return sitk.GetArrayFromImage(smoothing.Execute(sitk.GetImageFromArray(volume.astype(np.float32, copy=False))))
