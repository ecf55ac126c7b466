"""How well a stage does on cases it does not train on: a loss at fixed steps and noises, and a sample picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base.randomness import generator_for
from ...diffusion.domain import Domain, shrink
from ...diffusion.objective import diffusion_error
from ...diffusion.samplers import dpmpp_2m
from ...diffusion.schedule import Schedule
from ...lesions.simulation import LesionSettings
from ...models.spec import ModelSpec, StageSpec
from ...models.stage import denoiser
from ...volumes.geometry import triple
from ..data.augment import Augmentation
from ..data.dataset import PackedDataset
from ..data.samples import NO_AUGMENTATION, Samples
from .config import StageTraining
from .regions import lesions_and_brain

CASES = 6
TIMES = 8
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
    def losses(self, network: nn.Module, everyone: bool = False) -> dict[str, float]:
        """Mean losses over at most CASES validation cases, or all, at TIMES evenly spaced steps, with the same noises.

        validation_loss, of which validation_lesion, validation_brain (lesions left out) and validation_rest are the
        parts, where there are any; validation_cases. Lesions are the same each time, and nothing else is varied.
        """
        stage, device = self.stage, next(network.parameters()).device
        schedule = Schedule.cosine(stage.timesteps)
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        cases = 0

        def called(x: Tensor, t: Tensor) -> Tensor:
            with torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32):
                return network(x.to(device), t.to(device)).float().cpu()

        for image, labels, brain, generator in self._cases(None if everyone else CASES):
            cases += 1
            x0 = stage.domain.encode(image)
            condition = stage.domain.pack(labels, _coarse(stage.domain, image))
            lesion, beside = lesions_and_brain(self.spec.labels, labels, brain, stage.domain.block)
            parts = {"loss": lesion | ~lesion, "lesion": lesion, "brain": beside, "rest": ~lesion & ~beside}
            for k in range(TIMES):
                t = torch.tensor([int((k + 0.5) / TIMES * stage.timesteps)])
                noise = torch.randn(x0.shape, generator=generator)
                error = diffusion_error(
                    called,
                    stage.prediction,
                    self.training.loss,
                    schedule=schedule,
                    x0=x0,
                    condition=condition,
                    t=t,
                    noise=noise,
                ).mean(dim=1, keepdim=True)
                for name, part in parts.items():
                    sums[name] = sums.get(name, 0.0) + float(error[part].double().sum())
                    counts[name] = counts.get(name, 0) + int(part.sum())
        means = {f"validation_{name}": round(sums[name] / counts[name], 6) for name in sums if counts[name]}
        return {**means, "validation_cases": cases}

    @torch.no_grad()
    def write_sample(self, network: nn.Module, run: Path, step: int) -> None:
        """Samples a case and writes a PNG into the run folder's samples/: made above real, for each modality."""
        from ...base.pictures import write_png

        stage, device = self.stage, next(network.parameters()).device
        image, labels, _, generator = next(self._cases(1))
        coarse = _coarse(stage.domain, image)
        coarse = None if coarse is None else coarse.to(device)
        denoise = denoiser(network, stage, stage.domain.pack(labels.to(device), coarse), coarse, self.precision)
        x = torch.randn((1, *stage.domain.x_shape(triple(image.shape[2:]))), generator=generator).to(device)
        *_, last = dpmpp_2m(denoise, x, Schedule.cosine(stage.timesteps), min(SAMPLE_STEPS, stage.timesteps))
        made = stage.domain.decode(last.x0, coarse)[0].cpu()
        real = stage.domain.decode(stage.domain.encode(image), _coarse(stage.domain, image))[0]
        folder = run / "samples"
        folder.mkdir(exist_ok=True)
        rows = torch.stack([made, real], dim=1).flatten(0, 1).numpy()
        write_png(folder / f"stage-{self.index}-step-{step:07d}.png", rows, self.spec.grid.spacing, self.spec.grid.axes)

    def _cases(self, most: int | None) -> Iterator[tuple[Tensor, Tensor, Tensor, torch.Generator]]:
        training = self.training
        samples = Samples(
            self.data, NO_AUGMENTATION, training.lesions, training.patch, training.brain_patches, atlas=self.atlas
        )
        for case in self.data.indices("validation")[:most]:
            generator = generator_for(7, case)
            image, labels, brain = samples.draw(case, generator)
            yield image[None], labels[None], brain[None], generator


def drawn_sharpness(data: PackedDataset, augmentation: Augmentation, domain: Domain) -> float:
    """How sharp what a stage is to make is drawn: the mean size of the intensity's gradient inside the head, over that
    of the stored images, both at the resolution of the stage's image. Of a few whole heads without lesions.
    """
    still = dataclasses.replace(augmentation, gain=0.0, contrast=0.0, bias=0.0)
    cases = data.indices("train")
    sizes = []
    for settings in (still, NO_AUGMENTATION):
        samples = Samples(data, settings, LesionSettings(probability=0.0), shrink=domain.factor)
        drawn = [samples.draw(case, generator_for(13, case)) for case in cases[:: -(-len(cases) // CASES)]]
        sizes.append(sum(_mean_gradient(data, drawn_one, domain.factor // samples.factor) for drawn_one in drawn))
    return sizes[0] / sizes[1]


def _mean_gradient(data: PackedDataset, drawn: tuple[Tensor, Tensor, Tensor], factor: int) -> float:
    """Inside the head, of an image that is shrunk by this factor."""
    image, channels = (shrink(part[None], factor)[0] for part in drawn[:2])
    head = channels[: len(data.labels_scheme.channels)].amax(dim=0) > 0
    inner = -F.max_pool3d(-head.float()[None, None], 3, 1, 1)[0, 0] > 0
    slopes = torch.stack(torch.gradient(image, dim=(1, 2, 3)))
    return float(torch.linalg.vector_norm(slopes, dim=0)[:, inner].mean())


def _coarse(domain: Domain, image: Tensor) -> Tensor | None:
    return domain.coarse(image) if domain.kind == "haar_detail" else None
