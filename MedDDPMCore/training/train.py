"""Trains one stage of a model, resumable at any moment.

A run folder holds, for each stage i: stage-i.pt (the checkpoint), stage-i.jsonl (the log, one JSON object a line),
stage-i/ (TensorBoard's log, where it is installed) and pictures in samples/; see `training.run` for the rest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.device import pick_device
from ..base.errors import TrainingError
from ..base.files import writing
from ..base.parallel import rank_and_world
from ..base.shortage import memory_explained
from ..models.spec import DIFFUSION, ModelSpec
from .baselines.discogan import DiscoGANRun
from .baselines.pix2pix import Pix2PixRun
from .data.dataset import PackedDataset, check_fits
from .data.digest import require_same
from .data.samples import Batches, Samples
from .interrupt import StopRequest
from .log import TrainingLog
from .stages.checkpoint import RESUME, load_checkpoint, save_checkpoint
from .stages.config import StageTraining, TrainingConfig
from .stages.distributed import join, loading_threads, share, sum_over_ranks, wait_for_all
from .stages.stage_run import StageRun
from .stages.statistics import with_band_statistics
from .stages.trainer import StageTrainer
from .stages.validation import Validation, drawn_sharpness

Report = Callable[[dict], None]
"""Called on rank 0 after each step with: stage, step, steps, loss, learning_rate, seconds_left, and now and then
what `Validation.losses` gives, drawn_sharpness (of `drawn_sharpness`) and drawing_share (of the processor's time)."""
EVERYONE = 5
"""Of so many validations one is on all held-out cases; so is the last."""

BASELINES = {"pix2pix": Pix2PixRun, "discogan": DiscoGANRun}
"""What trains a baseline of each kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How often a run looks up from its work, in steps or seconds, and where it computes.

    stop_after: steps of each stage in this call, None for all. threads: of data loading, None for what
    `distributed.loading_threads` says.
    """

    device: str = "auto"
    validate_every: int = 500
    sample_every: int = 1000
    checkpoint_seconds: float = 60.0
    stop_after: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("validate_every", "sample_every", "threads", "stop_after"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TrainingError(f"{name} must be 1 or more, not {value}.")


class Interrupted(TrainingError):
    """Training that was asked to stop (Ctrl-C, SIGTERM), and has saved its state."""

    code = "interrupted"


def checkpoint_path(run: Path, index: int) -> Path:
    """Where a stage's checkpoint lies."""
    return run / f"stage-{index}.pt"


def train_stage(
    config: TrainingConfig,
    index: int,
    data: PackedDataset,
    run: Path,
    options: RunOptions,
    report: Report,
    *,
    start: dict[str, Tensor] | None = None,
    atlas: np.ndarray | None = None,
    digest: dict[str, str] | None = None,
) -> ModelSpec:
    """Trains one stage to its last step, or for options.stop_after steps; resumes from the run folder's checkpoint.

    start: weights to begin with where there is no checkpoint. atlas: each case's bent atlas, as bytes. digest: of the
    data, which the checkpoint keeps. Returns the spec with the stage's band statistics.
    TrainingError where data or configuration do not fit or have changed, or the loss is not a number, ResourceError
    without memory or disk, Interrupted after a signal: a good checkpoint stays.
    """
    training = config.stages[index]
    check_fits(data, config.model)
    spec = with_band_statistics(config.model, index, data)
    rank, world = rank_and_world()
    if training.batch_size < world:
        raise TrainingError(f"A batch_size of {training.batch_size} cannot be shared by {world} processes.")
    with contextlib.ExitStack() as stack:
        device = join(pick_device(options.device))
        stop = stack.enter_context(StopRequest())
        stack.enter_context(_advice(run))
        samples = stage_samples(data, training, spec.stages[index].domain.factor, atlas)
        state = _trainer(spec, index, config, device, start, samples.factor)
        if checkpoint_path(run, index).exists():
            kept = load_checkpoint(checkpoint_path(run, index))
            require_same(kept.get("data"), digest or {}, f"stage {index} was trained on")
            state.load(kept)
        batches = Batches(
            samples,
            data.indices("train"),
            training.batch_size,
            seed=config.seed + index,
            places=share(training.batch_size, rank, world),
            threads=options.threads or loading_threads(device),
            repeats=training.repeats,
        )
        stack.enter_context(batches)
        writer = None
        if rank == 0:
            validation = Validation(spec, index, data, training, state.precision, atlas)
            writer = stack.enter_context(
                _Writer(run, state, validation, batches, options, report=report, digest=digest)
            )
        _train(state, batches, writer, stop, options.stop_after)
    return spec


def stage_samples(data: PackedDataset, training: StageTraining, shrink: int, atlas: np.ndarray | None) -> Samples:
    """What a stage trains on; shrink and atlas as of `Samples`."""
    return Samples(
        data,
        training.augmentation,
        training.lesions,
        patch=training.patch,
        brain_patches=training.brain_patches,
        shrink=shrink,
        atlas=atlas,
    )


def _trainer(
    spec: ModelSpec,
    index: int,
    config: TrainingConfig,
    device: torch.device,
    start: dict[str, Tensor] | None,
    drawn_factor: int,
) -> StageTrainer:
    """The stage's training before its first step."""
    training, seed = config.stages[index], config.seed
    if spec.kind == DIFFUSION:
        return StageRun(spec, index, training, seed, device, start=start, drawn_factor=drawn_factor)
    return BASELINES[spec.kind](spec, index, training, seed, device, start=start)


def _train(
    state: StageTrainer,
    batches: Batches,
    writer: _Writer | None,
    stop: StopRequest,
    stop_after: int | None,
) -> None:
    """Steps until the stage is trained, or stop_after steps are done; Interrupted where this was asked for."""
    steps = state.training.steps
    last = steps if stop_after is None else min(steps, state.step + stop_after)
    while state.step < last:
        loss = state.train_step(*batches.get(state.step))
        if writer is not None:
            writer.after_step(loss, last)
        if sum_over_ranks([float(stop.wanted)], state.device)[0]:
            if writer is not None:
                writer.save()
            wait_for_all()  # whoever started the processes may end all when the first is gone
            raise Interrupted(
                f"Training was stopped in step {state.step} of stage {state.index}; its state is saved.",
                "Start it again with the same run folder to go on.",
            )


class _Writer:
    """What rank 0 writes into the run folder while a stage trains: log, sample pictures and checkpoints.

    Without cases held out for validation there is no validation loss and no picture.
    """

    def __init__(
        self,
        run: Path,
        state: StageTrainer,
        validation: Validation,
        batches: Batches,
        options: RunOptions,
        report: Report,
        digest: dict[str, str] | None,
    ):
        self.run, self.state, self.options, self.report = run, state, options, report
        self.held_out = validation if validation.data.has("validation") else None
        self.log = TrainingLog(run / f"stage-{state.index}.jsonl", state.step)
        self.batches, self.digest, self.validations = batches, digest, 0
        self.first_step, self.started, self.computed = state.step, time.monotonic(), time.process_time()
        self.sharpness = drawn_sharpness(validation.data, state.training.augmentation, state.stage.domain)
        self.saved_at, self.saved_step = self.started, state.step

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.log.close()

    def after_step(self, loss: float, last: int) -> None:
        """Logs and reports the step just done; validates, samples and saves when it is time, and at the last step."""
        state, options = self.state, self.options
        seconds = (time.monotonic() - self.started) / (state.step - self.first_step)
        entry = {
            "stage": state.index,
            "step": state.step,
            "loss": round(loss, 6),
            "learning_rate": state.learning_rate(),
        }
        if self.held_out and (state.step % options.validate_every == 0 or state.step == last):
            everyone = state.step == last or self.validations % EVERYONE == EVERYONE - 1
            self.validations += 1
            entry |= self.held_out.losses(state.ema, everyone)
            entry["drawn_sharpness"] = round(self.sharpness, 4)
            entry["drawing_share"] = round(self.batches.drawing_seconds / (time.process_time() - self.computed), 4)
        self.log.write(entry)
        if self.held_out and (state.step % options.sample_every == 0 or state.step == last):
            self.held_out.write_sample(state.ema, self.run, state.step)
        self.report({**entry, "steps": state.training.steps, "seconds_left": seconds * (last - state.step)})
        if state.step == last or time.monotonic() - self.saved_at > options.checkpoint_seconds:
            self.save()

    def save(self) -> None:
        """Writes the checkpoint, if there has been a step since the last one."""
        if self.state.step > self.saved_step:
            state = {**self.state.state(), **({"data": self.digest} if self.digest else {})}
            save_checkpoint(checkpoint_path(self.run, self.state.index), state)
        self.saved_at, self.saved_step = time.monotonic(), self.state.step


@contextlib.contextmanager
def _advice(run: Path) -> Iterator[None]:
    """Turns a lack of memory or disk into a ResourceError that says what to do."""
    smaller = "Set a smaller micro_batch or patch, or checkpointing to true, and resume: the last checkpoint is kept."
    with memory_explained("The device or the computer", smaller), writing(run, RESUME):
        yield
