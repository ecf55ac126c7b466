"""A packed training set: a folder that trains with torch and numpy alone.

dataset.json    grid, label scheme, modalities, and one entry a case: id, split ("train" or "validation"), white_matter (the intensity of
                healthy white matter, -1..1), source
images.npy      (cases, modalities, z, y, x) uint8: 0..255 is the intensity -1..1
labels.npy      (cases, z, y, x) uint8, in the label scheme's values
brain.npy       (cases, z, y, x) uint8, 1 where a lesion may be simulated
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import TrainingError
from ..grid import ModelGrid
from ..labels import LabelScheme

ARRAYS = ("images", "labels", "brain")


@dataclass(frozen=True)
class PackedDataset:
    """The cases of one packed folder; the arrays are memory-mapped."""

    grid: ModelGrid
    labels_scheme: LabelScheme
    modalities: tuple[str, ...]
    cases: tuple[dict, ...]
    images: np.ndarray
    labels: np.ndarray
    brain: np.ndarray

    @classmethod
    def open(cls, folder: str | Path) -> PackedDataset:
        """Raises TrainingError naming the file that is missing, damaged or of the wrong shape."""
        folder = Path(folder)
        try:
            described = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            grid = ModelGrid.from_dict(described["grid"])
            scheme = LabelScheme.from_dict(described["labels"])
            modalities, cases = tuple(described["modalities"]), tuple(described["cases"])
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        except (OSError, ValueError, KeyError) as error:
            raise TrainingError(
                f"{folder} is not a packed training set: {error}.", "Make one with `medddpm prepare`."
            ) from error
        shape = (len(cases), *grid.shape)
        wanted = {"images": (len(cases), len(modalities), *grid.shape), "labels": shape, "brain": shape}
        for name, array in arrays.items():
            if array.shape != wanted[name] or array.dtype != np.uint8:
                raise TrainingError(f"{folder / name}.npy holds {array.dtype} {array.shape}, not uint8 {wanted[name]}.")
        return cls(grid, scheme, modalities, cases, **arrays)

    def indices(self, split: str) -> list[int]:
        """The case numbers of one split; TrainingError where there are none."""
        chosen = [i for i, case in enumerate(self.cases) if case["split"] == split]
        if not chosen:
            raise TrainingError(f"The training set has no {split} cases.", "Prepare it with more images.")
        return chosen


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Intensities -1..1 (clipped) -> uint8 0..255."""
    return np.round((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)


def from_bytes(stored: np.ndarray) -> np.ndarray:
    """uint8 0..255 -> float32 -1..1."""
    return stored.astype(np.float32) / 127.5 - 1
