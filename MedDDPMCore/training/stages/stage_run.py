"""The state of one stage in training, and one optimiser step of it."""

from __future__ import annotations

import dataclasses
import math
from typing import cast

import torch
from torch import Tensor

from ...base.device import pick_precision, placed
from ...base.errors import TrainingError
from ...base.parallel import rank_and_world
from ...diffusion.domain import Domain
from ...diffusion.objective import diffusion_error
from ...diffusion.schedule import Schedule
from ...models.bundle import load_checked
from ...models.spec import ModelSpec
from ...models.stage import build_network
from .checkpoint import fitting
from .config import StageTraining
from .distributed import gradients_stay_here, sum_over_ranks, wrap
from .optimizers import make_optimizer
from .regions import loss_weights

LARGEST_GRADIENT = 1.0
_LOGIT_MEAN, _LOGIT_DEVIATION = 0.3, 1.2
"""Of a step number's share of all steps: half of the draws lie between 0.38 and 0.75."""
_SMALLEST_SCALE = 2.0**-10
"""Below this scale of the loss, float16 gradients are not saved by scaling any more."""


class StageRun:
    """The training of one stage: its network, averaged weights, optimiser and step.

    start: weights to begin with, by name; None begins with random ones, the same for the same seed. drawn_factor: how
    many voxels of the model grid a voxel of the samples is wide, along one axis.
    """

    def __init__(
        self,
        spec: ModelSpec,
        index: int,
        training: StageTraining,
        seed: int,
        device: torch.device,
        start: dict[str, Tensor] | None = None,
        drawn_factor: int = 1,
    ):
        self.scheme = spec.labels
        self.stage, self.training, self.device = spec.stages[index], training, device
        self.seed, self.index = seed, index
        self.domain = dataclasses.replace(self.stage.domain, factor=self.stage.domain.factor // drawn_factor)
        torch.manual_seed(seed + index)
        self.network = build_network(spec, self.stage)
        if start is not None:
            load_checked(self.network, start, f"The weights that stage {index} starts from")
        placed(self.network, device)
        self.network.checkpointing = training.checkpointing
        self.ema = placed(build_network(spec, self.stage), device)
        self.ema.requires_grad_(False).load_state_dict(self.network.state_dict())
        self.optimizer = make_optimizer(training.optimizer, self.network, training.learning_rate)
        self.precision = pick_precision(training.precision, device)
        scaler = getattr(torch.amp, "GradScaler", None) or (
            lambda _device, enabled: torch.cuda.amp.GradScaler(enabled=enabled)
        )
        self.scaler = scaler(device.type, enabled=self.precision == torch.float16)
        self.schedule = Schedule.cosine(self.stage.timesteps)
        self.parallel = wrap(self.network, device)
        self.step = 0

    def load(self, state: dict) -> None:
        """Continues from a checkpoint of the same stage; TrainingError where its network or seed is another."""
        with fitting(state, self.index, self.seed):
            for name in ("network", "ema"):
                load_checked(getattr(self, name), state[name], "it")
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
        self.step = int(state["step"])

    def state(self) -> dict:
        """What a checkpoint holds. Random numbers depend on seed and step alone, so these are the random state."""
        return {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "seed": self.seed,
        }

    def learning_rate(self) -> float:
        """The rate of the present step."""
        return self.training.learning_rate_at(self.step)

    def train_step(
        self, images: Tensor, labels: Tensor, generators: list[torch.Generator], brain: Tensor | None = None
    ) -> float:
        """One optimiser step on this rank's samples; returns the mean loss over all ranks'.

        images, condition channels and brain (None: none) are (batch, channel, z, y, x), their voxels drawn_factor
        voxels of the model grid wide. TrainingError, and no step, where the loss or its gradient is not a number.
        """
        optimizer = cast(torch.optim.Optimizer, self.optimizer)  # the scaler asks no more of one than both kinds have
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate()
        optimizer.zero_grad(set_to_none=True)
        count = len(images)
        size = self.training.micro_batch or count
        world = rank_and_world()[1]
        total = 0.0
        for first in range(0, count, size):
            part = slice(first, first + size)
            with gradients_stay_here(self.parallel, first + size < count):
                weighed = None if brain is None else brain[part]
                loss = self._loss_sum(images[part], labels[part], generators[part], weighed)
                self.scaler.scale(loss * (world / self.training.batch_size)).backward()
            total += float(loss.detach())
        mean = sum_over_ranks([total], self.device)[0] / self.training.batch_size
        self.scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self._refuse_not_finite(mean, float(norm))
        self.scaler.step(optimizer)
        self.scaler.update()
        self.step += 1
        decay = min(self.training.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1 - decay)
        return mean

    def _refuse_not_finite(self, loss: float, gradient: float) -> None:
        """The loss scaling of float16 leaves out single steps whose gradient overflows; anything else is an end."""
        what = "loss" if not math.isfinite(loss) else "gradient"
        if math.isfinite(loss) and (math.isfinite(gradient) or self._scale_can_fall()):
            return
        raise TrainingError(
            f"The {what} of stage {self.index} is not a finite number in step {self.step + 1}.",
            "The last checkpoint is from before that: lower learning_rate, or use precision float32, and resume.",
        )

    def _scale_can_fall(self) -> bool:
        return self.scaler.is_enabled() and self.scaler.get_scale() > _SMALLEST_SCALE

    def _loss_sum(
        self, images: Tensor, labels: Tensor, generators: list[torch.Generator], brain: Tensor | None
    ) -> Tensor:
        """The sum over samples of each one's mean loss."""
        training, timesteps = self.training, self.stage.timesteps
        x0, condition, t, noise = (
            v.to(self.device, non_blocking=True)
            for v in noised_batch(
                self.domain,
                timesteps,
                images,
                labels,
                generators,
                coarse_noise=training.coarse_noise,
                timestep_sampling=training.timestep_sampling,
            )
        )
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            error = diffusion_error(
                self.parallel,
                self.stage.prediction,
                training.loss,
                schedule=self.schedule,
                x0=x0,
                condition=condition,
                t=t,
                noise=noise,
            )
        if training.lesion_weight != 1 or training.brain_weight != 1:
            error = error * loss_weights(training, self.scheme, labels, brain, self.domain.block).to(self.device)
        return error.mean() * len(images)


def noised_batch(
    domain: Domain,
    timesteps: int,
    images: Tensor,
    labels: Tensor,
    generators: list[torch.Generator],
    coarse_noise: float = 0,
    timestep_sampling: str = "uniform",
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x0, packed condition, step numbers and noise for drawn samples, each drawn with its own generator.

    coarse_noise and timestep_sampling as of `StageTraining`.
    images, labels: (batch, channel, z, y, x). All but the step numbers (batch,) are of the size of what is diffused.
    """
    x0 = domain.encode(images)
    coarse = None
    if domain.kind == "haar_detail":
        strength = [coarse_noise * torch.rand((), generator=g) for g in generators]
        clean = domain.coarse(images)
        coarse = torch.stack(
            [c + s * torch.randn(c.shape, generator=g) for c, s, g in zip(clean, strength, generators, strict=True)]
        )
    condition = domain.pack(labels, coarse)
    t = torch.stack([_drawn_step(timesteps, timestep_sampling, g) for g in generators])
    noise = torch.stack([torch.randn(x0.shape[1:], generator=g) for g in generators])
    return x0, condition, t, noise


def _drawn_step(timesteps: int, sampling: str, generator: torch.Generator) -> Tensor:
    """A step number, uniform or with a normal distribution of its share's logit."""
    if sampling == "uniform":
        return torch.randint(timesteps, (), generator=generator)
    logit = _LOGIT_MEAN + _LOGIT_DEVIATION * torch.randn((), generator=generator)
    return (torch.sigmoid(logit) * timesteps).long().clamp(max=timesteps - 1)
