"""A model on disk: a folder with model.json and weights.safetensors.

Weights are named stage<i>.<parameter>; an atlas, where the model has one, atlas.image and atlas.head. Where model.json
says "weight_format": "int8", weights of two axes or more are int8, and <name>.scale (channels,) float32 is what each
output channel is multiplied by; all others are float16. Nothing is ever unpickled, and no network is built larger than
the weights that the file really holds. What is wrong with a bundle is said by name.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import ModelError
from ..base.files import replacing, sha256_of, together, write_json
from ..base.shortage import memory_explained
from ..base.typed_json import read_json
from .atlas import Atlas
from .catalogue import SPEC_FILE, WEIGHTS_FILE
from .spec import ATLAS_FACTOR, FLOAT, INT8, ModelSpec
from .stage import build_network

_ATLAS = "atlas."
_SCALE = ".scale"
_INT8_MOST = 127


def save_bundle(
    folder: str | Path,
    spec: ModelSpec,
    networks: list[dict[str, Tensor]],
    dtype: torch.dtype = torch.float16,
    atlas: Atlas | None = None,
) -> ModelSpec:
    """Writes a bundle: one state dict a stage, stored in dtype, and the atlas of a model that has one. Returns the spec
    with the hash of the weights.

    dtype: torch.int8 takes half of float16's space, with a scale for each output channel.

    Both files are written whole before they take the place of what is there. Refuses a folder that holds another model
    (ModelError) and says so when the disk is full (ResourceError), leaving what was there.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    if (folder / SPEC_FILE).exists() and read_json(folder / SPEC_FILE, ModelError).get("name") != spec.name:
        raise ModelError(f"{folder} holds another model already.", "Name a new folder.")
    spec = dataclasses.replace(spec, weight_format=INT8 if dtype == torch.int8 else FLOAT)
    weights: dict[str, Tensor] = {}
    for i, state in enumerate(networks):
        for name, value in state.items():
            weights |= _stored(f"stage{i}.{name}", value.detach().cpu(), dtype)
    if atlas is not None:
        weights |= {f"{_ATLAS}{name}": getattr(atlas, name).to("cpu", torch.float16) for name in ("image", "head")}
    if bad := [name for name, value in weights.items() if not torch.isfinite(value).all()]:
        raise ModelError(f"The weights {_listed(bad)} hold numbers that are not finite in {dtype}.", "Store fp32.")
    with together(folder, SPEC_FILE) as part:
        with replacing(part / WEIGHTS_FILE, durable=False) as file:  # gives the rights that safetensors does not
            save_file(weights, file)
        spec = dataclasses.replace(spec, weights_sha256=sha256_of(part / WEIGHTS_FILE))
        write_json(part / SPEC_FILE, spec.to_dict())
    return spec


def load_bundle(folder: str | Path) -> tuple[ModelSpec, list[torch.nn.Module]]:
    """The spec and a float32 network a stage, on the CPU. ModelError says which file, hash, name or shape is wrong."""
    spec, weights = _read(Path(folder))
    return spec, _networks(Path(folder), spec, weights)


def load_with_atlas(folder: str | Path) -> tuple[ModelSpec, list[torch.nn.Module], Atlas | None]:
    """The same and the atlas, None where the model has none, read and checked once."""
    spec, weights = _read(Path(folder))
    return spec, _networks(Path(folder), spec, weights), _atlas(Path(folder), spec, weights)


def load_atlas(folder: str | Path) -> Atlas | None:
    """The atlas alone, float32 on the CPU; None where the model has none. ModelError as of `load_bundle`."""
    spec, weights = _read(Path(folder))
    return _atlas(Path(folder), spec, weights)


