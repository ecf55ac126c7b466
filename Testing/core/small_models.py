"""Small untrained models on disk, for tests."""

from __future__ import annotations

from pathlib import Path

import torch

from MedDDPMCore.diffusion.domain import Domain
from MedDDPMCore.models.bundle import save_bundle
from MedDDPMCore.models.spec import ModelSpec, StageSpec
from MedDDPMCore.models.stage import build_network
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.labels import BRATS, WHOLE_HEAD

NETWORK = {"base_channels": 8, "channel_multipliers": (1, 2), "res_blocks": 1, "attention_factors": (), "groups": 4}
GRID = ModelGrid((32, 32, 24), (8.0, 8.0, 8.0))


def write_model(
    folder: Path, modalities=("T1",), kinds=("voxels",), grid: ModelGrid = GRID, name: str = "small"
) -> Path:
    """A bundle with random weights: one stage a domain kind, coarse to fine, its last layers filled so that its
    output is not zero. Of two "haar_detail" the first makes again what "haar" made, from an average of it.
    """
    torch.manual_seed(1)
    scheme = WHOLE_HEAD if len(modalities) == 1 else BRATS
    factors = [2] * (len(kinds) - 1) + [1]
    stages = tuple(
        StageSpec(Domain(kind, len(modalities), factor), "v", 50, NETWORK)
        for kind, factor in zip(kinds, factors, strict=True)
    )
    spec = ModelSpec(name, scheme, grid, tuple(modalities), stages, "dpmpp_2m", 4, title="Untrained", licence="none")
    states = []
    for stage in stages:
        network = build_network(spec, stage)
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
        states.append(network.state_dict())
    save_bundle(folder, spec, states)
    return folder
