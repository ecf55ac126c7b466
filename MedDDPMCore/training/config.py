"""A training run as a file: the model to make and how to train each of its stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import TrainingError
from ..models.spec import ModelSpec, read_json
from .augment import Augmentation
from .lesion_simulation import LesionSettings

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class StageTraining:
    """How one stage is trained.

    steps: optimiser steps. batch_size: samples a step, over all ranks; micro_batch: samples computed at once (0: all of a rank's).
    repeats: samples of a batch that share one drawn image, each at its own diffusion step, where drawing images is slow.
    schedule: "paper" (learning_rate, a tenth of it for the second half) or "cosine" (falling to 0), after warmup steps of linear rise.
    loss: "l1" or "l2" on what the network predicts. ema_decay: of the averaged weights, reached gradually.
    patch: (z, y, x) voxels to train on, None for whole heads. coarse_noise: largest standard deviation of the noise added to the
    coarser image that a stage refines (Ho et al., Cascaded Diffusion Models, 2022). precision: "auto" is bfloat16 where the device
    multiplies it fast, float16 on older GPUs, else float32. checkpointing: recompute activations to save memory.
    """

    steps: int
    batch_size: int = 4
    micro_batch: int = 0
    repeats: int = 1
    learning_rate: float = 2e-4
    schedule: str = "cosine"
    warmup: int = 200
    loss: str = "l2"
    ema_decay: float = 0.999
    patch: tuple[int, int, int] | None = None
    coarse_noise: float = 0.0
    precision: str = "auto"
    checkpointing: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    lesions: LesionSettings = field(default_factory=LesionSettings)


@dataclass(frozen=True)
class TrainingConfig:
    """The model, a StageTraining a stage, and the seed of everything random."""

    model: ModelSpec
    stages: tuple[StageTraining, ...]
    seed: int = 0

    @classmethod
    def read(cls, path: str | Path) -> TrainingConfig:
        """Raises TrainingError or ModelError naming the entry that is wrong."""
        values = read_json(path)
        try:
            model = ModelSpec.from_dict(values["model"])
            stages = tuple(_stage_training(stage) for stage in values["training"])
            config = cls(model, stages, int(values.get("seed", 0)))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(f"{path} is not a training configuration: {error}.") from error
        if len(stages) != len(model.stages):
            raise TrainingError(f"{path} trains {len(stages)} stages of a model that has {len(model.stages)}.")
        return config


def _stage_training(values: dict) -> StageTraining:
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    for key, kind in (("augmentation", Augmentation), ("lesions", LesionSettings)):
        if key in values:
            values[key] = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values[key].items()})
    stage = StageTraining(**values)
    if stage.precision not in PRECISIONS or stage.schedule not in ("paper", "cosine") or stage.loss not in ("l1", "l2"):
        raise ValueError(f"unknown precision {stage.precision!r}, schedule {stage.schedule!r} or loss {stage.loss!r}")
    if stage.steps < 1 or stage.batch_size < 1:
        raise ValueError("steps and batch_size must be at least 1")
    return stage
