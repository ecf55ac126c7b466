"""Trains the in-domain feature network.

    python -m MedDDPMCore.evaluation.metrics.train_head_encoder PACKED OUT.safetensors

PACKED is a set made by `medddpm prepare` of whole heads; its training cases alone are seen. Cut-outs of heads are
altered, and the network says by how much in each way, and where in the head the cut-out lies. So its features notice
what generators get wrong, and know anatomy.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool3d, grid_sample, interpolate

from ...base.files import replacing, sha256_of
from ...training.data.dataset import PackedDataset, from_bytes
from .head_encoder import FEATURES, HeadEncoder, to_input

ALTERATIONS = ("blur", "noise", "shading", "gamma", "warp", "blocks")
PLACES = ("z", "y", "x")
TARGETS = len(ALTERATIONS) + len(PLACES)
VARIANCES = torch.tensor([0.104] * len(ALTERATIONS) + [0.03, 0.03, 0.08])
"""Of what is to be said, about; an error of 1 in the log is that of always saying the mean."""
RATE = 3e-3
SIDE = 48
"""Voxels a side of the cut-outs, at random places; left and right are swapped in half of them."""


def example(image: torch.Tensor, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """An altered cut-out of one image (1, 1, z, y, x), -1..1, and what is to be said of it (1, TARGETS).

    That is the amount 0..1 of each of ALTERATIONS, and where its middle lies, 0..1 of z, of y, and of x from the middle
    (left and right are alike).
    """

    def draw(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=random)

    amounts = torch.where(draw(len(ALTERATIONS)) < 0.5, draw(len(ALTERATIONS)), torch.zeros(len(ALTERATIONS)))
    place = []
    for axis in (2, 3, 4):
        length = image.shape[axis]
        first = int(draw(1) * (length - SIDE + 1))
        image = image.narrow(axis, first, SIDE)
        place.append((first + SIDE / 2) / length)
    place[2] = abs(2 * place[2] - 1)
    if draw(1) < 0.5:
        image = image.flip(4)
    return alter(image, amounts, random), torch.cat([amounts, torch.tensor(place)])[None]


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
        identity = nn.functional.affine_grid(torch.eye(3, 4)[None], [1, 1, *size], align_corners=False)
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


def train(data: PackedDataset, out: Path, steps: int, batch: int, seed: int) -> list[dict]:
    """Trains on whole heads, -1..1, of one modality and writes the weights to `out` every 20 steps; returns the log."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    cases = data.indices("train")
    network = HeadEncoder()
    says = nn.Sequential(nn.BatchNorm1d(FEATURES), nn.Linear(FEATURES, TARGETS))
    optimiser = torch.optim.AdamW([*network.parameters(), *says.parameters()], lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    log: list[dict] = []
    for step in range(1, steps + 1):
        chosen = torch.randint(len(cases), (batch,), generator=random).tolist()
        drawn = [example(to_input(from_bytes(data.images[cases[i], 0]), data.grid.spacing), random) for i in chosen]
        images, targets = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        errors = (says(network(images)) - targets).square().mean(dim=0)
        optimiser.zero_grad()
        (errors / VARIANCES).mean().backward()
        optimiser.step()
        schedule.step()
        log.append(dict(zip((*ALTERATIONS, *PLACES), (errors.detach() / VARIANCES).tolist(), strict=True)))
        if step % 20 == 0:
            recent = {key: round(float(np.mean([entry[key] for entry in log[-20:]])), 3) for key in log[0]}
            print(json.dumps({"step": step, **recent}), flush=True)
            save(network, out, {"step": str(step), "steps": str(steps), "batch": str(batch), "seed": str(seed)})
    return log


def save(network: HeadEncoder, path: Path, described: dict[str, str]) -> None:
    """Writes the weights in half precision, with what they were trained by."""
    from safetensors.torch import save_file

    state = {name: value.half() for name, value in network.state_dict().items() if value.is_floating_point()}
    with replacing(path) as part:
        save_file(state, part, described)


def main(argv: list[str] | None = None) -> int:
    """Packed set -> weights in half precision."""
    parser = argparse.ArgumentParser(description="Train the in-domain feature network of `medddpm evaluate`.")
    parser.add_argument("packed", help="packed training set of whole heads")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    train(PackedDataset.open(args.packed), args.out, args.steps, args.batch, args.seed)
    print(f"{args.out} sha256 {sha256_of(args.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
