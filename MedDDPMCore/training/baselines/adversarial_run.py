"""What the training of every adversarial baseline shares: two optimisers, checkpoints, and one step of each."""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base.device import pick_precision
from ...base.errors import TrainingError
from ...base.parallel import rank_and_world
from ...diffusion.domain import Domain
from ...models.bundle import load_checked
from ...models.spec import ModelSpec, StageSpec
from ...models.stage import build_network
from ..stages.checkpoint import fitting
from ..stages.config import StageTraining, TrainingConfig
from ..stages.distributed import sum_gradients, sum_over_ranks

BETAS = (0.5, 0.999)
IMAGE_WEIGHT = 100.0
"""Of the L1 and MSE losses relative to the adversarial one; Isola et al. 2017, sec. 3.3."""
NETWORK = {"base_channels": 32, "channel_multipliers": (1, 2, 4, 8), "groups": 8}


def as_baseline(config: TrainingConfig, kind: str) -> TrainingConfig:
    """The configuration that trains a baseline on the same data, for as many steps of as many samples.

    A configuration of that kind is returned as it is. The learning rate is the papers', 2e-4.
    """
    if config.model.kind == kind:
        return config
    stage = StageSpec(Domain("voxels", len(config.model.modalities)), "x0", 1, NETWORK)
    model = dataclasses.replace(
        config.model,
        name=f"{config.model.name}_{kind}",
        kind=kind,
        stages=(stage,),
        sampler="ddim",
        steps=1,
        atlas=False,
    )
    first = config.stages[0]
    training = StageTraining(
        steps=first.steps,
        batch_size=first.batch_size,
        schedule="constant",
        warmup=0,
        lesion_weight=first.lesion_weight,
        precision=first.precision,
        augmentation=first.augmentation,
        lesions=first.lesions,
    )
    return dataclasses.replace(config, model=model, stages=(training,))


class AdversarialRun:
    """The training of a baseline, as a `StageTrainer`.

    A baseline fills `generators` and `discriminators` and says what each of their losses is. generators["image"] is the
    network that the bundle holds: it is not averaged, as none of the papers does.
    """

    def __init__(
        self,
        spec: ModelSpec,
        index: int,
        training: StageTraining,
        seed: int,
        device: torch.device,
        start: dict[str, Tensor] | None = None,
    ):
        if training.micro_batch or training.checkpointing:
            raise TrainingError(f"micro_batch and checkpointing are not for {spec.kind} models.", "Take them out.")
        self.scheme, self.stage = spec.labels, spec.stages[index]
        self.training, self.device, self.seed, self.index, self.step = training, device, seed, index, 0
        torch.manual_seed(seed + index)
        image = build_network(spec, self.stage)
        if start is not None:
            load_checked(image, start, f"The weights that stage {index} starts from")
        others, discriminators = self.other_networks(spec)
        self.generators = nn.ModuleDict({"image": image, **others}).to(device)
        self.discriminators = nn.ModuleDict(discriminators).to(device)
        self.optimizers = [
            torch.optim.Adam(networks.parameters(), lr=training.learning_rate, betas=BETAS)
            for networks in (self.generators, self.discriminators)
        ]
        picked = pick_precision(training.precision, device)
        self.precision = torch.float32 if picked == torch.float16 else picked  # no loss scaling of two rivals

    def other_networks(self, spec: ModelSpec) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
        """Further generators, and the discriminators, by name."""
        raise NotImplementedError

    def make(self, images: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """What the generators make of a batch, by name; all (batch, channel, z, y, x)."""
        raise NotImplementedError

    def generator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """What the generators minimise the sum of."""
        raise NotImplementedError

    def discriminator_losses(self, images: Tensor, labels: Tensor, made: dict[str, Tensor]) -> list[Tensor]:
        """What the discriminators minimise the sum of."""
        raise NotImplementedError

    @property
    def network(self) -> nn.Module:
        """The mask-to-image generator."""
        return self.generators["image"]

    @property
    def ema(self) -> nn.Module:
        """The same: what is validated and written into the bundle."""
        return self.generators["image"]

    def load(self, state: dict) -> None:
        """Continues from a checkpoint of the same stage; TrainingError where its networks or seed are others."""
        with fitting(state, self.index, self.seed):
            load_checked(self.generators, state["network"], "it")
            load_checked(self.discriminators, state["discriminators"], "it")
            for optimizer, saved in zip(self.optimizers, state["optimizer"], strict=True):
                optimizer.load_state_dict(saved)
        self.step = int(state["step"])

    def state(self) -> dict:
        """What a checkpoint holds; see `StageRun.state`."""
        return {
            "network": self.generators.state_dict(),
            "discriminators": self.discriminators.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": {},
            "step": self.step,
            "seed": self.seed,
        }

    def learning_rate(self) -> float:
        """The rate of the present step."""
        return self.training.learning_rate_at(self.step)

    def train_step(
        self,
        images: Tensor,
        labels: Tensor,
        generators: list[torch.Generator],
        brain: Tensor | None = None,  # noqa: ARG002
    ) -> float:
        """One step of the discriminators, then one of the generators, on this rank's samples (batch, channel, z, y, x).

        Only lesions count more in a baseline's loss, not the brain. Returns the generators' mean loss over all
        ranks' samples. TrainingError where a loss is not a number.
        """
        noise = torch.stack([torch.randn(images.shape[1:], generator=g) for g in generators])
        images, labels, noise = (v.to(self.device, non_blocking=True) for v in (images, labels, noise))
        share = len(images) / self.training.batch_size
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            made = self.make(images, labels, noise)
            detached = {name: value.detach() for name, value in made.items()}
            self.discriminators.requires_grad_(True)
            judged = _total(self.discriminator_losses(images, labels, detached)) * share
        self._update(self.optimizers[1], self.discriminators, judged)
        self.discriminators.requires_grad_(False)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            missed = _total(self.generator_losses(images, labels, made)) * share
        self._update(self.optimizers[0], self.generators, missed)
        self.step += 1
        return sum_over_ranks([float(missed.detach())], self.device)[0]

    def image_loss(self, made: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """L1 and mean squared error of made images, with lesions weighed as the configuration says."""
        lesions = labels[:, self.scheme.lesion_channels] == self.scheme.high
        weight = 1 + lesions.any(dim=1, keepdim=True) * (self.training.lesion_weight - 1.0)
        error = made.float() - images
        return (error.abs() * weight).mean(), (error.square() * weight).mean()

    def _update(self, optimizer: torch.optim.Optimizer, networks: nn.ModuleDict, loss: Tensor) -> None:
        if not math.isfinite(sum_over_ranks([float(loss.detach())], self.device)[0]):
            raise TrainingError(
                f"The loss of stage {self.index} is not a finite number in step {self.step + 1}.",
                "The last checkpoint is from before that: lower learning_rate, or use precision float32, and resume.",
            )
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if rank_and_world()[1] > 1:
            sum_gradients(list(networks.parameters()))
        optimizer.step()


def _total(losses: list[Tensor]) -> Tensor:
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    return total


def judged_real(logits: Tensor) -> Tensor:
    """The adversarial loss that is small where a discriminator takes what it sees for real."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.ones_like(logits, dtype=torch.float32))


def judged_made(logits: Tensor) -> Tensor:
    """The adversarial loss that is small where a discriminator takes what it sees for made."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.zeros_like(logits, dtype=torch.float32))
