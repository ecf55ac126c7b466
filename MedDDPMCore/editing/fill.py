"""The walk from noise to an image of which part is known: coarse to fine, and at the fine stages only around the part
that is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..diffusion.known_region import KnownRegion
from ..diffusion.samplers import noise_like
from ..diffusion.schedule import Schedule
from ..lesions.shapes import bounding_box
from ..models.spec import StageSpec
from ..models.stage import denoiser
from ..synthesis.synthesize import Model, Plan, Progress, Settings, memory_explained

CONTEXT_MM = 24.0
"""How much known image a fine stage is given around the part to make."""

Window = tuple[slice, slice, slice]


def fill(model: Model, plan: Plan, settings: Settings, known: KnownRegion) -> Iterator[Progress]:
    """Yields Progress after each step of each sample, as `Model.run` does; one sample at a time.

    After a finished sample, `known.guess` is the model's image (1, modality, z, y, x) on the model grid before the
    known part was put in, and the known image where a fine stage did not look.
    """
    sampler = model.sampler_for(settings)
    model.make_fit(plan, replace(settings, samples=1))
    condition = model.condition(plan.labels)
    known.image, known.unknown = known.image.to(model.device), known.unknown.to(model.device)
    counts = [min(settings.steps or model.spec.steps, stage.timesteps) for stage in model.spec.stages]
    total, done = sum(counts) * settings.samples, 0
    for seed in range(settings.seed, settings.seed + settings.samples):
        generators = [torch.Generator().manual_seed(seed)]
        with memory_explained(model.device):
            for image, finished in _walk(model, condition, known, sampler, counts, generators):
                done += 1
                yield Progress(done, total, (seed,), partial(_same, image), finished, model.spec.modalities, plan)


def _same(image: Tensor) -> Tensor:
    return image


def expected(model: Model, plan: Plan) -> np.ndarray:
    """About the mean of the images (z, y, x) -1..1 that the model makes of a plan, at the detail of its first stage:
    what its denoiser answers to noise alone."""
    stage, network = model.spec.stages[0], model.networks[0]
    condition = model.condition(plan.labels)
    shape = (1, *stage.domain.x_shape(plan.labels.shape))
    x = noise_like(torch.empty(shape, device=model.device), torch.Generator().manual_seed(0))
    last = torch.full((1,), stage.timesteps - 1, dtype=torch.long, device=model.device)
    with torch.inference_mode():
        denoise = denoiser(network, stage, stage.domain.pack(condition), None, model.precision)
        image = stage.domain.decode(denoise(x, last))[0, 0].float().cpu().numpy()
    for axis in range(3):
        image = image.repeat(stage.domain.factor, axis)
    return image


@torch.inference_mode()
def _walk(model: Model, condition: Tensor, known: KnownRegion, sampler, counts, generators):
    """The image on the stage's grid after each step, and whether it is the last."""
    coarse, last = None, len(counts) - 1
    for i, (stage, network, count) in enumerate(zip(model.spec.stages, model.networks, counts, strict=True)):
        domain = stage.domain
        window = _window(stage, known, model.spec.grid.spacing)
        inner = tuple(slice(side.start // domain.factor, side.stop // domain.factor) for side in window)
        part, near = known.part(window), condition[(..., *window)]
        below = None
        if coarse is not None:
            half = tuple(slice(side.start // 2, side.stop // 2) for side in inner)
            below = coarse[(..., *half)]
        denoise = denoiser(network, stage, domain.pack(near, below), below, model.precision)
        guided = part.guide(denoise, domain, stage.timesteps, below, generators)
        shape = (1, *domain.x_shape(tuple(near.shape[2:])))
        x = noise_like(torch.empty(shape, device=model.device), generators) * stage.temperature
        image = torch.nn.functional.avg_pool3d(known.image, domain.factor)
        for step in sampler(guided, x, Schedule.cosine(stage.timesteps), count, generators, stage.temperature):
            image = image.clone()
            image[(..., *inner)] = domain.decode(step.x0, below)
            finished = i == last and step.index == step.total
            if finished:
                known.guess = known.image.clone()
                known.guess[(..., *inner)] = part.guess
            yield image, finished
        coarse = image


def _window(stage: StageSpec, known: KnownRegion, spacing: tuple[float, float, float]) -> Window:
    """What of the model grid (z, y, x) a stage works on: all of it, or, where its network has no attention and so sees
    no further than its surroundings, the part to make and CONTEXT_MM around it."""
    shape = known.unknown.shape[2:]
    looks_far = stage.network.get("attention_factors", (1,)) or stage.network.get("bottom_attention", True)
    if stage.domain.kind != "haar_detail" or looks_far:
        return tuple(slice(0, n) for n in shape)
    align = stage.domain.block * 2 ** (len(stage.network["channel_multipliers"]) - 1)
    inside = bounding_box(known.unknown[0, 0].cpu().numpy() > 0)
    sides = []
    for side, n, step in zip(inside, shape, spacing[::-1], strict=True):
        margin = int(np.ceil(CONTEXT_MM / step))
        start = max(0, side.start - margin) // align * align
        sides.append(slice(start, min(n, -(-(side.stop + margin) // align) * align)))
    return tuple(sides)
