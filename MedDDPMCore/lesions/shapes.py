"""The lesions of a mask as pieces of their own: taken out, turned, grown, smoothed, and put back.

Worlds are LPS mm, arrays (z, y, x). A lesion is a connected piece (26 neighbours) of all lesion labels together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..base.distance import signed_distance
from ..base.errors import LabelError
from ..base.smoothing import gaussian
from ..volumes.geometry import Window, triple
from ..volumes.labels import LabelScheme
from ..volumes.volume import Geometry, Volume, resample_image, where_labels

_MARGIN = 2
"""Voxels of background around a piece, so that its own edge is never the edge of its array."""
_TIE = 1e-4
"""By how much voxels at the edge of a piece count as less covered, so that no order of the array decides."""
_FINEST_MM = 0.5
_MOST_VOXELS = 2e7


@dataclass(frozen=True)
class Lesion:
    """One lesion of a mask. number: from 1, the largest first. centre: LPS mm. labels: its own label values (z, y, x)
    on a grid of the mask's voxels just around it."""

    number: int
    ml: float
    centre: np.ndarray
    labels: Volume


def millilitres(array: np.ndarray, geometry: Geometry) -> float:
    """The volume of the non-zero voxels."""
    return float(np.count_nonzero(array)) * geometry.voxel_ml


def lesions_of(mask: Volume, scheme: LabelScheme) -> list[Lesion]:
    """The lesions of a mask in the scheme's values, the largest first."""
    import SimpleITK as sitk

    lesion = where_labels(mask.array, scheme.lesion_values)
    if not lesion.any():
        return []
    window = bounding_box(lesion)
    inside = np.ascontiguousarray(lesion[window]).view(np.uint8)
    image = sitk.ConnectedComponent(sitk.GetImageFromArray(inside), True)
    numbers = sitk.GetArrayFromImage(sitk.RelabelComponent(image, 0, True))
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(sitk.GetImageFromArray(numbers))
    lesions = []
    for number in statistics.GetLabels():
        x, y, z, nx, ny, nz = statistics.GetBoundingBox(number)
        part = tuple(slice(start, start + n) for start, n in ((z, nz), (y, ny), (x, nx)))
        whole = tuple(slice(w.start + p.start, w.start + p.stop) for w, p in zip(window, part, strict=True))
        array = np.pad(np.where(numbers[part] == number, mask.array[whole], 0), _MARGIN)
        start = np.array([side.start - _MARGIN for side in whole[::-1]])
        volume = Volume(array, shifted(mask.geometry, start, array.shape))
        where = np.stack(np.nonzero(array)[::-1], axis=1).mean(axis=0)
        lesions.append(Lesion(number, millilitres(array, mask.geometry), volume.geometry.to_world(where), volume))
    return lesions


def bounding_box(inside: np.ndarray, margin: int = 0) -> Window:
    """The smallest window (z, y, x) that holds all that is True, widened within the array. LabelError if nothing is."""
    sides = []
    for axis, n in enumerate(inside.shape):
        used = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        if not used.size:
            raise LabelError("There is nothing here to put a box around.")
        sides.append(slice(max(0, int(used[0]) - margin), min(n, int(used[-1]) + 1 + margin)))
    return triple(sides)


def shifted(geometry: Geometry, start: np.ndarray, shape: Iterable[int]) -> Geometry:
    """A grid of the same voxels that begins at index `start` (x, y, z), and may reach beyond the geometry."""
    return Geometry(triple(shape), geometry.spacing, triple(geometry.to_world(start)), geometry.direction)


def transformed(volume: Volume, affine: np.ndarray) -> Volume:
    """The volume carried through the world by a 4x4 LPS matrix: its voxels stay, its place changes."""
    return replace(volume, geometry=Geometry.from_affine_lps(affine @ volume.geometry.affine_lps, volume.array.shape))


