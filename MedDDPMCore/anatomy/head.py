"""Where the head is in an MRI: a mask from the image alone, for any contrast, spacing and orientation.

The image is brought to 2 mm and smoothed; what stands out from the air by a third of Otsu's threshold (Otsu, IEEE SMC
1979) is head. The largest piece, closed and with its holes filled, is one solid body, sinuses and airways included.
Where that is the whole image, its air is noise of any value, as in MP2RAGE's UNI: then what varies less is head.
"""

from __future__ import annotations

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.base.smoothing import gaussian
from MedDDPMCore.volumes.same_world import require_together
from MedDDPMCore.volumes.volume import Geometry, Volume, resample_image, resample_labels

_WORKING_MM = 2.0
_SMOOTHING_VOXELS = 1.0
_OTSU_SHARE = 0.35
_CLOSING_VOXELS = 5
_BRIDGE_VOXELS = 1
"""Pieces that hang on the head by less than a ball of this radius, such as wrapped-round tissue, are cut off."""
_QUIET_SHARE = 0.7
"""The same as _OTSU_SHARE for how little an image varies: what lies beside noise varies half as much as noise."""
_EVERYTHING, _MOST_LITRES = 0.92, 9.0
"""A body of a larger share of the image, or more litres, is no head."""


def head_mask(volume: Volume) -> Volume:
    """The head in an MRI (z, y, x) as 0/1, uint8, on the image's own geometry; of a skull-stripped image, the brain.

    The values may be of any range, with an offset, noise, or a bright even background. The outline lies one to two
    millimetres outside the skin. Takes about a CPU second. Raises VolumeError for an image with several channels or
    one in which no head is seen.
    """
    if volume.array.ndim != 3:
        raise VolumeError(f"A head mask needs a single (z, y, x) image, not one of shape {volume.array.shape}.")
    working = _working_geometry(volume.geometry)
    image = _dark_background(resample_image(volume, working).array)
    body = _solid(_main_piece(_foreground(image)), working)
    if _is_everything(body, working):
        quiet = resample_image(Volume(_quietness(volume.array), volume.geometry), working, 0.0).array
        body = _solid(_main_piece(_foreground(quiet, _QUIET_SHARE)), working)
        if _is_everything(body, working):
            raise VolumeError(
                f"No head is seen in the image: {body.mean():.0%} of it stands out as one.",
                "Is it the right image? Of an MP2RAGE give INV2 or a T1 map instead; or paint the head in 3D Slicer.",
            )
    if working is volume.geometry:
        return Volume(body, working)
    smooth = resample_image(Volume(body, working), volume.geometry, 0.0)
    return Volume((smooth.array >= 0.5).astype(np.uint8), volume.geometry)


def head_with_lesions(mri: Volume, lesions: Volume, body: int = 1) -> tuple[Volume, str]:
    """Labels (z, y, x) uint8 on the MRI's geometry: the lesions, resampled where their voxels differ, and `body` in the
    rest of the head seen in the MRI; and what was done about geometries that differ, "" where they agree.

    VolumeError as of `head_mask`, and where the lesions do not lie on the MRI.
    """
    note = require_together("tumour mask", lesions, "MRI", mri)
    head = head_mask(mri)
    array, on_mri = head.array * np.uint8(body), resample_labels(lesions, mri.geometry).array
    return Volume(np.where(on_mri > 0, on_mri, array).astype(np.uint8), mri.geometry), note


def _working_geometry(own: Geometry) -> Geometry:
    """The image's own field of view in 2 mm voxels, or its own geometry if its voxels are of that size."""
    if np.allclose(own.spacing, _WORKING_MM, rtol=0.02):
        return own
    size = np.maximum(np.rint(np.array(own.extent_mm) / _WORKING_MM), 1).astype(int)
    first = (np.array(own.extent_mm) - (size - 1) * _WORKING_MM) / 2 / own.spacing - 0.5
    return Geometry(tuple(size[::-1]), (_WORKING_MM,) * 3, tuple(own.to_world(first)), own.direction)


