"""Small head images on disk, a small grid and an untrained feature network, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import phantoms
import torch

from MedDDPMCore.evaluation.metrics import head_encoder
from MedDDPMCore.evaluation.metrics.evaluate import EvaluationSettings
from MedDDPMCore.evaluation.metrics.features import FeatureNetwork
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume

GRID = ModelGrid((26, 26, 24), (8.0, 8.0, 8.0), "head_centre")
SETTINGS = EvaluationSettings(grid=GRID, pairs=6)


def write_heads(folder: Path, count: int, seed: int = 0, spacing: float = 8.0, texture: float = 20.0, name="head"):
    """A folder of bright textured ellipsoids named <name>0.nii.gz …, of about 90 x 120 x 105 mm."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for i in range(count):
        axes = np.array([42.0, 56.0, 50.0]) * random.uniform(0.9, 1.1, 3)
        geometry = phantoms.box((spacing,) * 3, (112, 136, 124))
        inside = phantoms.head(geometry, semi_axes=axes).array > 0
        image = np.where(inside, random.normal(200, texture, inside.shape), random.uniform(0, 4, inside.shape))
        Volume(np.maximum(image, 0).astype(np.float32), geometry).write(folder / f"{name}{i}.nii.gz")
    return folder


def small_network(seed: int = 0) -> FeatureNetwork:
    """An untrained encoder, named as such."""
    torch.manual_seed(seed)
    module = head_encoder.HeadEncoder().eval()
    return FeatureNetwork(f"untrained {seed}", f"{seed:064x}", module, head_encoder.to_input, torch.device("cpu"))