def about(centre: np.ndarray, linear: np.ndarray, shift: np.ndarray | None = None) -> np.ndarray:
    """4x4: a linear map (3x3) about a centre, then a shift; LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = centre - linear @ centre + (0 if shift is None else np.asarray(shift, float))
    return affine


def put(array: np.ndarray, geometry: Geometry, piece: Volume) -> tuple[float, float]:
    """Puts a piece's labels into an array (z, y, x) where that is not 0, that is, within the head.

    The voxels that the piece covers most are taken, as many as make up its volume (at least one). Returns the ml that
    it asked for and the ml that lay outside the head or the image and were cut off.
    """
    at = geometry.to_index(piece.geometry.to_world(piece.geometry.corners))
    first, last = np.floor(at.min(axis=0)).astype(int) - 1, np.ceil(at.max(axis=0)).astype(int) + 2
    own = _covered(piece, shifted(geometry, first, tuple(int(n) for n in (last - first)[::-1])))
    asked = millilitres(own, geometry)
    low, high = np.maximum(first, 0), np.minimum(last, geometry.size)
    if (low >= high).any():
        return asked, asked
    window = tuple(slice(int(a), int(b)) for a, b in zip(low[::-1], high[::-1], strict=True))
    part = tuple(slice(int(a), int(b)) for a, b in zip((low - first)[::-1], (high - first)[::-1], strict=True))
    inside = (own[part] != 0) & (array[window] != 0)
    array[window][inside] = own[part][inside]
    return asked, asked - millilitres(inside, geometry)


def _covered(piece: Volume, grid: Geometry) -> np.ndarray:
    """A piece's labels (z, y, x) on a grid that holds all of it, its volume kept to a voxel.

    Equally covered voxels are taken from the middle outward.
    """
    values = np.unique(piece.array[piece.array != 0])
    shares = np.stack(
        [resample_image(Volume((piece.array == v).astype(np.float32), piece.geometry), grid, 0.0).array for v in values]
    )
    z, y, x = (np.abs(np.arange(n) - (n - 1) / 2) / n for n in grid.shape)
    order = shares.sum(axis=0) - _TIE * (z[:, None, None] + y[:, None] + x)
    count = max(1, round(millilitres(piece.array, piece.geometry) / grid.voxel_ml))
    kept = np.argpartition(order, -count, axis=None)[-count:]
    labels = np.zeros(order.size, piece.array.dtype)
    labels[kept] = values[shares.argmax(axis=0)].ravel()[kept]
    return labels.reshape(order.shape)


def grown(piece: Volume, mm: float) -> Volume:
    """The piece grown by mm beyond its surface, or shrunk by -mm; new voxels take the nearest label. Distances run
    along the array's axes. The result may be empty."""
    if mm == 0:
        return piece
    padded = _padded(piece, max(mm, 0))
    fine, factors, spacing = _refined(padded)
    region = _rounded(fine > 0, factors)
    # grown by what its voxels reach, shrunk by what its surroundings' reach: of spheres, both are right to 0.3 voxels
    away = signed_distance(region if mm > 0 else ~region, spacing[::-1])
    region = away <= mm if mm > 0 else away > -mm
    values = np.unique(fine[fine > 0])
    nearest = values[np.stack([signed_distance(fine == value, spacing[::-1]) for value in values]).argmin(axis=0)]
    labels = np.where(fine > 0, fine, nearest)
    array = _coarsened(np.where(region, labels, 0), factors)
    kept = np.where(padded.array > 0, padded.array, array) if mm > 0 else np.where(padded.array > 0, array, 0)
    return replace(padded, array=kept.astype(piece.array.dtype))


def smoothed(piece: Volume, sigma_mm: float) -> Volume:
    """The piece with its surface smoothed by a Gaussian of this standard deviation; it keeps its number of voxels."""
    if sigma_mm == 0:
        return piece
    padded = _padded(piece, 2 * sigma_mm)
    fine, factors, spacing = _refined(padded)
    values = np.unique(fine[fine > 0])
    shares = np.stack([_block_means(_gaussian(fine == value, sigma_mm, spacing), factors) for value in values])
    total = shares.sum(axis=0)
    kept = np.argsort(total, axis=None, kind="stable")[-np.count_nonzero(piece.array) :]
    result = np.zeros(total.size, piece.array.dtype)
    result[kept] = values[shares.argmax(axis=0)].ravel()[kept]
    return replace(padded, array=result.reshape(total.shape))


def _padded(piece: Volume, mm: float) -> Volume:
    voxels = [int(np.ceil(mm / step)) + 1 for step in piece.geometry.spacing[::-1]]
    array = np.pad(piece.array, [(n, n) for n in voxels])
    return Volume(array, shifted(piece.geometry, -np.array(voxels[::-1]), array.shape))


def _refined(piece: Volume) -> tuple[np.ndarray, tuple[int, ...], tuple[float, ...]]:
    """The array with each voxel split so that all are small and about cubic; how often along z, y, x; their size."""
    steps = np.array(piece.geometry.spacing[::-1])
    target = max(steps.min() / 3, _FINEST_MM)
    while True:
        factors = np.maximum(np.rint(steps / target), 1).astype(int)
        if piece.array.size * factors.prod() <= _MOST_VOXELS or factors.max() == 1:
            break
        target *= 1.3
    fine = piece.array
    for axis, factor in enumerate(factors):
        fine = fine.repeat(factor, axis)
    return fine, tuple(int(f) for f in factors), tuple(float(s) for s in steps / factors)


def _rounded(inside: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """A finely split region without the steps of its original voxels, its volume kept."""
    soft = gaussian(inside, [(f / 2) ** 2 for f in factors[::-1]], widest=64)
    count = int(inside.sum())
    result = np.zeros(inside.size, bool)
    result[np.argpartition(soft, -count, axis=None)[-count:]] = True
    return result.reshape(inside.shape)


def _block_means(fine: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    z, y, x = (n // f for n, f in zip(fine.shape, factors, strict=True))
    return fine.reshape(z, factors[0], y, factors[1], x, factors[2]).mean(axis=(1, 3, 5), dtype=np.float32)


def _coarsened(fine: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """Back to the piece's voxels: those at least half covered, with the label that covers most."""
    values = np.unique(fine[fine > 0])
    if not values.size:
        return np.zeros([n // f for n, f in zip(fine.shape, factors, strict=True)], fine.dtype)
    shares = np.stack([_block_means(fine == value, factors) for value in values])
    return np.where(shares.sum(axis=0) >= 0.5, values[shares.argmax(axis=0)], 0)


def _gaussian(inside: np.ndarray, sigma_mm: float, spacing: tuple[float, ...]) -> np.ndarray:
    return gaussian(inside, [(sigma_mm / step) ** 2 for step in spacing[::-1]], widest=64)
