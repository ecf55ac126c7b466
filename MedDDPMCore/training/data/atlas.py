"""The atlas of a model in training: the mean of its training heads, and bent into each case.

A run folder keeps both: atlas.npz (the mean head) and atlas-cases.npy (case, modality, z, y, x), bytes as in a packed
set.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...base.errors import TrainingError
from ...base.files import replacing
from ...base.reading import map_array, read_arrays
from ...diffusion.domain import shrink
from ...models.atlas import Atlas
from ...models.atlas_fit import fit
from ...models.spec import ATLAS_FACTOR
from .dataset import PackedDataset, from_bytes, to_bytes

MEAN_FILE, CASES_FILE = "atlas.npz", "atlas-cases.npy"
CASES = 35
ROUNDS = 2


def build_atlas(data: PackedDataset) -> Atlas:
    """The mean of at most CASES training heads, evenly chosen, each bent onto the mean mask of the round before."""
    chosen = data.indices("train")
    chosen = chosen[:: max(1, len(chosen) // CASES)][:CASES]
    images = [shrink(torch.from_numpy(from_bytes(data.images[case]))[None], ATLAS_FACTOR) for case in chosen]
    heads = [shrink(torch.from_numpy(data.labels[case] > 0).float()[None, None], ATLAS_FACTOR) for case in chosen]
    mean_image, mean_head = _mean(images), _mean(heads)
    for _ in range(ROUNDS):
        grids = [fit(head[0, 0], mean_head[0, 0]) for head in heads]
        bent = [F.grid_sample(v + 1, g, align_corners=False) - 1 for v, g in zip(images, grids, strict=True)]
        mean_image = _mean(bent)
        mean_head = _mean([F.grid_sample(v, g, align_corners=False) for v, g in zip(heads, grids, strict=True)])
    return Atlas(mean_image[0], mean_head[0, 0])


def _mean(parts: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(parts).mean(dim=0)


def write_atlas(run: Path, atlas: Atlas) -> None:
    """Keeps the mean head in a run folder."""
    with replacing(run / MEAN_FILE) as part, open(part, "wb") as file:
        np.savez(file, image=atlas.image.numpy(), head=atlas.head.numpy())


def read_atlas(run: Path) -> Atlas | None:
    """The mean head that a run folder keeps; None where there is none."""
    if not (run / MEAN_FILE).exists():
        return None
    try:
        kept = read_arrays(run / MEAN_FILE)
        image, head = (torch.from_numpy(kept[name].astype(np.float32)) for name in ("image", "head"))
        if image.ndim != 4 or head.shape != image.shape[1:] or not (image.isfinite().all() and head.isfinite().all()):
            raise ValueError("it holds no mean head")
        return Atlas(image, head)
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(run / MEAN_FILE, error) from error


def bend_into_cases(run: Path, atlas: Atlas, data: PackedDataset) -> None:
    """Writes the atlas bent into each case of the data into the run folder, unless it is there."""
    path = run / CASES_FILE
    if path.exists():
        return

    def bent(case: int) -> np.ndarray:
        return to_bytes(atlas.onto(torch.from_numpy(data.labels[case] > 0)).numpy())

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        cases = np.stack(list(pool.map(bent, range(len(data.cases)))))
    with replacing(path) as part, open(part, "wb") as file:
        np.save(file, cases)


def read_cases(run: Path, data: PackedDataset) -> np.ndarray | None:
    """What `bend_into_cases` has written for the data, memory-mapped; None where there is nothing. TrainingError where
    it is damaged or of other data."""
    path = run / CASES_FILE
    try:
        if not path.exists():
            return None
        cases = map_array(path)
        if cases.shape != data.images.shape or cases.dtype != np.uint8:
            raise ValueError(f"it holds {cases.dtype} {cases.shape}, not uint8 {data.images.shape}")
        return cases
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(f"{path} cannot be read: {error}.", "Name a new run folder, or restore that file.")
