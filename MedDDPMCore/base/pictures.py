"""PNG pictures of volumes, with nothing but numpy and zlib."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .files import replacing, write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LETTERS = {
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "T": (31, 4, 4, 4, 4, 4, 4),
}
"""Letters of 7 rows from above, each of 5 dots: the bits of a number, the left one highest."""
_PIXELS_A_DOT = 96
"""Letters are of larger dots in pictures that are a multiple of so many pixels wide."""
_WINDOW = (1.0, 99.5)
"""Percentiles of a scan that are drawn black and white."""
_LETTERS_ACROSS = 4
"""A picture is large enough for marks when so many letters would fit across it."""


def three_planes(
    volume: np.ndarray,
    spacing: tuple[float, float, float],
    centre: tuple[int, ...] | None = None,
    axes: str = "RAS",
    sides: str = "RL",
) -> np.ndarray:
    """(z, y, x), -1..1 -> one uint8 picture (rows, columns): axial, coronal and sagittal slices through the voxel
    centre (z, y, x).

    axes: where the array's x, y and z point in the patient, R or L, A or P, S or I. Radiological view: the patient's
    right is on the left; each slice is brought to square pixels of the smallest spacing. The sides are named in the
    upper corners of slices that are large enough, in the sagittal one A (front) and P (back). sides: what axial and
    coronal have on their left and right: "LR" for an image that was mirrored, "" for no names in any slice, as where
    more is computed of the picture.
    """
    flipped = tuple(2 - axis for axis, letter in enumerate(axes) if letter in "LPI")
    shape = volume.shape
    centre = centre or tuple(n // 2 for n in shape)
    z, y, x = (shape[axis] - 1 - centre[axis] if axis in flipped else centre[axis] for axis in range(3))
    volume = np.flip(volume, flipped)
    sx, sy, sz = spacing
    views = [
        _square(volume[z, ::-1, ::-1], sy, sx),
        _square(volume[::-1, y, ::-1], sz, sx),
        _square(volume[::-1, ::-1, x], sz, sy),
    ]
    views = [np.round((np.clip(view, -1, 1) + 1) * 127.5).astype(np.uint8) for view in views]
    if sides:
        for view, names in zip(views, (sides, sides, "AP"), strict=True):
            _name_sides(view, names)
    height = max(view.shape[0] for view in views)
    return np.concatenate([np.pad(view, ((0, height - view.shape[0]), (0, 2))) for view in views], axis=1)


def lettered(text: str, scale: int = 1) -> np.ndarray:
    """White letters on black, uint8 (rows, columns), with a border of one dot; a dot is scale pixels wide."""
    letters = [[[row >> (4 - bit) & 1 for bit in range(5)] for row in _LETTERS[letter]] for letter in text]
    dots = np.pad(np.concatenate([np.pad(letter, ((0, 0), (0, 1))) for letter in letters], axis=1), ((1, 1), (1, 0)))
    return (dots * 255).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)


def _name_sides(view: np.ndarray, sides: str) -> None:
    """Writes what lies on the left and on the right into the upper corners of a picture (rows, columns)."""
    scale = max(1, min(view.shape) // _PIXELS_A_DOT)
    left, right = (lettered(side, scale) for side in sides)
    rows, columns = left.shape
    if min(view.shape) >= _LETTERS_ACROSS * columns:
        view[:rows, :columns] = left
        view[:rows, -columns:] = right


def _square(picture: np.ndarray, row_mm: float, column_mm: float) -> np.ndarray:
    pixel = min(row_mm, column_mm)
    rows = (np.arange(round(picture.shape[0] * row_mm / pixel)) * pixel / row_mm).astype(int)
    columns = (np.arange(round(picture.shape[1] * column_mm / pixel)) * pixel / column_mm).astype(int)
    return picture[rows][:, columns]


def write_png(
    path: str | Path, volumes: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1), axes: str = "RAS"
) -> None:
    """Writes the three planes of each of (n, z, y, x) volumes, one row a volume, as a greyscale PNG."""
    save_png(path, np.concatenate([three_planes(volume, spacing, axes=axes) for volume in volumes]))


def save_png(path: str | Path, picture: np.ndarray, compression: int = 6) -> None:
    """Writes uint8 (rows, columns) grey or (rows, columns, 3) RGB as a PNG file.

    compression: zlib's, 0 to 9; with 0, pictures of one size make files of one size.
    """
    rows, columns = picture.shape[:2]
    lines = picture.reshape(rows, -1)
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), lines], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if picture.ndim == 3 else 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw, compression)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
             for kind, body in chunks]  # fmt: skip
    write_bytes(path, b"\x89PNG\r\n\x1a\n" + b"".join(parts), durable=False)


def save_figure(path: str | Path, figure: Figure, **options: Any) -> None:
    """Writes a matplotlib figure as a PNG file, whole or not at all. options: of its `savefig`."""
    with replacing(path, durable=False) as part:
        figure.savefig(part, format="png", **options)


def overview(
    labels: np.ndarray,
    image: np.ndarray,
    spacing: tuple[float, float, float],
    tumor: int | None,
    axes: str = "RAS",
) -> np.ndarray:
    """The mask above the image, both (z, y, x), as one RGB picture of three planes through the tumour, or the head's
    middle; axes: as of `three_planes`.

    labels: 0 is background; `tumor` is drawn red, all else grey. image: -1..1.
    """
    lesion = labels == tumor if tumor is not None else np.zeros(labels.shape, bool)
    shown = lesion if lesion.any() else labels > 0
    centre = _fullest(shown)
    grey = three_planes(np.where(labels > 0, 0.0, -1.0), spacing, centre, axes)
    red = three_planes(np.where(lesion, 1.0, -1.0), spacing, centre, axes, sides="")
    mask = np.stack([np.maximum(grey, red), np.where(red > 0, 60, grey), np.where(red > 0, 60, grey)], axis=-1)
    below = np.repeat(three_planes(image, spacing, centre, axes)[..., None], 3, axis=-1)
    picture = np.concatenate([mask, below])
    return picture.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)


def before_and_after(
    before: np.ndarray, after: np.ndarray, region: np.ndarray, spacing: tuple[float, float, float], axes: str = "RAS"
) -> np.ndarray:
    """An image above what became of it, in three planes through the region where it was changed, as one uint8 picture.

    before, after: (z, y, x) of any unit, drawn in one scale of grey; region: bool; axes: as of `three_planes`.
    """
    low, high = np.percentile(before, _WINDOW)
    scale = 2 / max(float(high - low), np.finfo(np.float32).tiny)
    rows = []
    for image, word in ((before, "BEFORE"), (after, "AFTER")):
        picture = three_planes((image.astype(np.float32) - low) * scale - 1, spacing, _fullest(region), axes)
        title = lettered(word, max(1, len(picture) // _PIXELS_A_DOT))[:, : picture.shape[1]]
        rows += [np.pad(title, ((0, 0), (0, picture.shape[1] - title.shape[1]))), picture]
    return np.concatenate(rows)


def _fullest(mask: np.ndarray) -> tuple[int, int, int]:
    """The middle (z, y, x) of the plane that has most of a mask."""
    z = int(np.argmax(mask.sum(axis=(1, 2))))
    y, x = (int(np.median(indices)) for indices in np.nonzero(mask[z]))
    return z, y, x
