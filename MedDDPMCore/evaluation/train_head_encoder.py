"""Trains the in-domain feature network: `python -m MedDDPMCore.evaluation.train_head_encoder PACKED OUT.safetensors`.

PACKED is a set made by `medddpm prepare` of whole heads; its training cases alone are seen. Two tasks on altered
cut-outs of heads: say which head it is (exemplar learning; Dosovitskiy et al., NeurIPS 2014), whatever was done to it,
and how much of each alteration was done. So the features tell anatomy apart and notice what generators get wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool3d, cross_entropy, grid_sample, interpolate, mse_loss

from ..training.dataset import PackedDataset, from_bytes
from .head_encoder import FEATURES, HeadEncoder, to_input

ALTERATIONS = ("blur", "noise", "shading", "gamma", "warp", "blocks")
SIDE = 48
"""Voxels a side of the cut-outs, at random places; left and right are swapped in half of them."""


def altered(image: torch.Tensor, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """An altered cut-out of one image (1, 1, z, y, x), -1..1, and the amount 0..1 of each of ALTERATIONS."""

    def draw(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=random)

    amounts = torch.where(draw(len(ALTERATIONS)) < 0.5, draw(len(ALTERATIONS)), torch.zeros(len(ALTERATIONS)))
    for axis in (2, 3, 4):
        first = int(draw(1) * (image.shape[axis] - SIDE + 1))
        image = image.narrow(axis, first, SIDE)
    if draw(1) < 0.5:
        image = image.flip(4)
    return alter(image, amounts, random), amounts


def alter(image: torch.Tensor, amounts: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Does to an image (1, 1, z, y, x), -1..1, as much (0..1) of each of ALTERATIONS as is said; air stays dark.

    blur: towards the mean of 3x3x3 voxels, twice. noise: normal, SD 0.2. shading: a smooth gain of ±50 %. gamma:
    2^±0.7. warp: smooth displacements of SD 5 voxels. blocks: towards means of 4x4x4 voxels, seen as blocks.
    """
    blur, noise, shading, gamma, warp, blocks = amounts.tolist()
    size = image.shape[2:]
    if warp:
        field = torch.randn((1, 3, 3, 3, 3), generator=random) * 5 * warp
        field = interpolate(field, size=size, mode="trilinear", align_corners=True).movedim(1, -1)
        scale = torch.tensor([2 / n for n in reversed(size)])
        identity = nn.functional.affine_grid(torch.eye(3, 4)[None], (1, 1, *size), align_corners=False)
        image = grid_sample(image + 1, identity + field * scale, align_corners=False) - 1
    if blur:
        soft = avg_pool3d(avg_pool3d(image, 3, 1, 1), 3, 1, 1)
        image = image + blur * (soft - image)
    if blocks:
        coarse = interpolate(avg_pool3d(image, 4, ceil_mode=True), scale_factor=4, mode="nearest")
        image = image + blocks * (coarse[..., : size[0], : size[1], : size[2]] - image)
    bright = (image + 1) / 2
    if gamma:
        sign = 1 if torch.rand(1, generator=random) < 0.5 else -1
        bright = bright.clamp(min=0) ** (2 ** (sign * 0.7 * gamma))
    if shading:
        gain = torch.randn((1, 1, 3, 3, 3), generator=random).clamp(-2, 2) * 0.25 * shading
        bright = bright * (1 + interpolate(gain, size=size, mode="trilinear", align_corners=True))
    if noise:
        bright = (bright + 0.1 * noise * torch.randn(image.shape, generator=random)).abs()
    return (bright * 2 - 1).clamp(-1, 1)


def train(data: PackedDataset, steps: int, batch: int, seed: int) -> tuple[HeadEncoder, list[dict]]:
    """The trained network and its log; data: whole heads, -1..1, one modality."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    cases = data.indices("train")
    network, heads = HeadEncoder(), nn.Linear(FEATURES, len(cases) + len(ALTERATIONS))
    optimiser = torch.optim.AdamW([*network.parameters(), *heads.parameters()], lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    log: list[dict] = []
    for step in range(1, steps + 1):
        chosen = torch.randint(len(cases), (batch,), generator=random)
        drawn = [
            altered(to_input(from_bytes(data.images[cases[i], 0]), data.grid.spacing), random) for i in chosen.tolist()
        ]
        images, amounts = (torch.cat(parts) for parts in ([d[0] for d in drawn], [d[1][None] for d in drawn]))
        output = heads(network(images))
        which = cross_entropy(output[:, : len(cases)], chosen)
        how_much = mse_loss(output[:, len(cases) :], amounts)
        optimiser.zero_grad()
        (which / np.log(len(cases)) + 10 * how_much).backward()
        optimiser.step()
        schedule.step()
        right = float((output[:, : len(cases)].argmax(1) == chosen).float().mean())
        log.append({"step": step, "which": which.item(), "right": right, "how_much": how_much.item()})
        if step % 20 == 0:
            recent = {key: round(float(np.mean([e[key] for e in log[-20:]])), 4) for key in log[0]}
            print(json.dumps({**recent, "step": step}), flush=True)
    return network.eval(), log


def main(argv: list[str] | None = None) -> int:
    """Packed set -> weights in half precision."""
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Train the in-domain feature network of `medddpm evaluate`.")
    parser.add_argument("packed", help="packed training set of whole heads")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    network, _ = train(PackedDataset.open(args.packed), args.steps, args.batch, args.seed)
    state = {name: value.half() for name, value in network.state_dict().items() if value.is_floating_point()}
    save_file(state, args.out, {"steps": str(args.steps), "seed": str(args.seed), "batch": str(args.batch)})
    print(f"{args.out} sha256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
