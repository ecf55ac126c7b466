"""Puts a wider stage between the two of a model: how the bundled model's middle stage began.

    python Resources/training/inserted_stage.py MODEL OUT

MODEL is a model of two stages, the first of which makes a head of Haar bands (the bundled one was so at commit 4591b6f,
see Documentation/model_history.md). OUT gets a model of three: the new one makes the first one's image anew, from that
image averaged to half its resolution. It begins as the first stage's network, the noisy low-pass band at its input
exchanged for the averaged image, and widened: each new channel is a copy of an old one, and what reads the copies
takes a random share of each (Net2WiderNet, Chen et al. 2016), with a little noise that tells them apart.
"""

from __future__ import annotations

import dataclasses
import sys

import torch
from torch import Tensor

from MedDDPMCore.diffusion.domain import LOW_GAIN, Domain
from MedDDPMCore.models.bundle import load_with_atlas, save_bundle
from MedDDPMCore.models.spec import StageSpec
from MedDDPMCore.models.stage import build_network

MULTIPLIERS = (2, 3, 3, 3)
NOISE = 0.05
"""Standard deviation, over that of the weights."""


def main(model: str, out: str) -> None:
    torch.manual_seed(0)
    spec, networks, atlas = load_with_atlas(model)
    first, last = spec.stages
    network = {**first.network, "channel_multipliers": MULTIPLIERS}
    domain = Domain("haar_detail", first.domain.channels, first.domain.factor)
    middle = StageSpec(domain, first.prediction, first.timesteps, network)
    spec = dataclasses.replace(spec, stages=(first, middle, last))
    wide = build_network(spec, middle)
    old = detail_only(networks[0].state_dict(), first.domain)
    wide.load_state_dict(Widening(old, wide.state_dict(), first.network, MULTIPLIERS).weights())
    states = [networks[0].state_dict(), wide.state_dict(), networks[1].state_dict()]
    save_bundle(out, spec, states, dtype=torch.float32, atlas=atlas)


def detail_only(weights: dict[str, Tensor], domain: Domain) -> dict[str, Tensor]:
    """A Haar stage's weights, made to predict the detail bands alone, from an image in place of the low-pass band."""
    weight = weights["input_blocks.0.0.weight"]
    low = weight[:, :1]
    mean, std = domain.mean[0], domain.std[0]
    return {
        **weights,
        "input_blocks.0.0.weight": torch.cat([weight[:, 1:], low * (LOW_GAIN / std)], dim=1),
        "input_blocks.0.0.bias": weights["input_blocks.0.0.bias"] - (low * (mean / std)).sum((1, 2, 3, 4)),
        "out.2.weight": weights["out.2.weight"][1:],
        "out.2.bias": weights["out.2.bias"][1:],
    }


class Widening:
    """Weights of a U-Net for a wider one of as many levels. new: the wider one's, for their shapes."""

    def __init__(self, old: dict[str, Tensor], new: dict[str, Tensor], network: dict, multipliers: tuple[int, ...]):
        self.old, self.new = old, dict(new)
        self.attention, groups = network["attention_factors"], network["groups"]
        base = network["base_channels"]
        self.widths = [base * m for m in network["channel_multipliers"]]
        self.sources = [_sources(n, base * m, groups) for n, m in zip(self.widths, multipliers, strict=True)]

    def weights(self) -> dict[str, Tensor]:
        """By name; what is not widened is as it was."""
        self._keep("time_embed")
        last = len(self.widths) - 1
        source = self.sources[0]
        self._convolution("input_blocks.0.0", None, source)
        skips, block = [source], 1
        for level in range(last + 1):
            self._residual(f"input_blocks.{block}.0", source, level)
            source = self.sources[level]
            self._attention(f"input_blocks.{block}.1", level)
            skips.append(source)
            block += 1
            if level < last:
                self._convolution(f"input_blocks.{block}.0.op", source, source)
                skips.append(source)
                block += 1
        self._keep("middle_block")
        width = self.widths[last]
        for block in range(2 * last + 2):
            level = last - block // 2
            beside = skips.pop()
            self._residual(f"output_blocks.{block}.0", torch.cat([source, beside + width]), level)
            source, width = self.sources[level], self.widths[level]
            attends = self._attention(f"output_blocks.{block}.1", level)
            if level and block % 2:
                self._convolution(f"output_blocks.{block}.{2 if attends else 1}.conv", source, source)
        self._norm("out.0", source)
        self._convolution("out.2", source, None)
        return self.new

    def _keep(self, prefix: str) -> None:
        self.new |= {name: value for name, value in self.old.items() if name.startswith(f"{prefix}.")}

    def _attention(self, prefix: str, level: int) -> bool:
        if 2**level in self.attention:
            self._keep(prefix)
        return 2**level in self.attention

    def _norm(self, name: str, source: Tensor) -> None:
        self.new |= {f"{name}.{part}": self.old[f"{name}.{part}"][source] for part in ("weight", "bias")}

    def _residual(self, prefix: str, source: Tensor, level: int) -> None:
        out = self.sources[level]
        self._norm(f"{prefix}.in_layers.0", source)
        self._convolution(f"{prefix}.in_layers.2", source, out)
        self._convolution(f"{prefix}.emb_layers.1", None, out)
        self._norm(f"{prefix}.out_layers.0", out)
        self._convolution(f"{prefix}.out_layers.3", out, out)
        if f"{prefix}.skip_connection.weight" in self.new:
            self._convolution(f"{prefix}.skip_connection", source, out)

    def _convolution(self, name: str, source: Tensor | None, out: Tensor | None) -> None:
        """source, out: the old channels that those of the input and the output are copies of; None: the old ones."""
        old, bias = self.old[f"{name}.weight"], self.old[f"{name}.bias"]
        weight = old
        if out is not None:
            weight, bias = weight[out], bias[out]
        if source is not None:
            shares = _shares(source, old.shape[1])
            weight = weight[:, source] * shares.view(1, -1, *[1] * (weight.ndim - 2))
        if weight.numel() > old.numel():
            weight = weight + NOISE * weight.std() * torch.randn_like(weight)
        self.new |= {f"{name}.weight": weight, f"{name}.bias": bias}


def _sources(old: int, new: int, groups: int) -> Tensor:
    """The old channel of each new one, copied within its group of a group norm."""
    few, many = old // groups, new // groups
    return torch.tensor([group * few + k % few for group in range(groups) for k in range(many)])


def _shares(source: Tensor, width: int) -> Tensor:
    """Random shares of what each copy gives; those of one old channel sum to 1."""
    share = 0.5 + torch.rand(len(source))
    return share / torch.zeros(width).index_add_(0, source, share)[source]


if __name__ == "__main__":
    main(*sys.argv[1:])
