"""Volumes smoothed by a Gaussian."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_WIDE = 144.0
"""Voxels squared of variance from which on a recursive filter (Deriche 1993) stands for the kernel: of 720 ITK's kernel
is NaN, and long before that it takes minutes."""
_LEAST_VOXELS = 4
"""Along an axis, for a recursive filter."""


def gaussian(volume: np.ndarray, variance: Iterable[float], widest: int = 32, error: float = 0.01) -> np.ndarray:
    """A volume (z, y, x) convolved with a discrete Gaussian (Lindeberg 1990), edges repeated; float32.

    variance: along x, y and z, in voxels squared. widest: voxels the kernel has at most. error: how far its sum, cut
    off at its ends, may be from 1. Neither matters for a variance above 144, which a recursive filter brings.
    """
    import SimpleITK as sitk

    variance = [float(value) for value in variance]
    image = sitk.GetImageFromArray(volume.astype(np.float32, copy=False))
    kernels = [min(value, _WIDE) for value in variance]
    for axis, value in enumerate(variance):
        if value > _WIDE and image.GetSize()[axis] >= _LEAST_VOXELS:
            image = sitk.RecursiveGaussian(image, value**0.5, direction=axis)
            kernels[axis] = 0.0
    if any(kernels):
        smoothing = sitk.DiscreteGaussianImageFilter()
        smoothing.SetVariance(kernels)
        smoothing.SetMaximumKernelWidth(widest)
        smoothing.SetMaximumError([error] * 3)
        smoothing.SetUseImageSpacing(False)
        image = smoothing.Execute(image)
    return sitk.GetArrayFromImage(image)
