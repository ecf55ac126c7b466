"""Samplers: generators that walk from noise to an image, one Step at a time.

A denoiser is a function `denoise(x, t) -> x0`: x (batch, channel, z, y, x) noised to step t (batch,) of a
variance-preserving schedule. Each sampler yields Step(index, total, x0) after each call of the denoiser; the last x0 is
the result. Stopping early is leaving the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from .schedule import Schedule

Denoiser = Callable[[Tensor, Tensor], Tensor]
Generators = torch.Generator | Sequence[torch.Generator] | None
"""Where noise comes from: one generator for the whole batch, one a sample, or torch's own."""
FIRST_HALF_LOG_SNR = -5.1
"""Where few-step sampling starts: noisier steps of the cosine schedule hold next to no signal."""


@dataclass(frozen=True)
class Step:
    """The index-th (from 1) of total steps, and the denoiser's present guess of x0."""

    index: int
    total: int
    x0: Tensor


def spaced_steps(schedule: Schedule, steps: int) -> list[int]:
    """`steps` step numbers, falling, uniform in log-SNR from about FIRST_HALF_LOG_SNR to the least noisy step, 0.

    Where that would pick one number twice, its neighbours are moved apart, so that all differ. A single step is the
    noisy one. Raises ValueError outside 1..T.
    """
    if not 1 <= steps <= len(schedule):
        raise ValueError(f"{steps} steps were asked for; this schedule has 1 to {len(schedule)}")
    half_log_snr = schedule.half_log_snr
    start = float(half_log_snr.clamp(min=FIRST_HALF_LOG_SNR)[-1])
    wanted = torch.linspace(start, float(half_log_snr[0]), steps, dtype=torch.float64)
    picked = [int((half_log_snr - value).abs().argmin()) for value in wanted]
    for i in range(1, steps):
        picked[i] = min(picked[i], picked[i - 1] - 1)
    for i in reversed(range(steps)):
        picked[i] = max(picked[i], steps - 1 - i)
    return picked


def ddpm(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    steps: int | None = None,
    generator: Generators = None,
    temperature: float = 1.0,
) -> Iterator[Step]:
    """Ancestral sampling with the posterior variance (Ho et al. 2020), as the published Med-DDPM runs it.

    All T steps of the schedule; with fewer `steps`, the chain is respaced to as many step numbers (Nichol and Dhariwal
    2021, sec. 4). Noise is drawn at every step, at the last one too, where it is not added. temperature: standard
    deviation of that noise; below 1 the images are smoother and differ less.
    """
    numbers = list(range(len(schedule)))[::-1] if steps in (None, len(schedule)) else spaced_steps(schedule, steps)
    bar = schedule.alphas_cumprod[numbers[::-1]]
    previous = torch.cat([bar.new_ones(1), bar[:-1]])
    on_x0, on_xt, variance = Schedule(1 - bar / previous).posterior()
    for i, t in enumerate(numbers):
        x0 = denoise(x, _filled(x, t))
        k = len(numbers) - 1 - i
        noise = noise_like(x, generator)
        if k:
            x = float(on_x0[k]) * x0 + float(on_xt[k]) * x + temperature * float(variance[k].sqrt()) * noise
        yield Step(i + 1, len(numbers), x0)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    steps: int = 50,
    generator: Generators = None,  # noqa: ARG001
    temperature: float = 1.0,  # noqa: ARG001
) -> Iterator[Step]:
    """Deterministic DDIM (Song et al. 2021, eq. 12 with eta = 0): no noise is drawn."""
    numbers = spaced_steps(schedule, steps)
    alpha, sigma = schedule.alphas, schedule.sigmas
    for i, t in enumerate(numbers):
        x0 = denoise(x, _filled(x, t))
        if i + 1 < steps:
            s = numbers[i + 1]
            ratio = float(sigma[s] / sigma[t])
            x = ratio * x + float(alpha[s] - ratio * alpha[t]) * x0
        yield Step(i + 1, steps, x0)


def dpmpp_2m(
    denoise: Denoiser,
    x: Tensor,
    schedule: Schedule,
    steps: int = 15,
    generator: Generators = None,
    temperature: float = 1.0,
    eta: int = 0,
) -> Iterator[Step]:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): deterministic, second order from two calls on.

    eta: 1 follows the reverse diffusion instead of the probability flow (SDE-DPM-Solver++(2M), ibid.), with noise and
    temperature as of `ddpm`. Its first step is that of `ddpm`; the others also count with the way that the guess of x0
    is going, which few steps of `ddpm` pass over, and so lose texture.
    """
    numbers = spaced_steps(schedule, steps)
    alpha, sigma, half_log_snr = schedule.alphas, schedule.sigmas, schedule.half_log_snr
    previous = None
    for i, t in enumerate(numbers):
        x0 = denoise(x, _filled(x, t))
        noise = noise_like(x, generator) if eta else None
        if i + 1 < steps:
            s = numbers[i + 1]
            h = half_log_snr[s] - half_log_snr[t]
            guess = x0
            if previous is not None:
                r = (half_log_snr[t] - half_log_snr[numbers[i - 1]]) / h
                guess = x0 + float(1 / (2 * r)) * (x0 - previous)
            x = float(sigma[s] / sigma[t] * torch.exp(-eta * h)) * x
            x = x - float(alpha[s] * torch.expm1(-(1 + eta) * h)) * guess
            if noise is not None:
                x = x + temperature * float(sigma[s] * (-torch.expm1(-2 * h)).sqrt()) * noise
            previous = x0
        yield Step(i + 1, steps, x0)


dpmpp_2m_sde = partial(dpmpp_2m, eta=1)


class Sampler(Protocol):
    """Walks from noise x (batch, channel, z, y, x) to an image: a Step after each call of the denoiser.

    steps: calls of the denoiser. temperature: what x was multiplied by, and noise drawn on the way is.
    """

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        schedule: Schedule,
        steps: int,
        generator: Generators = None,
        temperature: float = 1.0,
    ) -> Iterator[Step]: ...


SAMPLERS: dict[str, Sampler] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
}


def _filled(x: Tensor, t: int) -> Tensor:
    return torch.full((x.shape[0],), t, dtype=torch.long, device=x.device)


def noise_like(x: Tensor, generator: Generators) -> Tensor:
    """Standard normal noise of the shape, dtype and device of x (batch, ...), drawn on the generators' own device."""
    if isinstance(generator, Sequence):
        return torch.cat([noise_like(part, g) for part, g in zip(x.split(1), generator, strict=True)])
    device = generator.device if generator is not None else x.device
    noise = torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype)
    if device.type == "cpu" and x.device.type == "cuda":  # from pinned memory neither side waits for the other
        noise = noise.pin_memory()
    return noise.to(x.device, non_blocking=True)
