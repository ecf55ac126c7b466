"""What the training loop asks of whatever trains a stage: a diffusion process or a baseline."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ...models.spec import StageSpec
from .config import StageTraining


class StageTrainer(Protocol):
    """The training of one stage. step: optimiser steps done. precision: what networks are computed in."""

    stage: StageSpec
    training: StageTraining
    index: int
    step: int
    device: torch.device
    precision: torch.dtype

    @property
    def ema(self) -> nn.Module:
        """The network that is validated and written into the bundle."""

    def load(self, state: dict[str, Any]) -> None:
        """Continues from what `state` gave; TrainingError where that is of another stage or seed."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""

    def learning_rate(self) -> float:
        """The rate of the present step."""

    def train_step(
        self, images: Tensor, labels: Tensor, generators: list[torch.Generator], brain: Tensor | None = None
    ) -> float:
        """One step on this rank's samples (batch, channel, z, y, x); the mean loss over all ranks' samples.

        TrainingError, and no step, where the loss is not a number.
        """
