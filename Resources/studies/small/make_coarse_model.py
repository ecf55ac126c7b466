"""Takes the first stage of a model as a model of its own: make_coarse_model.py MODEL OUT STEPS.

The bundled model's first stage makes heads at 4 mm, before its second refines them to 2 mm; with few DPM-Solver++ steps
it is the Med-DDPM of the small study.
"""

from __future__ import annotations

import dataclasses
import sys

import torch

from MedDDPMCore.grid import ModelGrid
from MedDDPMCore.models.bundle import load_bundle, save_bundle
from MedDDPMCore.models.catalogue import find_model
from MedDDPMCore.models.spec import StageSpec

source, out, steps = sys.argv[1:]
spec, networks = load_bundle(find_model(source))
if spec.atlas:
    sys.exit(f"{source} is conditioned on an atlas, which this script does not make coarser.")
first = spec.stages[0]
factor = first.domain.factor
grid = ModelGrid(
    tuple(n // factor for n in spec.grid.shape),
    tuple(s * factor for s in spec.grid.spacing),
    spec.grid.placement,
    spec.grid.axes,
)
stage = StageSpec(dataclasses.replace(first.domain, factor=1), first.prediction, first.timesteps, first.network)
coarse = dataclasses.replace(
    spec,
    name=f"{spec.name}_coarse",
    grid=grid,
    stages=(stage,),
    sampler="dpmpp_2m",
    steps=int(steps),
    title=f"{spec.title}, first stage",
    notes=f"The first stage of {spec.name} (weights {spec.weights_sha256[:12]}). {spec.notes}",
)
print(out, save_bundle(out, coarse, [networks[0].state_dict()], torch.float16).weights_sha256)
