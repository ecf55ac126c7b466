"""Sampling with part of the image given: the denoiser sees, and answers with, what is known there.

After each call of the denoiser, the image that its x0 stands for is replaced by the known one where that is known. An
ancestral or deterministic step then carries x there along the known image's own noised path, as RePaint (Lugmayr et
al., CVPR 2022, eq. 8) does by drawing it; working on the image and not on x makes one mask serve voxels, Haar bands and
the stages of a cascade. RePaint's resampling is the option `rounds`: x0 is noised to the same step and denoised again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from .domain import Domain, shrink
from .samplers import Denoiser, Generators, noise_like
from .schedule import Schedule


@dataclass
class KnownRegion:
    """What of an image is known.

    image: (batch, channels, z, y, x) -1..1 at model-grid size. unknown: (1, 1, z, y, x) 0..1, 1 where it is to be made.
    rounds: how often each step is taken; more than once lets the made part agree better with the known one. guess: the
    denoiser's latest image before the known part was put in, -1..1, at the size of its stage.
    """

    image: Tensor
    unknown: Tensor
    rounds: int = 1
    guess: Tensor | None = field(default=None, init=False)

    def part(self, window: tuple[slice, slice, slice]) -> KnownRegion:
        """The same within a window (z, y, x) of the model grid."""
        whole = (slice(None), slice(None), *window)
        return KnownRegion(self.image[whole], self.unknown[whole], self.rounds)

    def guide(
        self, denoise: Denoiser, domain: Domain, timesteps: int, coarse: Tensor | None, generators: Generators
    ) -> Denoiser:
        """A denoiser of the same domain, over `timesteps` steps of the cosine schedule, that keeps what is known."""
        schedule = Schedule.cosine(timesteps)
        known, unknown = shrink(self.image, domain.factor), shrink(self.unknown, domain.factor)

        def composed(x: Tensor, t: Tensor) -> Tensor:
            self.guess = domain.decode(denoise(x, t), coarse)
            return domain.encode_shrunk(self.guess * unknown + known * (1 - unknown))

        def guided(x: Tensor, t: Tensor) -> Tensor:
            x0 = composed(x, t)
            alpha, sigma = float(schedule.alphas[int(t[0])]), float(schedule.sigmas[int(t[0])])
            for _ in range(self.rounds - 1):
                x0 = composed(alpha * x0 + sigma * noise_like(x, generators), t)
            return x0

        return guided
