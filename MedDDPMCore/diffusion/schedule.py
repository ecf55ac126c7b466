"""The noise schedule: how much signal is left after t steps of the forward process."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """A variance-preserving schedule of T discrete steps (Ho et al. 2020): x_t = alpha_t x_0 + sigma_t noise.

    betas: (T,) float64, the variance added at each step, in [0, 1).
    """

    betas: Tensor

    @classmethod
    def cosine(cls, timesteps: int = 250, s: float = 0.008) -> Schedule:
        """The cosine schedule (Nichol and Dhariwal 2021, eq. 17), betas clipped to 0.999."""
        u = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
        bar = torch.cos((u + s) / (1 + s) * math.pi / 2) ** 2
        return cls((1 - bar[1:] / bar[:-1]).clamp(0, 0.999))

    def __len__(self) -> int:
        return len(self.betas)

    @property
    def alphas_cumprod(self) -> Tensor:
        """(T,) float64, alpha_t squared: the share of the variance that is signal."""
        return torch.cumprod(1 - self.betas, 0)

    @property
    def alphas(self) -> Tensor:
        """(T,) float64, the factor on x_0."""
        return self.alphas_cumprod.sqrt()

    @property
    def sigmas(self) -> Tensor:
        """(T,) float64, the factor on the noise."""
        return (1 - self.alphas_cumprod).sqrt()

    @property
    def half_log_snr(self) -> Tensor:
        """(T,) float64, log(alpha_t / sigma_t)."""
        return (self.alphas / self.sigmas).log()

    def factors(self, device: torch.device) -> Factors:
        """alphas and sigmas as float32 on a device, so that a loop there need not fetch them at each step."""
        return Factors(self.alphas.float().to(device), self.sigmas.float().to(device))

    def posterior(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of q(x_{t-1} | x_t, x_0): the factors on x_0 and on x_t in its mean, and its variance.

        Three (T,) float64; the variance at t = 0 is 0. Ho et al. 2020, eq. 7.
        """
        bar = self.alphas_cumprod
        previous = torch.cat([bar.new_ones(1), bar[:-1]])
        on_x0 = self.betas * previous.sqrt() / (1 - bar)
        on_xt = (1 - previous) * (1 - self.betas).sqrt() / (1 - bar)
        return on_x0, on_xt, self.betas * (1 - previous) / (1 - bar)


@dataclass(frozen=True)
class Factors:
    """A schedule's factors on x_0 and on the noise, each (T,) float32."""

    alphas: Tensor
    sigmas: Tensor


def expand(values: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """values[t] as float32, shaped to multiply a (batch, channel, z, y, x) tensor."""
    picked = values.float().to(t.device)[t]
    return picked.to(like.device).view(-1, *[1] * (like.dim() - 1))