def _dark_background(image: np.ndarray) -> np.ndarray:
    """The image (z, y, x) in 0..1, or its distance from its corners where these are one bright background."""
    low, high = (float(value) for value in np.percentile(image, (0.1, 99.8)))
    if not high > low:
        low, high = float(image.min()), float(image.max())
    if not high > low:
        raise VolumeError("No head is seen in the image: all its values are the same.", "Is it the right file?")
    image = np.clip((image - low) / (high - low), 0, 1)
    depths = [max(1, n // 12) for n in image.shape]
    z_ends, y_ends, x_ends = ((slice(0, depth), slice(-depth, None)) for depth in depths)
    corners = [float(np.median(image[z, y, x])) for z in z_ends for y in y_ends for x in x_ends]
    level = float(np.median(corners))
    alike = sum(abs(corner - level) < 0.05 for corner in corners)
    return np.abs(image - level) if level > 0.4 and alike >= 6 else image


def _is_everything(body: np.ndarray, geometry: Geometry) -> bool:
    """Whether a mask (z, y, x) fills the image, or each of its faces, or more litres than any head has."""
    litres = body.sum() * np.prod(geometry.spacing) / 1e6
    faces = (np.take(body, end, axis).mean() for axis in range(3) for end in (0, -1))
    return bool(body.mean() > _EVERYTHING or litres > _MOST_LITRES or all(share > 0.5 for share in faces))


def _quietness(image: np.ndarray) -> np.ndarray:
    """How little an image (z, y, x) varies around each voxel: 1 not at all, 0 most; float32."""
    import SimpleITK as sitk

    varies = sitk.GetArrayFromImage(sitk.Noise(sitk.GetImageFromArray(image.astype(np.float32)), [1, 1, 1]))
    return 1 - np.clip(varies / max(float(np.percentile(varies, 99)), 1e-12), 0, 1)


def _foreground(image: np.ndarray, share: float = _OTSU_SHARE) -> np.ndarray:
    """What stands out from the air in an image (z, y, x) of 0..1 with dark air; uint8."""
    import SimpleITK as sitk

    array = gaussian(image, [_SMOOTHING_VOXELS**2] * 3)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(sitk.GetImageFromArray(array))
    air = float(np.median(array[array <= otsu.GetThreshold()]))
    return (array > air + share * (otsu.GetThreshold() - air)).astype(np.uint8)


def _main_piece(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece of a mask (z, y, x), without what hangs on it by a thin bridge; uint8."""
    import SimpleITK as sitk

    whole = sitk.GetImageFromArray(mask)
    core = sitk.BinaryMorphologicalOpening(whole, [_BRIDGE_VOXELS] * 3)
    largest = sitk.RelabelComponent(sitk.ConnectedComponent(core), 0, True) == 1
    return sitk.GetArrayFromImage(sitk.And(whole, sitk.BinaryDilate(largest, [_BRIDGE_VOXELS + 1] * 3)))


def _solid(mask: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A mask (z, y, x) closed, and with its holes filled in space and in each axial slice; uint8."""
    import SimpleITK as sitk

    margin = [_CLOSING_VOXELS + 1] * 3
    padded = sitk.ConstantPad(sitk.GetImageFromArray(mask), margin, margin, 0)
    closed = sitk.Crop(sitk.BinaryMorphologicalClosing(padded, [_CLOSING_VOXELS] * 3), margin, margin)
    body = sitk.GetArrayFromImage(sitk.BinaryFillhole(closed))
    axial = np.moveaxis(body, 2 - int(np.abs(geometry.direction[2]).argmax()), 0)
    framed = np.pad(axial, ((0, 0), (1, 1), (1, 1)))  # slices below each other in one image, air between them
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(framed.reshape(-1, framed.shape[2])))
    axial[:] = sitk.GetArrayFromImage(filled).reshape(framed.shape)[:, 1:-1, 1:-1]
    return body
