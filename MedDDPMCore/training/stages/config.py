"""A training run as a file: the model to make and how to train each of its stages."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...base.errors import TrainingError
from ...diffusion.objective import LOSSES
from ...lesions.simulation import LesionSettings
from ...models.spec import ModelSpec, read_json
from ..data.augment import Augmentation
from .optimizers import OPTIMIZERS

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
SCHEDULES = ("paper", "cosine", "constant", "wsd")


@dataclass(frozen=True)
class StageTraining:
    """How one stage is trained.

    steps: optimiser steps. batch_size: samples a step, over all ranks; micro_batch: samples computed at once (0:
    all of a rank's). repeats: samples of a batch that share one drawn image, each at its own diffusion step, where
    drawing images is slow. optimizer: "adam" or "muon", which learns more in a step and wants a rate about five
    times as high (diffusion models only). schedule: "paper" (learning_rate, a tenth of it for the second half),
    "cosine" (falling to 0), "constant", or "wsd" (constant, and over the last fifth falling to 0: warm-up, stable,
    decay, Hu et al., MiniCPM, 2024; a run of it is ended whenever one likes by lowering steps and resuming), after
    warmup steps of linear rise. loss: "l1" or "l2" on what the network predicts. ema_decay: of the averaged
    weights, reached gradually. patch: (z, y, x) voxels to train on, None for whole heads. brain_patches: the share
    of patches around a place in the brain, the others around one anywhere in the head. coarse_noise: largest
    standard deviation of the noise added to the coarser image that a stage refines (Ho et al., Cascaded Diffusion
    Models, 2022). lesion_weight, brain_weight: of the loss where a lesion is, and in the brain beside it, relative
    to elsewhere. precision: "auto" is bfloat16 where the device multiplies it fast, float16 on older GPUs, else
    float32. checkpointing: recompute activations to save memory.
    """

    steps: int
    batch_size: int = 4
    micro_batch: int = 0
    repeats: int = 1
    optimizer: str = "adam"
    learning_rate: float = 2e-4
    schedule: str = "cosine"
    warmup: int = 200
    loss: str = "l2"
    ema_decay: float = 0.999
    patch: tuple[int, int, int] | None = None
    brain_patches: float = 0.0
    coarse_noise: float = 0.0
    lesion_weight: float = 1.0
    brain_weight: float = 1.0
    precision: str = "auto"
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
        values = read_json(path)
        try:
            return cls.from_dict(values)
        except TrainingError as error:
            raise TrainingError(f"{path} is not a training configuration: {error.message}", error.hint) from error

    @classmethod
    def from_dict(cls, values: dict) -> TrainingConfig:
        """From what `to_dict` gives; entries with a default may be left out."""
        if not isinstance(values, dict) or not {"model", "training"} <= set(values):
            raise TrainingError("It needs the entries model and training.")
        if unknown := sorted(set(values) - {"model", "training", "seed", "start_from"}):
            raise TrainingError(f"Unknown entries: {', '.join(unknown)}.")
        if not isinstance(values["training"], list):
            raise TrainingError("training must be a list with one entry a stage.")
        return cls(
            ModelSpec.from_dict(values["model"]),
            tuple(parsed(StageTraining, v, f"training[{i}]") for i, v in enumerate(values["training"])),
            _converted(int, values.get("seed", 0), "seed"),
            _converted(str, values.get("start_from", ""), "start_from"),
        )

    def to_dict(self) -> dict:
        """As plain data for a JSON file."""
        stages = [_as_plain(dataclasses.asdict(stage)) for stage in self.stages]
        values = {"seed": self.seed, "model": _as_plain(self.model.to_dict()), "training": stages}
        return {**values, "start_from": self.start_from} if self.start_from else values


_POSITIVE = (lambda v: v > 0, "above 0")
_NOT_NEGATIVE = (lambda v: v >= 0, "0 or more")
_SHARE = (lambda v: 0 <= v <= 1, "between 0 and 1")
_RANGE = (lambda v: 0 < v[0] <= v[1], "two numbers above 0, the smaller one first")
_LIMITS: dict[str, tuple[Callable[..., bool], str]] = {
    "steps": (lambda v: v >= 1, "1 or more"),
    "batch_size": (lambda v: v >= 1, "1 or more"),
    "repeats": (lambda v: v >= 1, "1 or more"),
    "micro_batch": _NOT_NEGATIVE,
    "warmup": _NOT_NEGATIVE,
    "optimizer": (lambda v: v in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
    "learning_rate": _POSITIVE,
    "schedule": (lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "loss": (lambda v: v in LOSSES, f"one of {', '.join(LOSSES)}"),
    "precision": (lambda v: v in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
    "ema_decay": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "coarse_noise": _NOT_NEGATIVE,
    "lesion_weight": _POSITIVE,
    "brain_weight": _POSITIVE,
    "brain_patches": _SHARE,
    "patch": (lambda v: v is None or min(v) >= 1, "three sizes of 1 voxel or more, or null"),
    "degrees": _NOT_NEGATIVE,
    "scale": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "shift_mm": _NOT_NEGATIVE,
    "warp_mm": _NOT_NEGATIVE,
    "gain": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "contrast": _NOT_NEGATIVE,
    "bias": _NOT_NEGATIVE,
    "probability": _SHARE,
    "several": _SHARE,
    "smallest_ml": _POSITIVE,
    "largest_ml": _POSITIVE,
    "enhancement": _RANGE,
    "core": _RANGE,
    "oedema": _RANGE,
    "mass_effect": _SHARE,
}


def parsed(kind: type, values: object, where: str):
    """A dataclass of this kind from plain data; TrainingError naming the entry under `where` that is wrong."""
    if not isinstance(values, dict):
        raise TrainingError(f"{where} must be an object with named entries, not {values!r}.")
    types_of = typing.get_type_hints(kind)
    if unknown := sorted(set(values) - set(types_of)):
        raise TrainingError(f"{where} has unknown entries: {', '.join(unknown)}.", f"Known are {', '.join(types_of)}.")
    made = {name: _converted(types_of[name], value, f"{where}.{name}") for name, value in values.items()}
    for name in set(made) & set(_LIMITS):
        holds, wording = _LIMITS[name]
        if not holds(made[name]):
            raise TrainingError(f"{where}.{name} must be {wording}, not {values[name]!r}.")
    missing = dataclasses.MISSING
    needed = [f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing]
    if lacking := [name for name in needed if name not in made]:
        raise TrainingError(f"{where} lacks the entry {lacking[0]}.")
    return kind(**made)


def _converted(kind, value: object, where: str):
    """The value as this type; whole numbers count as floats, lists become tuples. TrainingError naming `where`."""
    if dataclasses.is_dataclass(kind):
        return parsed(kind, value, where)
    if typing.get_origin(kind) is types.UnionType:
        return None if value is None else _converted(typing.get_args(kind)[0], value, where)
    if typing.get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise TrainingError(f"{where} must be an object with named entries, not {value!r}.")
        return {name: _converted(typing.get_args(kind)[1], v, f"{where}.{name}") for name, v in value.items()}
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        if parts[-1] is Ellipsis and isinstance(value, (list, tuple)):
            parts = parts[:1] * len(value)
        if not isinstance(value, (list, tuple)) or len(value) != len(parts):
            count = "" if parts[-1] is Ellipsis else f"{len(parts)} "
            raise TrainingError(f"{where} must be a list of {count}numbers, not {value!r}.")
        return tuple(_converted(part, v, f"{where}[{i}]") for i, (part, v) in enumerate(zip(parts, value, strict=True)))
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        name = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
        raise TrainingError(f"{where} must be {name}, not {value!r}.")
    if kind is float and not math.isfinite(value):
        raise TrainingError(f"{where} must be finite, not {value!r}.")
    return kind(value)


def _check_patch(model: ModelSpec, index: int, patch: tuple[int, int, int] | None) -> None:
    block = model.stages[index].domain.block
    if patch is not None and any(p > n or p % block for p, n in zip(patch, model.grid.shape, strict=True)):
        raise TrainingError(
            f"training[{index}].patch must be multiples of {block} voxels within the grid of {model.grid.shape}, "
            f"not {patch}."
        )


def _as_plain(value):
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: _as_plain(v) for key, v in value.items()}
    return [_as_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
