"""The optimisers that a stage can be trained with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...base.device import pick_precision

OPTIMIZERS = ("adam", "muon")
_MOMENTUM = 0.95
_ROUNDS = 5
_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan 2024: five rounds bring every singular value of 0.003 to 1 to between 0.7 and 1.2."""


def make_optimizer(name: str, network: nn.Module, learning_rate: float) -> torch.optim.Adam | MuonAndAdam:
    """The optimiser of this name over all parameters of a network."""
    if name == "adam":
        return torch.optim.Adam(network.parameters(), lr=learning_rate)
    return MuonAndAdam(network, learning_rate)


class MuonAndAdam:
    """Muon (Jordan 2024) for the network's weights, Adam for its biases and the scales of its norms.

    Muon makes the momentum of each weight, seen as a matrix (output channel, all else), orthogonal; steps are scaled to
    the size of Adam's (Liu et al., "Muon is Scalable for LLM Training", 2025), so that one learning rate, `lr` of the
    one entry of param_groups, serves both. torch has one only since 2.9, and it computes in bfloat16 on every device,
    which takes CPUs without it as long as the rest of a step: this one takes it where it is fast, else float32.
    """

    def __init__(self, network: nn.Module, learning_rate: float):
        parameters = list(network.parameters())
        self.network = network
        self.param_groups: list[dict[str, Any]] = [{"params": parameters, "lr": learning_rate}]
        self.weights = [p for p in parameters if p.ndim > 1]
        self.momenta = [torch.zeros_like(p) for p in self.weights]
        fast = pick_precision("auto", parameters[0].device) == torch.bfloat16
        self.precision = torch.bfloat16 if fast else torch.float32
        self.adam = torch.optim.Adam([p for p in parameters if p.ndim < 2])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients."""
        self.network.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients that the parameters hold."""
        rate = self.param_groups[0]["lr"]
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        for weight, momentum in zip(self.weights, self.momenta, strict=True):
            if weight.grad is None:
                continue
            momentum.lerp_(weight.grad, 1 - _MOMENTUM)
            ahead = weight.grad.lerp(momentum, _MOMENTUM).flatten(1)
            size = 0.2 * max(ahead.shape) ** 0.5
            weight.add_(orthogonalised(ahead, self.precision).view(weight.shape), alpha=-rate * size)

    def state_dict(self) -> dict:
        """The states of both."""
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Continues from `state_dict` of an optimiser over the same network."""
        for mine, saved in zip(self.momenta, state["momenta"], strict=True):
            mine.copy_(saved)
        self.adam.load_state_dict(state["adam"])


def orthogonalised(matrix: Tensor, precision: torch.dtype) -> Tensor:
    """The matrix with its singular values brought near 1, by Newton-Schulz iteration in a precision; float32, of the
    same shape."""
    tall = len(matrix) > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(precision)
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).float()
