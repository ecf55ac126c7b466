"""How well a stage does on cases it does not train on: a loss at fixed steps and noises, and a sample picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...base.randomness import generator_for
from ...diffusion.objective import LOSSES, q_sample, target
from ...diffusion.samplers import dpmpp_2m
from ...diffusion.schedule import Schedule
from ...models.spec import ModelSpec, StageSpec
from ...models.stage import denoiser
from ..data.dataset import PackedDataset
from ..data.samples import NO_AUGMENTATION, Samples
from .config import StageTraining

CASES = 6
TIMES = 4
SAMPLE_STEPS = 15


@dataclass(frozen=True)
class Validation:
    """The held-out cases of a stage's training. precision: computed in. atlas: each case's bent atlas, as bytes."""

    spec: ModelSpec
    index: int
    data: PackedDataset
    training: StageTraining
    precision: torch.dtype
    atlas: np.ndarray | None = None

    @property
    def stage(self) -> StageSpec:
        """What is trained."""
        return self.spec.stages[self.index]

    @torch.no_grad()
    def loss(self, network: nn.Module) -> float:
        """Mean loss over at most CASES validation cases at TIMES evenly spaced steps, always with the same noises.

        Lesions are the same, too, and nothing else is varied.
        """
        stage, device = self.stage, next(network.parameters()).device
        schedule = Schedule.cosine(stage.timesteps)
        losses = []
        for image, labels, generator in self._cases():
            x0 = stage.domain.encode(image)
            condition = stage.domain.pack(labels, _coarse(stage, image)).to(device)
            for k in range(TIMES):
                t = torch.tensor([int((k + 0.5) / TIMES * stage.timesteps)])
                noise = torch.randn(x0.shape, generator=generator)
                x = q_sample(schedule, x0, t, noise).to(device)
                with torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32):
                    output = network(torch.cat([x, condition], dim=1), t.to(device))
                wanted = target(stage.prediction, schedule, x0, t, noise)
                losses.append(float(LOSSES[self.training.loss](output.float().cpu(), wanted)))
        return sum(losses) / len(losses)

    @torch.no_grad()
    def write_sample(self, network: nn.Module, run: Path, step: int) -> None:
        """Samples a case and writes a PNG into the run folder's samples/: made above real, for each modality."""
        from ...base.pictures import write_png

        stage, device = self.stage, next(network.parameters()).device
        image, labels, generator = next(self._cases())
        coarse = _coarse(stage, image)
        coarse = None if coarse is None else coarse.to(device)
        denoise = denoiser(network, stage, stage.domain.pack(labels.to(device), coarse), coarse, self.precision)
        x = torch.randn((1, *stage.domain.x_shape(tuple(image.shape[2:]))), generator=generator).to(device)
        *_, last = dpmpp_2m(denoise, x, Schedule.cosine(stage.timesteps), min(SAMPLE_STEPS, stage.timesteps))
        made = stage.domain.decode(last.x0, coarse)[0].cpu()
        real = stage.domain.decode(stage.domain.encode(image), _coarse(stage, image))[0]
        folder = run / "samples"
        folder.mkdir(exist_ok=True)
        rows = torch.stack([made, real], dim=1).flatten(0, 1).numpy()
        write_png(folder / f"stage-{self.index}-step-{step:07d}.png", rows, self.spec.grid.spacing)

    def _cases(self) -> Iterator[tuple[Tensor, Tensor, torch.Generator]]:
        training, block = self.training, self.stage.domain.block
        samples = Samples(self.data, NO_AUGMENTATION, training.lesions, training.patch, block, self.atlas)
        for case in self.data.indices("validation")[:CASES]:
            generator = generator_for(7, case)
            image, labels = samples.draw(case, generator)
            yield image[None], labels[None], generator


def _coarse(stage: StageSpec, image: Tensor) -> Tensor | None:
    return stage.domain.coarse(image) if stage.domain.kind == "haar_detail" else None
