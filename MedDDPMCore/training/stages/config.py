"""A training run as a file: the model to make and how to train each of its stages."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ...base.errors import TrainingError, shown
from ...base.typed_json import above, at_least, below, from_json, one_of, read_json, to_json, within
from ...diffusion.names import LOSSES
from ...lesions.simulation import LesionSettings
from ...models.spec import ModelSpec
from ..data.augment import Augmentation
from .optimizers import OPTIMIZERS

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_Side = Annotated[int, at_least(1)]
SCHEDULES = ("paper", "cosine", "constant", "wsd")
TIMESTEP_SAMPLING = ("uniform", "logit_normal")


@dataclass(frozen=True, kw_only=True)
class StageTraining:
    """How one stage is trained.

    steps: optimiser steps. batch_size: samples a step, over all ranks; micro_batch: samples computed at once (0:
    all of a rank's). repeats: samples of a batch that share one drawn image, each at its own diffusion step, where
    drawing images is slow. optimizer: "adam" or "muon", which learns more in a step and wants a rate about five
    times as high (diffusion models only). schedule: "paper" (learning_rate, a tenth of it for the second half),
    "cosine" (falling to 0), "constant", or "wsd" (constant, and over the last fifth falling to 0: warm-up, stable,
    decay, Hu et al., MiniCPM, 2024; a run of it is ended whenever one likes by lowering steps and resuming), after
    warmup steps of linear rise. loss: "l1" or "l2" on what the network predicts. ema_decay: of the averaged
    weights, reached gradually. timestep_sampling: "uniform", or "logit_normal", which trains more on the middle steps,
    where an image takes its form, than on the least and most noisy (Esser et al., "Scaling Rectified Flow
    Transformers", 2024). patch: (z, y, x) voxels to train on, None for whole heads. brain_patches: the share
    of patches around a place in the brain, the others around one anywhere in the head. coarse_noise: largest
    standard deviation of the noise added to the coarser image that a stage refines (Ho et al., Cascaded Diffusion
    Models, 2022). lesion_weight, brain_weight: of the loss where a lesion is, and in the brain beside it, relative
    to elsewhere. precision: "auto" is bfloat16 where the device multiplies it fast, float16 on older GPUs, else
    float32. checkpointing: recompute activations to save memory.
    """

    steps: Annotated[int, at_least(1)]
    batch_size: Annotated[int, at_least(1)] = 4
    micro_batch: Annotated[int, at_least(0)] = 0
    repeats: Annotated[int, at_least(1)] = 1
    optimizer: Annotated[str, one_of(OPTIMIZERS)] = "adam"
    learning_rate: Annotated[float, above(0)] = 2e-4
    schedule: Annotated[str, one_of(SCHEDULES)] = "cosine"
    warmup: Annotated[int, at_least(0)] = 200
    loss: Annotated[str, one_of(LOSSES)] = "l2"
    ema_decay: Annotated[float, below(1)] = 0.999
    timestep_sampling: Annotated[str, one_of(TIMESTEP_SAMPLING)] = "uniform"
    patch: tuple[_Side, _Side, _Side] | None = None
    brain_patches: Annotated[float, within(0, 1)] = 0.0
    coarse_noise: Annotated[float, at_least(0)] = 0.0
    lesion_weight: Annotated[float, above(0)] = 1.0
    brain_weight: Annotated[float, above(0)] = 1.0
    precision: Annotated[str, one_of(PRECISIONS)] = "auto"
    checkpointing: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    lesions: LesionSettings = field(default_factory=LesionSettings)

    def learning_rate_at(self, step: int) -> float:
        """The rate of the step of this number, counted from 0."""
        return self.learning_rate * rate_factor(self.schedule, self.warmup, step, self.steps)


def rate_factor(schedule: str, warmup: int, step: int, steps: int) -> float:
    """What the learning rate is multiplied by in step `step`, from 0, of `steps`; see StageTraining."""
    rising = min(1.0, (step + 1) / max(1, warmup))
    if schedule == "paper":
        return rising * (0.1 if step >= steps // 2 else 1.0)
    if schedule == "cosine":
        return rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    if schedule == "wsd":
        return rising * min(1.0, 5 * (steps - step) / steps)
    return rising


@dataclass(frozen=True)
class TrainingConfig:
    """The model, a StageTraining a stage, the seed of everything random, and the bundle to start from ("": none)."""

    model: ModelSpec
    stages: tuple[StageTraining, ...]
    seed: int = 0
    start_from: str = ""

    def __post_init__(self) -> None:
        if len(self.stages) != len(self.model.stages):
            raise TrainingError(f"{len(self.stages)} stages are trained of a model that has {len(self.model.stages)}.")
        for index, training in enumerate(self.stages):
            _check_patch(self.model, index, training.patch)

    @classmethod
    def read(cls, path: str | Path) -> TrainingConfig:
        """Raises TrainingError or ModelError naming the file and the entry that is wrong."""
        return cls.from_dict(read_json(path, TrainingError), shown(path))

    @classmethod
    def from_dict(cls, values: object, where: str = "The configuration") -> TrainingConfig:
        """From what `to_dict` gives; entries with a default may be left out. where: what holds the values."""
        file = from_json(_File, values, where, TrainingError)
        model = ModelSpec.from_dict(file.model, f"{where}, model")
        try:
            return cls(model, file.training, file.seed, file.start_from)
        except TrainingError as error:
            raise TrainingError(f"{where}: {error.message}", error.hint) from error

    def to_dict(self) -> dict:
        """As plain data for a JSON file."""
        values = {"seed": self.seed, "model": self.model.to_dict(), "training": to_json(self.stages)}
        return {**values, "start_from": self.start_from} if self.start_from else values


@dataclass(frozen=True)
class _File:
    """What a configuration file holds."""

    model: dict
    training: tuple[StageTraining, ...]
    seed: int = 0
    start_from: str = ""


def _check_patch(model: ModelSpec, index: int, patch: tuple[int, int, int] | None) -> None:
    block = model.stages[index].domain.block
    if patch is not None and any(p > n or p % block for p, n in zip(patch, model.grid.shape, strict=True)):
        raise TrainingError(
            f"training[{index}].patch must be multiples of {block} voxels within the grid of {model.grid.shape}, "
            f"not {patch}."
        )
