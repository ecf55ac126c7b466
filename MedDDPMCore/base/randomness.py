"""Random numbers that depend on their seeds alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def generator_for(*numbers: int) -> torch.Generator:
    """A CPU random generator that depends on these numbers alone."""
    seed = np.random.SeedSequence([n & 0xFFFFFFFF for n in numbers]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed) & 0x7FFFFFFFFFFFFFFF)


def uniform(generator: torch.Generator, low: float, high: float, size: tuple[int, ...] = (1,)) -> Tensor:
    """Uniform random numbers, float32."""
    return torch.rand(size, generator=generator) * (high - low) + low
