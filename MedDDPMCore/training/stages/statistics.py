"""Mean and standard deviation of each diffused channel, from the training images."""

from __future__ import annotations

import dataclasses

import torch

from ...models.spec import ModelSpec
from ..data.dataset import PackedDataset, from_bytes

CASES = 40


def with_band_statistics(spec: ModelSpec, index: int, data: PackedDataset) -> ModelSpec:
    """The spec whose stage `index` normalises its bands; unchanged where it does already, or diffuses voxels.

    From at most CASES training cases, evenly chosen.
    """
    stage = spec.stages[index]
    if stage.domain.kind == "voxels" or stage.domain.std:
        return spec
    cases = data.indices("train")
    cases = cases[:: max(1, len(cases) // CASES)][:CASES]
    total = squares = torch.zeros((), dtype=torch.float64)
    for case in cases:
        bands = stage.domain.bands(torch.from_numpy(from_bytes(data.images[case]))[None]).double()
        total = total + bands.mean(dim=(0, 2, 3, 4))
        squares = squares + bands.square().mean(dim=(0, 2, 3, 4))
    mean = total / len(cases)
    std = (squares / len(cases) - mean.square()).clamp(min=1e-8).sqrt()
    means, stds = (tuple(round(float(v), 6) for v in values) for values in (mean, std))
    domain = dataclasses.replace(stage.domain, mean=means, std=stds)
    stages = list(spec.stages)
    stages[index] = dataclasses.replace(stage, domain=domain)
    return dataclasses.replace(spec, stages=tuple(stages))
