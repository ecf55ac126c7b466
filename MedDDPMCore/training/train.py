"""Trains the stages of a model: one run, one folder, resumable at any moment.

A run folder holds config.json, and for each stage i: stage-i.pt (the checkpoint), stage-i.jsonl (the log, one JSON object a line), samples;
and at the end the model as a bundle in model/.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..device import pick_device, pick_precision
from ..diffusion.objective import LOSSES, q_sample, target
from ..diffusion.schedule import Schedule
from ..errors import ResourceError, TrainingError
from ..models.spec import ModelSpec, StageSpec
from ..models.stage import build_network
from .checkpoint import load_checkpoint, save_checkpoint
from .config import StageTraining, TrainingConfig
from .dataset import PackedDataset
from .distributed import gradients_stay_here, mean_over_ranks, process_group, rank_and_world, share, wrap
from .log import TrainingLog
from .samples import Batches, Samples, generator_for
from .statistics import with_band_statistics
from .validation import validation_loss, write_sample

Report = Callable[[dict], None]


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How often a run looks up from its work, in steps or seconds, and where it computes.

    stop_after: steps of this call, None for all. threads: of data loading.
    """

    device: str = "auto"
    validate_every: int = 500
    sample_every: int = 1000
    checkpoint_seconds: float = 60.0
    stop_after: int | None = None
    threads: int = 2


