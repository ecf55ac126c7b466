"""What a model is given to make anew: the known image, and at fine stages only what lies around the part to make."""

from __future__ import annotations

import numpy as np
import torch

from ..diffusion.known_region import KnownRegion
from ..diffusion.samplers import noise_like
from ..lesions.shapes import bounding_box
from ..models.spec import ModelSpec, StageSpec
from ..models.stage import denoiser
from ..synthesis.synthesize import Model, Plan, Settings
from ..synthesis.walk import Filling
from ..volumes.geometry import Window, triple

CONTEXT_MM = 24.0
"""How much known image a fine stage is given around the part to make."""


def filling(spec: ModelSpec, known: KnownRegion) -> Filling:
    """What each stage of a model is given of the known image."""
    return Filling(known, tuple(_window(stage, known, spec.grid.spacing) for stage in spec.stages))


def expected(model: Model, plan: Plan) -> np.ndarray:
    """About the mean of the images (z, y, x) -1..1 that the model makes of a plan, at the detail of its first stage:
    what its denoiser answers to noise alone."""
    model, _ = model.placed(Settings())
    stage, network = model.spec.stages[0], model.networks[0]
    condition = model.condition(plan.labels)
    shape = (1, *stage.domain.x_shape(plan.labels.shape))
    x = noise_like(torch.empty(shape, device=model.device), torch.Generator().manual_seed(0))
    last = torch.full((1,), stage.timesteps - 1, dtype=torch.long, device=model.device)
    with torch.inference_mode():
        denoise = denoiser(network, stage, stage.domain.pack(condition), None, model.precision)
        image = stage.domain.decode(denoise(x, last))[0, 0].float().cpu().numpy()
    return at_grid_size(image, stage.domain.factor)


def at_grid_size(image: np.ndarray, factor: int) -> np.ndarray:
    """An image (z, y, x) whose voxels are `factor` voxels of the model grid wide, as voxels of that grid."""
    for axis in range(3):
        image = image.repeat(factor, axis)
    return image


def _window(stage: StageSpec, known: KnownRegion, spacing: tuple[float, float, float]) -> Window:
    """What of the model grid (z, y, x) a stage works on: all of it, or, where its network has no attention and so sees
    no further than its surroundings, the part to make and CONTEXT_MM around it."""
    shape = known.unknown.shape[2:]
    looks_far = stage.network.get("attention_factors", (1,)) or stage.network.get("bottom_attention", True)
    if stage.domain.kind != "haar_detail" or looks_far:
        return triple(slice(0, n) for n in shape)
    align = stage.domain.block * 2 ** (len(stage.network["channel_multipliers"]) - 1)
    inside = bounding_box(known.unknown[0, 0].cpu().numpy() > 0)
    sides = []
    for side, n, step in zip(inside, shape, spacing[::-1], strict=True):
        margin = int(np.ceil(CONTEXT_MM / step))
        start = max(0, side.start - margin) // align * align
        sides.append(slice(start, min(n, -(-(side.stop + margin) // align) * align)))
    return triple(sides)
