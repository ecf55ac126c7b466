"""`medddpm` models, import-model."""

from __future__ import annotations

import argparse

from .command import Commands, add_command, add_json, print_result


def add(commands: Commands) -> None:
    """Adds the commands to the command line's."""
    p = add_command(commands, "models", models, "List the models that can be named.")
    add_json(p)

    p = add_command(commands, "import-model", import_model, "Turn a published Med-DDPM checkpoint into a model folder.")
    p.add_argument("checkpoint", help="model_128.pt or model_brats.pt, as downloaded")
    p.add_argument("out", help="new folder for the model")
    p.add_argument("--fp16", action="store_true", help="store half precision (half the size, not exact)")


def models(args: argparse.Namespace) -> int:
    """Lists the models that can be named."""
    from ..models.catalogue import find_models
    from ..models.spec import ModelSpec

    models = {name: (folder, ModelSpec.read(folder)) for name, folder in find_models().items()}
    listed = {
        name: {"folder": folder, "weights_sha256": spec.weights_sha256, **spec.to_dict()}
        for name, (folder, spec) in models.items()
    }
    lines = [f"{name}\t{s.title}\t{', '.join(s.modalities)}\t{folder}" for name, (folder, s) in models.items()]
    print_result(args, listed, lines)
    return 0


def import_model(args: argparse.Namespace) -> int:
    """Published checkpoint -> model folder."""
    import torch

    from ..models.published import import_published

    report = import_published(args.checkpoint, args.out, torch.float16 if args.fp16 else torch.float32)
    step = "" if report.step is None else f", training step {report.step}"
    print(
        f"{report.spec.title}: {report.parameters:,} parameters{step}, modalities {', '.join(report.spec.modalities)}"
    )
    print(
        f"the copy's output differs by {report.difference:.1e} of the largest value (allowed: {report.tolerance:.1e})"
    )
    print(f"licence: {report.spec.licence}")
    print(args.out)
    return 0
