"""The models that can be chosen, read from their model.json alone: no torch in Slicer's own process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from MedDDPMCore.base.errors import ModelError
from MedDDPMCore.models.spec import ModelSpec

from . import paths

_WITH_AGENT = re.compile(
    r"gado|(?<![a-z0-9])(t1w?(c|ce|gd|\+c|post|km)|ce|gd|km|post(contrast)?|contrast)(?![a-z0-9])", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What the window shows of a model. key: what the worker is asked for: a known model's name or a folder."""

    key: str
    title: str
    labels: dict[str, int]
    sampler: str
    steps: int
    modalities: tuple[str, ...]
    licence: str = ""
    notes: str = ""
    training_data: str = ""
    spacing: tuple[float, ...] = ()


def looks_contrast_enhanced(name: str) -> bool:
    """Whether a series' name says that contrast agent was given, as far as names tell."""
    return _WITH_AGENT.search(name.replace("_", " ")) is not None


def read(folder: Path, key: str) -> ModelInfo | None:
    """The model in a folder, or None if there is none that can be understood."""
    try:
        spec = ModelSpec.read(folder)
    except ModelError:
        return None
    return ModelInfo(
        key=key,
        title=spec.title or spec.name,
        labels=spec.labels.values,
        sampler=spec.sampler,
        steps=spec.steps,
        modalities=spec.modalities,
        licence=spec.licence,
        notes=spec.notes,
        training_data=spec.training_data,
        spacing=spec.grid.spacing,
    )


def available(imported: list[str]) -> dict[str, ModelInfo]:
    """Key -> model: the bundled ones first, "default" before all, then those chosen as folders."""
    named = [
        path.parent
        for folder in (paths.models_folder(), paths.own_models_folder())
        for path in folder.glob("*/model.json")
    ]
    named.sort(key=lambda folder: (folder.name != "default", folder.name))
    models = [read(folder, folder.name) for folder in named] + [read(Path(folder), folder) for folder in imported]
    return {model.key: model for model in models if model is not None}
