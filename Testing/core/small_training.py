"""Tiny training sets and configurations."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np

from MedDDPMCore.training.data.dataset import PackedWriter
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import WHOLE_HEAD

GRID = ModelGrid((16, 16, 16), (8.0, 8.0, 8.0), "head_top", "RAS")
NETWORK = {"base_channels": 8, "channel_multipliers": [1, 2], "res_blocks": 1, "attention_factors": [], "groups": 4}
HAAR = {"domain": {"kind": "haar"}, "prediction": "v", "timesteps": 20, "network": NETWORK}
VOXELS = {"domain": {"kind": "voxels"}, "prediction": "noise", "timesteps": 20, "network": NETWORK}
COARSE = {**HAAR, "domain": {"kind": "haar", "factor": 2}}
DETAIL = {**HAAR, "domain": {"kind": "haar_detail"}}


def write_data(folder: Path, cases: int = 5, grid: ModelGrid = GRID, tumor: bool = False, modality: str = "T1") -> Path:
    """A packed set of bright balls of differing texture, the last one held out."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    centred = [np.arange(n) - (n - 1) / 2 for n in grid.shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*centred, indexing="ij")))
    head, brain = radius < min(grid.shape) * 0.4, radius < min(grid.shape) * 0.3
    described = []
    with PackedWriter(folder, grid, 1) as writer:
        for i in range(cases):
            image = np.where(head, random.normal(0.0, 0.1, grid.shape), -1)
            labels = head.astype(np.uint8)
            if tumor:
                labels[radius < 2] = 2
            writer.add(image[None], labels, brain)
            split = "validation" if i == cases - 1 else "train"
            described.append({"id": f"case{i}", "split": split, "white_matter": 0.2})
        writer.finish(
            {
                "grid": grid.to_dict(),
                "labels": WHOLE_HEAD.to_dict(),
                "modalities": [modality],
                "intensity": "robust",
                "cases": described,
            }
        )
    return folder


def config_values(stages: tuple[dict, ...] = (HAAR,), **training) -> dict:
    """A configuration as plain data; `training` goes to every stage."""
    model = {
        "format_version": 1,
        "name": "tiny",
        "labels": WHOLE_HEAD.to_dict(),
        "grid": GRID.to_dict(),
        "modalities": ["T1"],
        "stages": copy.deepcopy(list(stages)),
    }
    values = {"steps": 6, "batch_size": 2, "warmup": 2, "precision": "float32", **training}
    return json.loads(json.dumps({"seed": 3, "model": model, "training": [values for _ in stages]}))
