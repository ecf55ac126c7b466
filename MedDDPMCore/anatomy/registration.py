"""Brings heads to a common space: a rigid or affine map of each onto a template, found from the two head masks.

The map is put into the image's geometry, so that one resampling onto a grid is all the interpolation there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import TrainingError
from ..base.smoothing import gaussian
from ..volumes.geometry import Geometry
from ..volumes.grid import ModelGrid
from ..volumes.volume import Volume, resample_image

if TYPE_CHECKING:
    import SimpleITK as sitk

    _Map = sitk.Euler3DTransform | sitk.AffineTransform

KINDS = ("rigid", "affine")
LEAST_DICE = 0.85
MOST_SCALE = 1.4
WORKING = ModelGrid((48, 64, 52), (4.0, 4.0, 4.0), "head_top")
"""What is compared: 190 mm down from 10 mm above the head; below that, scans end where they like."""
_SMOOTHING_VOXELS = 2.0
_FIRST_STEP, _LAST_STEP, _MOST_STEPS = 0.5, 0.01, 120
"""Of the descent, in voxels of the working grid or so; with a first step of 2 the affine map can run away."""


def registration(head: Volume, template: Volume, kind: str = "affine") -> np.ndarray:
    """The 4x4 map (LPS mm) that takes a head mask (z, y, x; not 0 is head) to where the template's head is.

    kind: "rigid", or "affine" which goes on from the rigid one. Both are found on smoothed masks at 4 mm by the mean
    squared difference. TrainingError where a mask is empty, or the result is no registration: the two heads' Dice is
    below LEAST_DICE, or a direction is scaled by more than MOST_SCALE.
    """
    import SimpleITK as sitk

    if kind not in KINDS:
        raise TrainingError(f"There is no registration {kind!r}: use {' or '.join(KINDS)}.")
    fixed_geometry, fixed = _smooth(template)
    moving_geometry, moving = _smooth(head)
    turn = moving_geometry.direction @ fixed_geometry.direction.T
    start = sitk.Euler3DTransform()
    start.SetCenter(fixed_geometry.centre.tolist())
    start.SetMatrix(turn.ravel().tolist(), 1e-4)
    start.SetTranslation((moving_geometry.centre - fixed_geometry.centre).tolist())
    transform: _Map = _optimised(fixed, moving, start)
    if kind == "affine":
        affine = sitk.AffineTransform(3)
        affine.SetCenter(transform.GetCenter())
        affine.SetMatrix(transform.GetMatrix())
        affine.SetTranslation(transform.GetTranslation())
        transform = _optimised(fixed, moving, affine)
    to_head = np.eye(4)
    to_head[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    to_head[:3, 3] = centre + transform.GetTranslation() - to_head[:3, :3] @ centre
    _check(fixed, sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0), to_head)
    return np.linalg.inv(to_head)


def moved(volume: Volume, matrix: np.ndarray) -> Volume:
    """The same voxels at another place in the world: matrix (4x4, LPS mm) takes old places to new ones."""
    own = volume.geometry
    return Volume(volume.array, Geometry.from_affine_lps(matrix @ own.affine_lps, own.shape), volume.label_names)


def _smooth(mask: Volume) -> tuple[Geometry, sitk.Image]:
    """The working grid's place on a head mask, and the smoothed mask there as a SimpleITK image in the world."""
    import SimpleITK as sitk

    head = Volume((mask.array > 0).astype(np.uint8), mask.geometry)
    if not head.array.any():
        raise TrainingError("The head mask is empty.")
    geometry = WORKING.geometry_for(head, (1,))
    image = sitk.GetImageFromArray(gaussian(resample_image(head, geometry, 0.0).array, [_SMOOTHING_VOXELS**2] * 3))
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction.ravel().tolist())
    return geometry, image


def _optimised(fixed: sitk.Image, moving: sitk.Image, start: _Map) -> _Map:
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        _FIRST_STEP, _LAST_STEP, _MOST_STEPS, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(start, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError as error:
        raise TrainingError(f"The head cannot be registered: {str(error).splitlines()[-1]}") from error
    return start


def _check(fixed: sitk.Image, moving: sitk.Image, to_head: np.ndarray) -> None:
    import SimpleITK as sitk

    first, second = (sitk.GetArrayViewFromImage(image) > 0.5 for image in (fixed, moving))
    dice = 2 * float((first & second).sum()) / max(1, int(first.sum() + second.sum()))
    scales = np.linalg.svd(to_head[:3, :3], compute_uv=False)
    reasons = []
    if dice < LEAST_DICE:
        reasons.append(f"its Dice with the template is {dice:.2f}, and must be {LEAST_DICE:g} or more")
    if scales.max() > MOST_SCALE:
        reasons.append(f"in a direction it is {scales.max():.2f} times the template's size, and may be {MOST_SCALE:g}")
    if scales.min() < 1 / MOST_SCALE:
        least = 1 / MOST_SCALE
        reasons.append(f"in a direction it is {scales.min():.2f} times the template's size, and may be {least:.2f}")
    if reasons:
        raise TrainingError(
            f"The head cannot be registered: {'; '.join(reasons)}.",
            "Give its head mask, or a template that shows as much of the head.",
        )
