"""Pictures of the quality report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from MedDDPMCore.base.pictures import save_png, three_planes
from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes

from .images import TUMOR, Heads
from .privacy import Nearest

LARGEST_SD = 0.5
"""What the deviation map shows as white, in intensity units of -1..1."""


def write_comparison(path: Path, sets: list[Heads], spacing, most: int = 8) -> None:
    """A row a case: the k-th image of each set, through the tumour."""
    rows = []
    for k in range(min(most, len(sets[0]))):
        centre = _middle(sets[0].masks[k] == TUMOR)
        rows.append(np.concatenate([three_planes(heads.images[k], spacing, centre) for heads in sets], axis=1))
    save_png(path, np.concatenate(rows))


def write_closest(path: Path, heads: Heads, found: Nearest, data: PackedDataset, pairs: int = 5) -> list[str]:
    """The generated images nearest to a training head, each beside it; shows people, so not to be published."""
    cases, rows, said = data.indices("train"), [], []
    for k in np.argsort(found.relative)[:pairs].tolist():
        nearest = cases[int(found.cases[k])]
        both = [heads.images[k], from_bytes(data.images[nearest, 0])]
        rows.append(np.concatenate([three_planes(image, data.grid.spacing) for image in both], axis=1))
        said.append(f"{heads.ids[k]}: {data.cases[nearest].id}, RMS {found.distances[k]:.3f}")
    save_png(path, np.concatenate(rows))
    return said


def write_diversity(path: Path, images: np.ndarray, spacing, centre) -> None:
    """One mask, many heads: the samples (n, z, y, x), two a row, then their mean and standard deviation."""
    pictures = [three_planes(image, spacing, centre) for image in images]
    deviation = images.std(axis=0, ddof=1) / LARGEST_SD * 2 - 1
    pictures += [three_planes(images.mean(axis=0), spacing, centre), three_planes(deviation, spacing, centre)]
    pictures += [np.zeros_like(pictures[0])] * (len(pictures) % 2)
    rows = [np.concatenate(pictures[k : k + 2], axis=1) for k in range(0, len(pictures), 2)]
    save_png(path, np.concatenate(rows))


def _middle(mask: np.ndarray) -> tuple[int, int, int]:
    fullest = int(np.argmax(mask.sum(axis=(1, 2))))
    return (fullest, *(int(np.median(indices)) for indices in np.nonzero(mask[fullest])))
