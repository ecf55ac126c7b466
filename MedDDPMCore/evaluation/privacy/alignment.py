"""Heads laid on one another: rigidly, on a coarse grid, onto a mean head that is the same left and right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...volumes.geometry import triple
from ...volumes.grid import ModelGrid
from ..metrics.standard_head import StandardHead, read_standard_head

if TYPE_CHECKING:
    import SimpleITK as sitk

COARSE_MM = 4.0
_MEAN_OF = 12
_INSIDE_VOXELS = 1
_ITERATIONS = 60


def coarse(grid: ModelGrid) -> ModelGrid:
    """The grid's field of view in voxels of about COARSE_MM."""
    factors = [max(1, round(COARSE_MM / spacing)) for spacing in grid.spacing]
    shape = triple(-(-n // factor) for n, factor in zip(grid.shape, factors[::-1], strict=True))
    return replace(grid, shape=shape, spacing=triple(s * f for s, f in zip(grid.spacing, factors, strict=True)))


class Aligner:
    """Brings heads onto the mean of some. reference: (z, y, x), equal to its mirror image. region: (z, y, x) bool,
    the inside of the reference's head."""

    def __init__(self, paths: Sequence[Path], grid: ModelGrid):
        """paths: of heads, of which up to 12, evenly chosen, make the mean."""
        self.grid = coarse(grid)
        chosen = np.unique(np.linspace(0, len(paths) - 1, _MEAN_OF).round().astype(int))
        heads = [read_standard_head(paths[index], self.grid) for index in chosen]
        mean = np.mean([head.image for head in heads], axis=0)
        inside = np.mean([head.head for head in heads], axis=0)
        self.reference = ((mean + mean[..., ::-1]) / 2).astype(np.float32)
        self.region = _eroded(inside + inside[..., ::-1] > 1)

    def align(self, head: StandardHead) -> np.ndarray:
        """The head's image (z, y, x) turned and shifted onto the reference; its mirror image is then its flip in x."""
        import SimpleITK as sitk

        fixed, moving = (self._as_image(array) for array in (self.reference, head.image))
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsCorrelation()
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(0.25, seed=1)  # its samples are jittered at random
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 0.05, _ITERATIONS)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetNumberOfThreads(1)  # the sum's order, and so the result, is then the same each time
        method.SetShrinkFactorsPerLevel([2, 1])
        method.SetSmoothingSigmasPerLevel([2, 0])
        middle = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
        method.SetInitialTransform(sitk.Euler3DTransform(middle), inPlace=True)
        transform = method.Execute(fixed, moving)
        return sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, -1.0))

    def vectors(self, aligned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What an aligned image and its mirror image are inside the reference's head: unit vectors of mean 0, so that
        the product of two is their correlation."""
        return _unit(aligned[self.region]), _unit(aligned[..., ::-1][self.region])

    def _as_image(self, array: np.ndarray) -> sitk.Image:
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(array.astype(np.float32))
        image.SetSpacing(self.grid.spacing)
        return image


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    return (centred / length if length > 0 else centred).astype(np.float32)


def _eroded(mask: np.ndarray) -> np.ndarray:
    """A mask without its outermost voxels: outlines, which the mask given to the model decides, shall count little."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return sitk.GetArrayFromImage(sitk.BinaryErode(image, [_INSIDE_VOXELS] * 3)) > 0
