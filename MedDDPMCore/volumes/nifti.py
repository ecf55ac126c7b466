"""NIfTI files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MedDDPMCore.volumes.decoding import decoding, require_room
from MedDDPMCore.volumes.geometry import Geometry, triple
from MedDDPMCore.volumes.voxels import Voxels, arranged, in_mm, spatial_axes, warn, warn_of_axes

if TYPE_CHECKING:
    from nibabel import Nifti1Header
    from nibabel.filebasedimages import FileBasedImage

_SAME = 0.01
"""Share by which voxel sizes that a header states twice may differ."""
_LONGEST = 1.0005
"""Length of a quaternion's stored part that still is a unit quaternion, less its rounding."""


def read(path: Path, file_size: int, labels: bool) -> Voxels:
    """A .nii or .nii.gz (z, y, x), for labels also (z, y, x, channel); see `files.read`."""
    import nibabel as nib

    with decoding(path):
        image = _loaded(path)
        if not isinstance(image, nib.Nifti1Pair):
            raise ValueError("it is not a volume as NIfTI defines it")
        shape, dtype = image.shape, image.get_data_dtype()
    components = len(dtype.fields) if dtype.fields else 1
    axes, channel = spatial_axes(path, shape, labels, components)
    size = tuple(shape[axis] for axis in axes)
    with decoding(path):
        affine = _affine_ras(image.header, path, np.array(size))
        packing = "gzip" if path.name.lower().endswith(".gz") else "raw"
        require_room(path, int(np.prod(shape, dtype=object)) * dtype.itemsize, file_size, packing)
        array = np.asarray(image.dataobj)
    if components > 1:
        array = np.stack([array[name] for name in array.dtype.names or ()], axis=-1)
        channel = array.ndim - 1
    return Voxels(arranged(array, axes, channel), Geometry.from_affine_ras(affine, triple(size[::-1])))


def _loaded(path: Path) -> FileBasedImage:
    """The image as nibabel opens it, and also where its only orientation is a quaternion that nibabel refuses."""
    import nibabel as nib

    try:
        return nib.load(path)
    except ValueError:
        for kind in (nib.Nifti1Pair, nib.Nifti1Image, nib.Nifti2Pair, nib.Nifti2Image):
            if kind.path_maybe_image(path)[0]:
                base = kind.header_class
                header = type("Header", (base,), {"get_best_affine": base.get_base_affine})
                image: type[nib.Nifti1Pair] = type("Image", (kind,), {"header_class": header})
                return image.from_filename(path)
        raise


def _affine_ras(header: Nifti1Header, path: Path, size: np.ndarray) -> np.ndarray:
    """Index to RAS mm: the sform, else the qform, else the voxel sizes. What contradicts it is warned of."""
    unit = in_mm(header.get_xyzt_units()[0])
    to_mm = np.diag([unit, unit, unit, 1.0])
    sform = header.get_sform() if header["sform_code"] > 0 else None
    qform = _qform(header, path, needed=sform is None or not _usable(sform))
    if sform is not None and not _usable(sform) and qform is not None:
        warn(f"The sform of {path} is unusable (its axes do not span the space); the qform is used.")
        sform = None
    if sform is None and qform is None:
        warn_of_axes(path, "sform and qform codes are 0")
        return to_mm @ header.get_best_affine()
    if sform is None:
        return to_mm @ qform
    if qform is not None and _usable(qform):
        _warn_of_difference(path, to_mm @ sform, to_mm @ qform, size)
    steps = np.linalg.norm(sform[:3, :3], axis=0)
    stated = np.abs(np.array(header.get_zooms()[:3], float)) if len(header.get_zooms()) > 2 else steps
    if (np.abs(steps - stated) > _SAME * steps).any():
        far = float(np.linalg.norm((steps - stated) * (size - 1)) * unit)
        warn(
            f"{path} states its voxel size twice: pixdim {_listed(stated * unit)} mm, sform {_listed(steps * unit)} "
            f"mm. The sform is used; over the whole image the two differ by {far:.0f} mm."
        )
    return to_mm @ sform


def _qform(header: Nifti1Header, path: Path, needed: bool) -> np.ndarray | None:
    """Index to RAS in the header's unit by its quaternion, which is taken as a unit one where rounding made it longer.

    None where there is none, or where it cannot be read and is not needed, which is warned of; needed, nibabel's error.
    """
    from nibabel.spatialimages import HeaderDataError

    if header["qform_code"] <= 0:
        return None
    header, parts = header.copy(), ("quatern_b", "quatern_c", "quatern_d")
    length = float(np.linalg.norm([float(header[part]) for part in parts]))
    if 1 < length <= _LONGEST:
        for part in parts:
            header[part] = float(header[part]) / length
    try:
        return header.get_qform()
    except (ValueError, HeaderDataError) as error:
        if needed:
            raise
        warn(f"The qform of {path} cannot be read ({error}); the sform is used.")
        return None


def _warn_of_difference(path: Path, sform: np.ndarray, qform: np.ndarray, size: np.ndarray) -> None:
    corners = np.array(np.meshgrid(*([0, n - 1] for n in size), [1])).reshape(4, -1)
    far = float(np.linalg.norm(((sform - qform) @ corners)[:3], axis=0).max())
    if far < 0.5 * np.linalg.norm(sform[:3, :3], axis=0).min():
        return
    middle = np.append((size - 1) / 2, 1)
    moved = float(np.linalg.norm(((sform - qform) @ middle)[:3]))
    frames = [m[:3, :3] / np.linalg.norm(m[:3, :3], axis=0) for m in (sform, qform)]
    angle = float(np.degrees(np.arccos(np.clip((np.trace(frames[0].T @ frames[1]) - 1) / 2, -1, 1))))
    warn(
        f"The sform and the qform of {path} disagree: by {moved:.0f} mm in the middle, {far:.0f} mm at most, and "
        f"{angle:.0f} degrees. The sform is used; other programs may use the other."
    )


def _listed(steps: np.ndarray) -> str:
    return " x ".join(f"{step:.4g}" for step in steps)


def _usable(affine: np.ndarray) -> bool:
    return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-9)