def _read(folder: Path) -> tuple[ModelSpec, dict[str, Tensor]]:
    for name in (SPEC_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ModelError(
                f"{folder} is not a model: it has no {name}.", "Import or train a model, or name its folder."
            )
    spec = ModelSpec.read(folder)
    weights = _read_weights(folder / WEIGHTS_FILE, spec.weights_sha256)
    return spec, _from_int8(folder / WEIGHTS_FILE, weights) if spec.weight_format == INT8 else weights


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """What the file holds of one weight: in dtype; of int8 the nearest multiples of each output channel's scale."""
    if dtype != torch.int8:
        return {name: value.to(dtype).contiguous()}
    if value.ndim < 2 or not torch.isfinite(value).all():  # what is not finite is refused by its name in float16
        return {name: value.to(torch.float16).contiguous()}
    rows = value.float().flatten(1)
    scale = (rows.abs().amax(dim=1) / _INT8_MOST).clamp(min=torch.finfo(torch.float32).tiny)
    whole = (rows / scale[:, None]).round().to(torch.int8)
    return {name: whole.view(value.shape).contiguous(), f"{name}{_SCALE}": scale}


def _from_int8(path: Path, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of an int8 file as real numbers, without the scales; ModelError where one is missing or wrong."""
    tensors = dict(weights)
    for name in [name for name, value in weights.items() if value.dtype == torch.int8]:
        value, scale = tensors[name], tensors.pop(f"{name}{_SCALE}", None)
        if scale is None or not scale.is_floating_point() or scale.shape != value.shape[:1]:
            raise ModelError(f"{path} lacks {name}{_SCALE} with a number for each output channel.", "It is damaged.")
        tensors[name] = value.float() * scale.float().view(-1, *[1] * (value.ndim - 1))
    return tensors


def _networks(folder: Path, spec: ModelSpec, weights: dict[str, Tensor]) -> list[torch.nn.Module]:
    networks: list[torch.nn.Module] = []
    for i, stage in enumerate(spec.stages):
        prefix = f"stage{i}."
        state = {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}
        with torch.device("meta"):
            network = build_network(spec, stage)
        load_checked(network, state, str(folder))
        networks.append(network.eval().requires_grad_(False))
    known = tuple(f"stage{i}." for i in range(len(spec.stages))) + ((_ATLAS,) if spec.atlas else ())
    if extra := [name for name in weights if not name.startswith(known)]:
        raise ModelError(f"{folder / WEIGHTS_FILE} has weights of no stage: {_listed(extra)}.")
    return networks


def _atlas(folder: Path, spec: ModelSpec, weights: dict[str, Tensor]) -> Atlas | None:
    if not spec.atlas:
        return None
    path = folder / WEIGHTS_FILE
    size = tuple(n // ATLAS_FACTOR for n in spec.grid.shape)
    wanted = {"image": (len(spec.modalities), *size), "head": size}
    for name, shape in wanted.items():
        tensor = weights.get(f"{_ATLAS}{name}")
        if tensor is None or tuple(tensor.shape) != shape or not torch.isfinite(tensor.float()).all():
            raise ModelError(f"{path} lacks {_ATLAS}{name} of shape {shape} with finite values.", "It is damaged.")
    return Atlas(*(weights[f"{_ATLAS}{name}"].float() for name in wanted))


def load_checked(network: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """load_state_dict that names what is missing, extra, mis-shaped or not finite. ModelError.

    A network on the meta device is given memory on the CPU once everything fits.
    """
    wanted = network.state_dict()
    problems = []
    if missing := sorted(set(wanted) - set(state)):
        problems.append(f"lacks {_listed(missing)}")
    if extra := sorted(set(state) - set(wanted)):
        problems.append(f"has the unknown {_listed(extra)}")
    shared = {name: state[name] for name in wanted if name in state}
    if shapes := [name for name, value in shared.items() if value.shape != wanted[name].shape]:
        differing = [f"{name} {tuple(shared[name].shape)} for {tuple(wanted[name].shape)}" for name in shapes]
        problems.append(f"has wrong shapes: {_listed(differing)}")
    if other := [name for name, value in shared.items() if not value.is_floating_point()]:
        problems.append(f"has no real numbers in {_listed(other)}")
    if not problems and (bad := [name for name, value in shared.items() if not torch.isfinite(value.float()).all()]):
        problems.append(f"has values that are not finite in {_listed(bad)}")
    if problems:
        raise ModelError(
            f"{source} {'; '.join(problems)}.", "It is not a checkpoint of this network, or it is damaged."
        )
    if any(value.is_meta for value in wanted.values()):
        network.to_empty(device="cpu")
    network.load_state_dict(shared)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name; ModelError where it is damaged. Claims nothing that is not there."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with memory_explained():
            return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", "Download or import the model again.") from error


def _read_weights(path: Path, wanted_sha256: str) -> dict[str, Tensor]:
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}.") from error
    if digest != wanted_sha256:
        raise ModelError(
            f"{path} does not have the hash that {SPEC_FILE} states: the file is damaged or not this model's.",
            "Download or import the model again.",
        )
    return read_safetensors(path)


def _listed(names: list[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