class StageRun:
    """The training of one stage: its network, averaged weights, optimiser and step."""

    def __init__(self, spec: ModelSpec, index: int, training: StageTraining, seed: int, device: torch.device):
        self.stage, self.training, self.device, self.seed, self.index = spec.stages[index], training, device, seed, index
        torch.manual_seed(seed + index)
        self.network = build_network(spec, self.stage).to(device, memory_format=torch.channels_last_3d)
        self.network.checkpointing = training.checkpointing
        self.ema = build_network(spec, self.stage).to(device, memory_format=torch.channels_last_3d).requires_grad_(False)
        self.ema.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=training.learning_rate)
        self.precision = pick_precision(training.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.schedule = Schedule.cosine(self.stage.timesteps)
        self.parallel = wrap(self.network, device)
        self.step = 0

    def load(self, state: dict) -> None:
        """Continues from a checkpoint of the same stage; TrainingError where its network has another shape."""
        try:
            self.network.load_state_dict(state["network"])
            self.ema.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                f"The checkpoint of stage {self.index} does not fit the configuration: {str(error).splitlines()[0]}.",
                "Resume with the configuration that started the run, or name a new run folder.",
            ) from error
        self.step = int(state["step"])

    def state(self) -> dict:
        """What a checkpoint holds. Random numbers depend on seed and step alone, so these two are the random state."""
        return {
            "network": self.network.state_dict(), "ema": self.ema.state_dict(), "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(), "step": self.step, "seed": self.seed,
        }

    def learning_rate(self) -> float:
        """The rate of the present step."""
        t = self.training
        rate = t.learning_rate * min(1.0, (self.step + 1) / max(1, t.warmup))
        if t.schedule == "paper":
            return rate * (0.1 if self.step >= t.steps // 2 else 1.0)
        return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / t.steps)))

    def train_step(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> float:
        """One optimiser step on this rank's samples (batch, channel, z, y, x); returns their mean loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        here = len(images)
        size = self.training.micro_batch or here
        world = rank_and_world()[1]
        total = 0.0
        for first in range(0, here, size):
            part = slice(first, first + size)
            with gradients_stay_here(self.parallel, first + size < here):
                loss = self._loss_sum(images[part], labels[part], generators[part])
                self.scaler.scale(loss * (world / self.training.batch_size)).backward()
            total += float(loss.detach())
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        decay = min(self.training.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.network.parameters()), 1 - decay)
        return total / here

    def _loss_sum(self, images: Tensor, labels: Tensor, generators: list[torch.Generator]) -> Tensor:
        """The sum over samples of each one's mean loss."""
        x0, condition, t, noise = noised_batch(self.stage, images, labels, generators, self.training.coarse_noise)
        x0, condition, t, noise = (v.to(self.device, non_blocking=True) for v in (x0, condition, t, noise))
        x = torch.cat([q_sample(self.schedule, x0, t, noise), condition], dim=1)
        x = x.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            output = self.parallel(x, t)
        wanted = target(self.stage.prediction, self.schedule, x0, t, noise)
        return LOSSES[self.training.loss](output.float(), wanted) * len(images)


def noised_batch(stage: StageSpec, images: Tensor, labels: Tensor, generators: list[torch.Generator], coarse_noise: float = 0):
    """x0, packed condition, step numbers and noise for samples at model-grid size, each drawn with its own generator."""
    domain = stage.domain
    x0 = domain.encode(images)
    coarse = None
    if domain.kind == "haar_detail":
        strength = [coarse_noise * torch.rand((), generator=g) for g in generators]
        clean = domain.coarse(images)
        coarse = torch.stack(
            [c + s * torch.randn(c.shape, generator=g) for c, s, g in zip(clean, strength, generators, strict=True)]
        )
    condition = domain.pack(labels, coarse)
    t = torch.stack([torch.randint(stage.timesteps, (), generator=g) for g in generators])
    noise = torch.stack([torch.randn(x0.shape[1:], generator=g) for g in generators])
    return x0, condition, t, noise


def train_stage(
    config: TrainingConfig, index: int, data: PackedDataset, run: Path, options: RunOptions, report: Report
) -> ModelSpec:
    """Trains one stage to its last step, or for options.stop_after steps; resumes where the run folder has a checkpoint.

    Returns the spec with the stage's band statistics. TrainingError where the loss is not a number, ResourceError without memory or
    disk: the last good checkpoint stays.
    """
    training = config.stages[index]
    spec = with_band_statistics(config.model, index, data)
    rank, world = rank_and_world()
    checkpoint = run / f"stage-{index}.pt"
    with process_group(pick_device(options.device)) as device:
        state = StageRun(spec, index, training, config.seed, device)
        if checkpoint.exists():
            state.load(load_checkpoint(checkpoint))
        block = spec.stages[index].domain.block
        samples = Samples(data, training.augmentation, training.lesions, training.patch, block)
        places = share(training.batch_size, rank, world)
        batches = Batches(
            samples, data.indices("train"), training.batch_size, config.seed + index, places, options.threads, training.repeats
        )
        log = TrainingLog(run / f"stage-{index}.jsonl", state.step) if rank == 0 else None
        last = training.steps if options.stop_after is None else min(training.steps, state.step + options.stop_after)
        saved_at, started, first_step = time.monotonic(), time.monotonic(), state.step

        def save() -> None:
            if rank == 0:
                save_checkpoint(checkpoint, state.state())

        try:
            while state.step < last:
                loss = mean_over_ranks(state.train_step(*batches.get(state.step)), device)
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"The loss became {loss} at step {state.step}.",
                        f"The checkpoint in {run} is from before that: lower learning_rate, or use precision float32, and resume.",
                    )
                entry = {"stage": index, "step": state.step, "loss": round(loss, 6), "learning_rate": state.learning_rate()}
                seconds = (time.monotonic() - started) / (state.step - first_step)
                if state.step % options.validate_every == 0 or state.step == last:
                    entry["validation_loss"] = round(validation_loss(state.ema, spec, index, data, training, state.precision), 6)
                if rank == 0:
                    log.write(entry)
                    if state.step % options.sample_every == 0 or state.step == last:
                        write_sample(run, state.step, state.ema, spec, index, data, training, state.precision)
                    report({**entry, "steps": training.steps, "seconds_left": seconds * (last - state.step)})
                    if time.monotonic() - saved_at > options.checkpoint_seconds:
                        save()
                        saved_at = time.monotonic()
            save()
        except KeyboardInterrupt:
            save()
            raise
        except torch.OutOfMemoryError as error:
            raise ResourceError(
                f"The device ran out of memory at step {state.step}.",
                "Set a smaller micro_batch, or checkpointing to true, and resume.",
            ) from error
        finally:
            batches.close()
            with contextlib.suppress(AttributeError):
                log.close()
    return spec
