"""Makes the first stage of a model, which diffuses Haar bands, one of the low-pass band alone: how the bundled model's
first stage began.

    python Resources/training/low_band_stage.py MODEL OUT

MODEL is a model whose second stage makes the finer bands anew (the bundled one was so at commit acd4cca, see
Documentation/model_history.md), so that of the first one's image nothing but its average counts. In OUT the first stage
makes that average, of voxels twice as wide: with the same network, less what the other bands and the masks' finer
bands had at its input and its output. What it has lost by that it learns again in some hundred steps.
"""

from __future__ import annotations

import dataclasses
import sys

import torch

from MedDDPMCore.diffusion.domain import LOW_GAIN, Domain
from MedDDPMCore.models.bundle import load_with_atlas, save_bundle
from MedDDPMCore.models.stage import build_network

BANDS = 8
FIRST, LAST = "input_blocks.0.0.weight", "out.2"


def main(model: str, out: str) -> None:
    spec, networks, atlas = load_with_atlas(model)
    first = spec.stages[0]
    assert first.domain.kind == "haar" and first.domain.channels == 1, "the first stage is not of Haar bands"
    weights = networks[0].state_dict()
    weights[FIRST] = weights[FIRST][:, ::BANDS]  # of the image and of each condition channel the low-pass band
    weights |= {f"{LAST}.{part}": weights[f"{LAST}.{part}"][:1] for part in ("weight", "bias")}
    (mean, *_), (std, *_) = first.domain.mean, first.domain.std
    mean, std = (round(value / LOW_GAIN, 6) for value in (mean, std))
    domain = Domain("voxels", 1, 2 * first.domain.factor, (mean,), (std,))
    stage = dataclasses.replace(first, domain=domain)
    spec = dataclasses.replace(spec, stages=(stage, *spec.stages[1:]))
    network = build_network(spec, stage)
    network.load_state_dict(weights)
    states = [network.state_dict(), *(other.state_dict() for other in networks[1:])]
    save_bundle(out, spec, states, dtype=torch.float32, atlas=atlas)


if __name__ == "__main__":
    main(*sys.argv[1:])
