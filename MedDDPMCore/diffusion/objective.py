"""What the network is trained to predict, and how x0 is had from it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .schedule import Factors, Schedule, expand

LOSSES = {"l1": F.l1_loss, "l2": F.mse_loss}


def q_sample(schedule: Schedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = alpha_t x_0 + sigma_t noise (Ho et al. 2020, eq. 4). All (batch, channel, z, y, x); t (batch,) integers."""
    return expand(schedule.alphas, t, x0) * x0 + expand(schedule.sigmas, t, x0) * noise


def target(prediction: str, schedule: Schedule, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """What the network should output for this x0, step and noise; v as in Salimans and Ho 2022, appendix D."""
    if prediction == "noise":
        return noise
    if prediction == "x0":
        return x0
    return expand(schedule.alphas, t, x0) * noise - expand(schedule.sigmas, t, x0) * x0


def x0_from(prediction: str, schedule: Schedule | Factors, output: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """The x0 that the network's output means, given the noisy x at step t. Float32 arithmetic."""
    output, x = output.float(), x.float()
    if prediction == "x0":
        return output
    alpha, sigma = expand(schedule.alphas, t, x), expand(schedule.sigmas, t, x)
    if prediction == "noise":
        return (x - sigma * output) / alpha
    return alpha * x - sigma * output


def diffusion_error(
    network: Callable[[Tensor, Tensor], Tensor],
    prediction: str,
    loss: str,
    schedule: Schedule,
    x0: Tensor,
    condition: Tensor,
    t: Tensor,
    noise: Tensor,
) -> Tensor:
    """The loss, element for element, of the network on x0 noised to step t, the condition's channels joined behind it.

    x0, noise, condition and the result are (batch, channel, z, y, x), t is (batch,). Training minimises its mean.
    """
    x = torch.cat([q_sample(schedule, x0, t, noise), condition], dim=1)
    output = network(x.contiguous(memory_format=torch.channels_last_3d), t)
    return LOSSES[loss](output.float(), target(prediction, schedule, x0, t, noise), reduction="none")
