"""A picture of a whole training set: three planes of every case, tumours outlined."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ...base.pictures import save_png, three_planes
from ...volumes.volume import where_labels
from .dataset import PackedDataset, from_bytes

MOST_CASES = 240
TUMOR_COLOUR = (255, 64, 64)
ODD_COLOUR = (255, 176, 0)
_BORDER = 2


def write_contact_sheet(path: str | Path, data: PackedDataset, odd: Collection[str] = (), columns: int = 4) -> int:
    """Writes a PNG of the data set's cases in their order, `columns` a row: axial, coronal and sagittal slices.

    The slices go through the middle of the tumour, or of the head where there is none; the first modality is shown.
    Lesion labels are outlined in red; cases whose id is in `odd` have an amber frame. Of more than MOST_CASES cases,
    that many are shown, evenly chosen. Returns how many.
    """
    count = len(data.cases)
    shown = np.linspace(0, count - 1, min(count, MOST_CASES)).astype(int).tolist()
    pictures = [_picture(data, index, data.cases[index].id in odd) for index in shown]
    save_sheet(path, pictures, columns)
    return len(shown)


def _picture(data: PackedDataset, index: int, odd: bool) -> np.ndarray:
    labels = data.labels[index]
    scheme = data.labels_scheme
    lesion = where_labels(labels, scheme.lesion_values)
    return case_picture(from_bytes(data.images[index, 0]), lesion, labels > 0, data.grid.spacing, odd, data.grid.axes)


def case_picture(
    image: np.ndarray,
    lesion: np.ndarray,
    head: np.ndarray,
    spacing: tuple[float, float, float],
    odd: bool = False,
    axes: str = "RAS",
) -> np.ndarray:
    """One case, uint8 RGB (rows, columns, 3): three planes of an image (z, y, x), -1..1, through the middle of the
    lesion (a mask of the same shape), or of the head where it is empty; the lesion outlined. axes: as of
    `three_planes`."""
    centre = _middle(lesion if lesion.any() else head)
    grey = three_planes(image, spacing, centre, axes)
    inside = three_planes(lesion * 2.0 - 1, spacing, centre, axes, sides="") > 127
    picture = np.repeat(grey[..., None], 3, axis=-1)
    picture[_outline(inside)] = TUMOR_COLOUR
    return _framed(picture, ODD_COLOUR if odd else (0, 0, 0))


def save_sheet(path: str | Path, pictures: list[np.ndarray], columns: int = 4) -> None:
    """Writes pictures (rows, columns, 3), of any sizes, as one PNG, `columns` in a row."""
    columns = min(columns, len(pictures))
    rows, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    pictures = [np.pad(p, ((0, rows - p.shape[0]), (0, width - p.shape[1]), (0, 0))) for p in pictures]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    lines = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures), columns)]
    save_png(path, np.concatenate(lines))


def _framed(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    rows, columns = picture.shape[:2]
    framed = np.empty((rows + 2 * _BORDER, columns + 2 * _BORDER, 3), np.uint8)
    framed[:] = colour
    framed[_BORDER:-_BORDER, _BORDER:-_BORDER] = picture
    return framed


def _middle(mask: np.ndarray) -> tuple[int, int, int]:
    """The voxel (z, y, x) of a mask that is nearest to its centre of mass; of an empty one, the array's middle."""
    if not mask.any():
        return tuple(n // 2 for n in mask.shape)
    points = np.argwhere(mask)
    nearest = points[np.square(points - points.mean(axis=0)).sum(axis=1).argmin()]
    return tuple(nearest.tolist())


def _outline(mask: np.ndarray) -> np.ndarray:
    """The pixels of a 2D mask that touch its outside."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner
