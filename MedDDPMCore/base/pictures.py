"""PNG pictures of volumes, with nothing but numpy and zlib."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from .files import replacing, write_bytes


def three_planes(volume: np.ndarray, spacing: tuple[float, float, float], centre: tuple[int, int, int] | None = None):
    """(z, y, x) in RAS axes, -1..1 -> one uint8 picture (rows, columns): axial, coronal and sagittal slices through
    centre (z, y, x).

    Radiological view: the patient's right is on the left; each slice is brought to square pixels of the smallest
    spacing.
    """
    z, y, x = centre or tuple(n // 2 for n in volume.shape)
    sx, sy, sz = spacing
    views = [
        _square(volume[z, ::-1, ::-1], sy, sx),
        _square(volume[::-1, y, ::-1], sz, sx),
        _square(volume[::-1, ::-1, x], sz, sy),
    ]
    height = max(view.shape[0] for view in views)
    padded = [np.pad(view, ((0, height - view.shape[0]), (0, 2)), constant_values=-1) for view in views]
    return np.round((np.clip(np.concatenate(padded, axis=1), -1, 1) + 1) * 127.5).astype(np.uint8)


def _square(picture: np.ndarray, row_mm: float, column_mm: float) -> np.ndarray:
    pixel = min(row_mm, column_mm)
    rows = (np.arange(round(picture.shape[0] * row_mm / pixel)) * pixel / row_mm).astype(int)
    columns = (np.arange(round(picture.shape[1] * column_mm / pixel)) * pixel / column_mm).astype(int)
    return picture[rows][:, columns]


def write_png(
    path: str | Path, volumes: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1), centre=None
) -> None:
    """Writes the three planes of each of (n, z, y, x) volumes, one row a volume, as a greyscale PNG."""
    save_png(path, np.concatenate([three_planes(volume, spacing, centre) for volume in volumes]))


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


def save_figure(path: str | Path, figure, **options) -> None:
    """Writes a matplotlib figure as a PNG file, whole or not at all. options: of its `savefig`."""
    with replacing(path, durable=False) as part:
        figure.savefig(part, format="png", **options)


def overview(
    labels: np.ndarray, image: np.ndarray, spacing: tuple[float, float, float], tumor: int | None
) -> np.ndarray:
    """The mask above the image, both (z, y, x), as one RGB picture of three planes through the tumour, or the head's
    middle.

    labels: 0 is background; `tumor` is drawn red, all else grey. image: -1..1.
    """
    lesion = labels == tumor if tumor is not None else np.zeros(labels.shape, bool)
    shown = lesion if lesion.any() else labels > 0
    fullest = int(np.argmax(shown.sum(axis=(1, 2))))
    centre = (fullest, *(int(np.median(indices)) for indices in np.nonzero(shown[fullest])))
    grey = three_planes(np.where(labels > 0, 0.0, -1.0), spacing, centre)
    red = three_planes(np.where(lesion, 1.0, -1.0), spacing, centre)
    mask = np.stack([np.maximum(grey, red), np.where(red > 0, 60, grey), np.where(red > 0, 60, grey)], axis=-1)
    below = np.repeat(three_planes(image, spacing, centre)[..., None], 3, axis=-1)
    picture = np.concatenate([mask, below])
    return picture.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
