"""The optimisers that a stage can be trained with."""

from __future__ import annotations

import torch
from torch import nn

from ...base.errors import TrainingError

OPTIMIZERS = ("adam", "muon")


def make_optimizer(name: str, network: nn.Module, learning_rate: float) -> torch.optim.Adam | MuonAndAdam:
    """The optimiser of this name over all parameters of a network; TrainingError where this torch lacks it."""
    if name == "adam":
        return torch.optim.Adam(network.parameters(), lr=learning_rate)
    return MuonAndAdam(network, learning_rate)


class MuonAndAdam:
    """Muon (Jordan 2024) for the network's weights, Adam for its biases and the scales of its norms.

    Muon makes the momentum of each weight, seen as a matrix (output channel, all else), orthogonal; steps are scaled to
    the size of Adam's (Liu et al., "Muon is Scalable for LLM Training", 2025), so that one learning rate, `lr` of the
    one entry of param_groups, serves both.
    """

    def __init__(self, network: nn.Module, learning_rate: float):
        if not hasattr(torch.optim, "Muon"):
            raise TrainingError(
                f'The optimizer "muon" needs torch 2.9 or newer; this is {torch.__version__}.',
                'Update torch, or set "optimizer": "adam".',
            )
        parameters = list(network.parameters())
        self.network = network
        self.param_groups = [{"params": parameters, "lr": learning_rate}]
        self.weights = [p for p in parameters if p.ndim > 1]
        self.matrices = [p.detach().flatten(1).clone() for p in self.weights]
        self.muon = torch.optim.Muon(self.matrices, weight_decay=0, adjust_lr_fn="match_rms_adamw")
        self.adam = torch.optim.Adam([p for p in parameters if p.ndim < 2])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients."""
        self.network.zero_grad(set_to_none)

    @torch.no_grad()
    def step(self) -> None:
        """One step along the gradients that the parameters hold."""
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = self.param_groups[0]["lr"]
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            matrix.copy_(weight.flatten(1))
            matrix.grad = None if weight.grad is None else weight.grad.flatten(1)
        self.muon.step()
        self.adam.step()
        for weight, matrix in zip(self.weights, self.matrices, strict=True):
            weight.copy_(matrix.view(weight.shape))

    def state_dict(self) -> dict[str, dict]:
        """The states of both."""
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, dict]) -> None:
        """Continues from `state_dict` of an optimiser over the same network."""
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
