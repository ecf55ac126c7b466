"""Sampling with part of the image given: the denoiser sees, and answers with, what is known there.

After each call of the denoiser, the image that its x0 stands for is replaced by the known one where that is known. An
ancestral or deterministic step then carries x there along the known image's own noised path, as RePaint (Lugmayr et
al., CVPR 2022, eq. 8) does by drawing it; working on the image and not on x makes one mask serve voxels, Haar bands and
the stages of a cascade. RePaint's resampling is the option `rounds`: x0 is noised to the same step and denoised again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .domain import Domain, shrink
from .samplers import Denoiser, Generators, noise_like
from .schedule import Schedule, expand


@dataclass(frozen=True)
class KnownRegion:
    """What of an image is known.

    image: (batch, channels, z, y, x) -1..1 at model-grid size. unknown: (1, 1, z, y, x) 0..1, 1 where it is to be made.
    rounds: how often each step is taken; more than once lets the made part agree better with the known one.
    """

    image: Tensor
    unknown: Tensor
    rounds: int = 1

    def to(self, device: torch.device) -> KnownRegion:
        """The same on a device."""
        return KnownRegion(self.image.to(device), self.unknown.to(device), self.rounds)

    def part(self, window: tuple[slice, slice, slice]) -> KnownRegion:
        """The same within a window (z, y, x) of the model grid."""
        whole = (slice(None), slice(None), *window)
        return KnownRegion(self.image[whole], self.unknown[whole], self.rounds)

    def guide(
        self, denoise: Denoiser, domain: Domain, timesteps: int, coarse: Tensor | None, generators: Generators
    ) -> GuidedDenoiser:
        """A denoiser of the same domain, over `timesteps` steps of the cosine schedule, that keeps what is known."""
        return GuidedDenoiser(self, denoise, domain, timesteps, coarse, generators)


class GuidedDenoiser:
    """`denoise(x, t) -> x0` whose x0 holds what is known of the image; see `KnownRegion.guide`.

    latest: the image (batch, channels, z, y, x) -1..1 of the last answer before the known part was put in, at the size
    of the domain's images; None before the first call.
    """

    def __init__(
        self,
        known: KnownRegion,
        denoise: Denoiser,
        domain: Domain,
        timesteps: int,
        coarse: Tensor | None,
        generators: Generators,
    ):
        self._denoise, self._domain, self._coarse, self._generators = denoise, domain, coarse, generators
        self._known, self._unknown = shrink(known.image, domain.factor), shrink(known.unknown, domain.factor)
        self._rounds, self._factors = known.rounds, Schedule.cosine(timesteps).factors(known.image.device)
        self.latest: Tensor | None = None

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        x0 = self._composed(x, t)
        for _ in range(self._rounds - 1):
            alpha, sigma = (expand(factors, t, x) for factors in (self._factors.alphas, self._factors.sigmas))
            x0 = self._composed(alpha * x0 + sigma * noise_like(x, self._generators), t)
        return x0

    def _composed(self, x: Tensor, t: Tensor) -> Tensor:
        self.latest = self._domain.decode(self._denoise(x, t), self._coarse)
        return self._domain.encode_shrunk(self.latest * self._unknown + self._known * (1 - self._unknown))
