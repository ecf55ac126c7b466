"""A model on disk: a folder with model.json and weights.safetensors.

Weights are named stage<i>.<parameter>. Nothing is ever unpickled. What is wrong with a bundle is said by name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import torch
from torch import Tensor

from ..errors import ModelError, ResourceError
from .spec import ModelSpec, read_json
from .stage import build_network

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"


def save_bundle(folder: str | Path, spec: ModelSpec, networks: list[dict[str, Tensor]], dtype: torch.dtype = torch.float16) -> ModelSpec:
    """Writes a bundle: one state dict a stage, stored in dtype. Returns the spec with the hash of the weights.

    Refuses a folder that holds another model (ModelError) and says so when the disk is full (ResourceError).
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    if (folder / SPEC_FILE).exists() and read_json(folder / SPEC_FILE).get("name") != spec.name:
        raise ModelError(f"{folder} holds another model already.", "Name a new folder.")
    weights = {
        f"stage{i}.{name}": value.detach().to("cpu", dtype).contiguous()
        for i, state in enumerate(networks)
        for name, value in state.items()
    }
    bad = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if bad:
        raise ModelError(f"The weights {', '.join(bad[:3])} hold numbers that are not finite in {dtype}.", "Store fp32.")
    part = folder / (WEIGHTS_FILE + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, part)
        spec = dataclasses.replace(spec, weights_sha256=sha256_of(part))
        os.replace(part, folder / WEIGHTS_FILE)
        text = json.dumps(spec.to_dict(), indent=1)
        (folder / (SPEC_FILE + ".part")).write_text(text, encoding="utf-8")
        os.replace(folder / (SPEC_FILE + ".part"), folder / SPEC_FILE)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError(f"The model could not be written to {folder}: {error}.", "Free disk space.") from error
    return spec


def load_bundle(folder: str | Path) -> tuple[ModelSpec, list[torch.nn.Module]]:
    """The spec and a float32 network a stage, on the CPU. ModelError says which file, hash, name or shape is wrong."""
    folder = Path(folder)
    for name in (SPEC_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is not a model: it has no {name}.", "Import or train a model, or name its folder.")
    spec = ModelSpec.from_dict(read_json(folder / SPEC_FILE))
    weights_path = folder / WEIGHTS_FILE
    if sha256_of(weights_path) != spec.weights_sha256:
        raise ModelError(
            f"{weights_path} does not have the hash that {SPEC_FILE} states: the file is damaged or not this model's.",
            "Download or import the model again.",
        )
    weights = _read_weights(weights_path)
    networks = []
    for i, stage in enumerate(spec.stages):
        prefix = f"stage{i}."
        state = {name[len(prefix) :]: value.float() for name, value in weights.items() if name.startswith(prefix)}
        try:
            network = build_network(spec, stage)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder} describes a network that cannot be built: {error}.") from error
        load_checked(network, state, str(folder))
        networks.append(network.eval().requires_grad_(False))
    known = tuple(f"stage{i}." for i in range(len(spec.stages)))
    if extra := [name for name in weights if not name.startswith(known)]:
        raise ModelError(f"{weights_path} has weights of no stage: {', '.join(extra[:3])}.")
    return spec, networks


def load_checked(network: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """load_state_dict that names what is missing, extra, mis-shaped or not finite. ModelError."""
    wanted = network.state_dict()
    problems = []
    if missing := sorted(set(wanted) - set(state)):
        problems.append(f"lacks {_listed(missing)}")
    if extra := sorted(set(state) - set(wanted)):
        problems.append(f"has the unknown {_listed(extra)}")
    shared = [name for name in wanted if name in state]
    if shapes := [f"{n} {tuple(state[n].shape)} for {tuple(wanted[n].shape)}" for n in shared if state[n].shape != wanted[n].shape]:
        problems.append(f"has wrong shapes: {_listed(shapes)}")
    if bad := [name for name in shared if not torch.isfinite(state[name]).all()]:
        problems.append(f"has values that are not finite in {_listed(bad)}")
    if problems:
        raise ModelError(f"{source} {'; '.join(problems)}.", "It is not a checkpoint of this network, or it is damaged.")
    network.load_state_dict(state)


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", "Download or import the model again.") from error


def _listed(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
