"""The published networks at 32 base channels, filled as the reference numbers were, and checkpoints of them."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from MedDDPMCore.networks.unet import UNet

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden"
"""Numbers that the published code gave: see README.md there."""
KEPT = 5


@dataclass(frozen=True)
class Case:
    """A published configuration and the sizes (z, y, x) its reference numbers were computed at."""

    name: str
    channels: tuple[int, int]
    network: dict
    forward_size: tuple[int, int, int]

    def build(self) -> UNet:
        """The network with its fixed weights."""
        network = UNet(*self.channels, 32, **self.network).eval().requires_grad_(False)
        fill(network)
        return network

    def condition(self) -> Tensor:
        """Its condition channels (1, channels, 32, 32, 32), -1 or 1."""
        images = self.channels[1]
        return draw(f"cond:{self.name}", (1, self.channels[0] - images, 32, 32, 32)).sign()

    def reference(self, name: str) -> Tensor:
        """The reference numbers of that name; of a volume, every KEPT-th value in C order."""
        with np.load(GOLDEN / f"{self.name}.npz") as arrays:
            return torch.from_numpy(arrays[name])

    def difference(self, name: str, volume: Tensor) -> float:
        """The largest difference between a volume and its reference numbers."""
        kept, reference = volume.flatten()[::KEPT], self.reference(name)
        assert kept.shape == reference.shape
        return float((kept - reference).abs().max())

    def description(self) -> dict:
        """Names and shapes of the published checkpoint."""
        return json.loads((GOLDEN / f"{self.name}.json").read_text(encoding="utf-8"))


WHOLE_HEAD = Case("whole_head_c32", (3, 1), {"res_blocks": 1, "attention_factors": (8,)}, (32, 32, 32))
BRATS = Case("brats_c32", (8, 4), {"res_blocks": 2, "attention_factors": ()}, (16, 32, 48))
CASES = (WHOLE_HEAD, BRATS)


def draw(tag: str, shape: tuple[int, ...]) -> Tensor:
    """Normal noise that depends on the tag alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(tag.encode())))


def fill(network: torch.nn.Module) -> None:
    """Gives every parameter a value that depends on its name alone."""
    for name, parameter in network.named_parameters():
        noise = draw(name, tuple(parameter.shape))
        if parameter.ndim > 1:
            value = noise / parameter[0].numel() ** 0.5
        elif name.endswith(".weight") and _is_norm(name):
            value = 1 + 0.1 * noise
        else:
            value = 0.1 * noise
        parameter.data.copy_(value)


def _is_norm(name: str) -> bool:
    return "norm" in name or name.endswith(("in_layers.0.weight", "out_layers.0.weight")) or name == "out.0.weight"
