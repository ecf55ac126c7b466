"""Where the head is in an MRI: a mask from the image alone, for any contrast, spacing and orientation.

The image is brought to 2 mm and smoothed; what stands out from the air by a third of Otsu's threshold is head. Largest
piece, closing and hole filling then make one solid body of it, sinuses and airways included.
"""

from __future__ import annotations

import numpy as np

from MedDDPMCore.errors import VolumeError
from MedDDPMCore.volume import Geometry, Volume, resample_image

_WORKING_MM = 2.0
_SMOOTHING_MM = 2.0
_OTSU_SHARE = 0.35
_NOISE_SIGMAS = 5.0
_CLOSING_MM = 10.0
_BRIDGE_MM = 4.0
"""Pieces joined to the head by less than this, such as wrapped-round tissue, are cut off."""


def head_mask(volume: Volume) -> Volume:
    """The head in an MRI (z, y, x) as 0/1, uint8, on the image's own geometry; of a skull-stripped image, the brain.

    The values may be of any range, with an offset, noise, or a bright constant background.
    Raises VolumeError for an image with several channels or one that shows nothing.
    """
    import SimpleITK as sitk

    if volume.array.ndim != 3:
        raise VolumeError(f"A head mask needs a single (z, y, x) image, not one of shape {volume.array.shape}.")
    working = _working_geometry(volume.geometry)
    image = _dark_background(resample_image(volume, working).array)
    head = _cut(_foreground(image))
    padding = [int(_CLOSING_MM / _WORKING_MM) + 1] * 3
    body = sitk.ConstantPad(sitk.GetImageFromArray(head.astype(np.uint8)), padding, padding, 0)
    body = sitk.Crop(_closed(body), padding, padding)
    body = sitk.BinaryFillhole(body)
    body = sitk.GetArrayFromImage(body)
    if AX:
        for k in range(len(body)):
            body[k] = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(body[k])))
    if working is volume.geometry:
        return Volume(body, volume.geometry)
    smooth = resample_image(Volume(body.astype(np.float32), working), volume.geometry, 0.0)
    return Volume((smooth.array >= 0.5).astype(np.uint8), volume.geometry)


def _working_geometry(own: Geometry) -> Geometry:
    """The image's own field of view in 2 mm voxels, or its own geometry if its voxels are of that size."""
    if np.allclose(own.spacing, _WORKING_MM, rtol=0.02):
        return own
    size = np.maximum(np.rint(np.array(own.extent_mm) / _WORKING_MM), 1).astype(int)
    first = (np.array(own.extent_mm) - (size - 1) * _WORKING_MM) / 2 / own.spacing - 0.5
    return Geometry(tuple(size[::-1]), (_WORKING_MM,) * 3, tuple(own.to_world(first)), own.direction)


def _dark_background(image: np.ndarray) -> np.ndarray:
    """The image (z, y, x), or its distance from the level of the corners where these are one bright background."""
    low, high = (float(value) for value in np.percentile(image, (0.1, 99.8)))
    if not high > low:
        low, high = float(image.min()), float(image.max())
    if not high > low:
        raise VolumeError("No head is seen in the image: all its values are the same.", "Is it the right file?")
    image = np.clip((image - low) / (high - low), 0, 1)
    depth = [max(1, n // 12) for n in image.shape]
    ends = [(slice(0, n), slice(-n, None)) for n in depth]
    corners = [float(np.median(image[z, y, x])) for z in ends[0] for y in ends[1] for x in ends[2]]
    level = float(np.median(corners))
    agreeing = sum(abs(corner - level) < 0.05 for corner in corners)
    return np.abs(image - level) if level > 0.4 and agreeing >= 6 else image


def _foreground(image: np.ndarray) -> np.ndarray:
    """What stands out from the air in an image of 0..1 with dark air, bool."""
    import SimpleITK as sitk

    smooth = sitk.DiscreteGaussian(sitk.GetImageFromArray(image), [(_SMOOTHING_MM / _WORKING_MM) ** 2] * 3, 32, 0.01, False)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(smooth)
    array = sitk.GetArrayFromImage(smooth)
    air = array[array < otsu.GetThreshold()]
    level = float(np.median(air))
    spread = 1.4826 * float(np.median(np.abs(air - level)))
    return array > level + max(_OTSU_SHARE * (otsu.GetThreshold() - level), NS * spread)


NS, OPEN, AX = 0, 0, 0
def _cut(mask):
    import SimpleITK as sitk
    if not OPEN: return _largest(mask)
    core = sitk.BinaryMorphologicalOpening(sitk.GetImageFromArray(mask.astype(np.uint8)), [OPEN]*3)
    core = sitk.GetImageFromArray(_largest(sitk.GetArrayFromImage(core)).astype(np.uint8))
    grown = sitk.BinaryDilate(core, [OPEN+1]*3)
    return mask & (sitk.GetArrayFromImage(grown) > 0)


def _closed(body):
    import SimpleITK as sitk

    return sitk.BinaryMorphologicalClosing(body, [int(_CLOSING_MM / _WORKING_MM)] * 3)


def _largest(mask: np.ndarray) -> np.ndarray:
    import SimpleITK as sitk

    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8))), 0, True)
    return sitk.GetArrayFromImage(pieces) == 1
