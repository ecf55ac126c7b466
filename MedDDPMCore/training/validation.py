"""How well a stage does on cases it does not train on: a loss at fixed steps and noises, and a sample picture."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..diffusion.objective import LOSSES, q_sample, target
from ..diffusion.samplers import dpmpp_2m
from ..diffusion.schedule import Schedule
from ..models.spec import ModelSpec
from ..models.stage import denoiser
from .config import StageTraining
from .dataset import PackedDataset
from .samples import NO_AUGMENTATION, Samples, generator_for

CASES = 6
TIMES = 4
SAMPLE_STEPS = 15


@torch.no_grad()
def validation_loss(network, spec: ModelSpec, index: int, data: PackedDataset, training: StageTraining, precision) -> float:
    """Mean loss over at most CASES validation cases at TIMES evenly spaced steps, always with the same lesions and noises."""
    stage, device = spec.stages[index], next(network.parameters()).device
    schedule = Schedule.cosine(stage.timesteps)
    losses = []
    for image, labels, generator in _fixed_cases(spec, index, data, training):
        x0 = stage.domain.encode(image)
        condition = stage.domain.pack(labels, _coarse(stage, image)).to(device)
        for k in range(TIMES):
            t = torch.tensor([int((k + 0.5) / TIMES * stage.timesteps)])
            noise = torch.randn(x0.shape, generator=generator)
            x = q_sample(schedule, x0, t, noise).to(device)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                output = network(torch.cat([x, condition], dim=1), t.to(device))
            losses.append(float(LOSSES[training.loss](output.float().cpu(), target(stage.prediction, schedule, x0, t, noise))))
    return sum(losses) / len(losses)


@torch.no_grad()
def write_sample(run: Path, step: int, network, spec: ModelSpec, index: int, data: PackedDataset, training, precision) -> None:
    """Samples a validation case and writes it beside the real image as a PNG in the run folder's samples/."""
    from ..synthesis.preview import write_png

    stage, device = spec.stages[index], next(network.parameters()).device
    image, labels, generator = next(_fixed_cases(spec, index, data, training))
    coarse = _coarse(stage, image)
    coarse = None if coarse is None else coarse.to(device)
    denoise = denoiser(network, stage, stage.domain.pack(labels.to(device), coarse), coarse, precision)
    x = torch.randn((1, *stage.domain.x_shape(tuple(image.shape[2:]))), generator=generator).to(device)
    for last in dpmpp_2m(denoise, x, Schedule.cosine(stage.timesteps), min(SAMPLE_STEPS, stage.timesteps)):
        pass
    made = stage.domain.decode(last.x0, coarse)[0].cpu()
    real = stage.domain.decode(stage.domain.encode(image), _coarse(stage, image))[0]
    folder = run / "samples"
    folder.mkdir(exist_ok=True)
    write_png(folder / f"stage-{index}-step-{step:07d}.png", torch.stack([made[0], real[0]]).numpy())


def _fixed_cases(spec: ModelSpec, index: int, data: PackedDataset, training: StageTraining):
    samples = Samples(data, NO_AUGMENTATION, training.lesions, training.patch, spec.stages[index].domain.block)
    for case in data.indices("validation")[:CASES]:
        generator = generator_for(7, case)
        image, labels = samples.draw(case, generator)
        yield image[None], labels[None], generator


def _coarse(stage, image: Tensor) -> Tensor | None:
    return stage.domain.coarse(image) if stage.domain.kind == "haar_detail" else None
