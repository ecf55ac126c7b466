"""Checkpoints of a training run: written whole or not at all, read without running code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from ...base.errors import ModelError, TrainingError
from ...base.files import replacing
from ...base.reading import require_regular
from ...base.shortage import memory_explained
from ...models.checkpoint_file import DAMAGE, require_archive

RESUME = "Then resume: the last checkpoint is kept."
ENTRIES = {"network", "ema", "optimizer", "scaler", "step", "seed"}


def save_checkpoint(path: Path, state: dict) -> None:
    """Writes beside the file, then renames over it: a kill at any moment leaves the old or the new one.

    ResourceError where it cannot be written, for instance on a full disk.
    """
    with replacing(path, hint=RESUME) as part, open(part, "wb") as file:
        torch.save(state, file)


def load_checkpoint(path: Path) -> dict:
    """The state that was saved; TrainingError where the file is damaged or is no checkpoint of this program."""
    try:
        require_regular(path)
        require_archive(path)
        with memory_explained():
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (ModelError, *DAMAGE) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TrainingError(
            f"{path} cannot be read as a checkpoint: {reason}.", "Delete it to train this stage from its beginning."
        ) from error
    if not isinstance(state, dict) or not set(state) >= ENTRIES or type(state["step"]) is not int or state["step"] < 0:
        raise TrainingError(f"{path} is not a training checkpoint.")
    return state


@contextlib.contextmanager
def fitting(state: dict, index: int, seed: int) -> Iterator[None]:
    """Around taking over a checkpoint's state for a stage: TrainingError where its seed, or what is loaded, is of
    another configuration.
    """
    try:
        if state["seed"] != seed:
            raise ValueError(f"its seed is {state['seed']}, not {seed}")
        yield
    except (ModelError, *DAMAGE) as error:
        lines = (error.message if isinstance(error, ModelError) else str(error)).splitlines()
        raise TrainingError(
            f"The checkpoint of stage {index} does not fit the configuration: {lines[0] if lines else error!r}",
            "Resume with the configuration that started the run, or name a new run folder.",
        ) from error
