"""A 3D U-Net that finds lesions, and its training: the judge of the segmentation study.

After Çiçek et al., "3D U-Net" (2016), with group norm; trained by Adam on the binary cross-entropy.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...base.device import placed
from ...base.errors import TrainingError
from ...base.randomness import generator_for
from ...base.typed_json import above, at_least, one_of
from ...networks.convolution import Conv3d
from ...networks.group_norm import GroupNorm
from ...training.data.dataset import from_bytes
from ...training.stages.checkpoint import load_checkpoint, save_checkpoint
from ...training.stages.config import SCHEDULES, rate_factor
from .images import ImageSet

MOST_GROUPS = 8


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings:
    """The network and how it is trained. epochs: passes over an arm's images; most_steps: where not 0, every arm is
    trained for this many optimiser steps instead, however many images it has. schedule, warmup: of the learning rate,
    as in training.config.StageTraining. levels: resolutions, each half the one before and twice as wide, from
    base_channels up.
    """

    epochs: Annotated[int, at_least(1)] = 100
    most_steps: Annotated[int, at_least(0)] = 0
    batch_size: Annotated[int, at_least(1)] = 4
    learning_rate: Annotated[float, above(0)] = 1e-3
    schedule: Annotated[str, one_of(SCHEDULES)] = "constant"
    warmup: Annotated[int, at_least(0)] = 0
    base_channels: Annotated[int, at_least(1)] = 32
    levels: Annotated[int, at_least(1)] = 4

    def steps(self, images: int) -> int:
        """Optimiser steps on this many images."""
        return self.most_steps or math.ceil(self.epochs * images / self.batch_size)


class SegmentationNetwork(nn.Module):
    """Two convolutions a level, max pooling down, trilinear up, and each level's features joined on the way up."""

    def __init__(self, channels: int, settings: SegmentationSettings):
        super().__init__()
        widths = [settings.base_channels * 2**level for level in range(settings.levels)]
        self.size_factor = 2 ** (settings.levels - 1)
        self.down = nn.ModuleList(_convolutions(a, b) for a, b in zip([channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(
            _convolutions(below + here, here) for here, below in reversed(list(zip(widths, widths[1:], strict=False)))
        )
        self.out = nn.Conv3d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x (batch, channel, z, y, x) -1..1; returns logits (batch, 1, z, y, x). Sizes are padded as needed."""
        size = x.shape[2:]
        padding = [-n % self.size_factor for n in size]
        x = F.pad(x, (0, padding[2], 0, padding[1], 0, padding[0]), value=-1.0)
        features = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool3d(x, 2) if level else x)
            features.append(x)
        features.pop()
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2, mode="trilinear"), features.pop()], dim=1))
        return self.out(x)[:, :, : size[0], : size[1], : size[2]]


def _convolutions(channels: int, width: int) -> nn.Sequential:
    groups = math.gcd(MOST_GROUPS, width)
    layers: list[nn.Module] = []
    for before in (channels, width):
        layers += [Conv3d(before, width, 3, padding=1), GroupNorm(groups, width), nn.ReLU()]
    return nn.Sequential(*layers)


Augment = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""image (channel, z, y, x), mask (1, z, y, x) and a seed -> both, varied."""


def train_segmenter(
    sets: Sequence[ImageSet],
    settings: SegmentationSettings,
    seed: int,
    device: torch.device,
    checkpoint: Path,
    augment: Augment | None = None,
    checkpoint_seconds: float = 60.0,
    report: Callable[[int, int, float], None] = lambda step, steps, loss: None,  # noqa: ARG005
) -> SegmentationNetwork:
    """Trains on all images of the sets together; goes on from the checkpoint where there is one.

    What step s sees depends on the seed and s alone, so that a run that was killed ends as one that was not.
    report(step, steps, loss) is called after each step. TrainingError where the loss is not a number.
    """
    images = [(one, k) for one in sets for k in range(len(one.ids))]
    torch.manual_seed(seed)
    network = SegmentationNetwork(sets[0].images.shape[1], settings)
    share = float(np.mean([one.masks[k].mean() for one, k in images[:: max(1, len(images) // 50)]]))
    if network.out.bias is not None:
        nn.init.constant_(network.out.bias, math.log(max(share, 1e-5) / (1 - min(share, 0.99))))
    placed(network, device)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    step, steps, saved = 0, settings.steps(len(images)), time.monotonic()
    if checkpoint.exists():
        state = load_checkpoint(checkpoint)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    half = device.type == "cuda"
    while step < steps:
        x, wanted = _batch(images, settings.batch_size, seed, step, augment)
        x = x.to(device, memory_format=torch.channels_last_3d)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(x)
        loss = F.binary_cross_entropy_with_logits(logits.float(), wanted.to(device))
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(f"The segmentation loss is not a finite number in step {step + 1}.")
        factor = rate_factor(settings.schedule, settings.warmup, step, steps)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        report(step, steps, float(loss.detach()))
        if step == steps or time.monotonic() - saved > checkpoint_seconds:
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seed": seed}
            save_checkpoint(checkpoint, {**state, "ema": {}, "scaler": {}})
            saved = time.monotonic()
    return network.eval()


def _batch(
    images: list[tuple[ImageSet, int]], size: int, seed: int, step: int, augment: Augment | None
) -> tuple[Tensor, Tensor]:
    """Images and masks of one step: each epoch passes through all of them in an order of its own."""
    pairs = []
    for place in range(step * size, (step + 1) * size):
        epoch, position = divmod(place, len(images))
        order = torch.randperm(len(images), generator=generator_for(seed, 21, epoch))
        source, k = images[int(order[position])]
        pair = (
            torch.from_numpy(from_bytes(source.images[k])),
            torch.from_numpy(source.masks[k].astype(np.float32))[None],
        )
        if augment is not None:
            varied = generator_for(seed, 22, place)
            pair = augment(*pair, int(torch.randint(2**31, (), generator=varied)))
        pairs.append(pair)
    x, wanted = zip(*pairs, strict=True)
    return torch.stack(x), torch.stack(wanted)


@torch.inference_mode()
def segment(network: SegmentationNetwork, image: np.ndarray, device: torch.device) -> np.ndarray:
    """The lesion in an image, uint8 (channel, z, y, x): a bool mask (z, y, x), where its probability is above 0.5."""
    return (network(torch.from_numpy(from_bytes(image))[None].to(device))[0, 0] > 0).cpu().numpy()
