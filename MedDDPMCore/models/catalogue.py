"""Model names -> folders: what is bundled, what the user imported, or a path."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ..base.errors import ModelError, shown
from ..base.resources import own_folder, resource

SPEC_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"

DEFAULT = "default"


def model_folders() -> list[Path]:
    """Where models are looked for, in order: $MEDDDPM_MODELS, the user's folder, and what came with the program."""
    named = os.environ.get("MEDDDPM_MODELS", "")
    own = own_folder("models")
    return [*(Path(p) for p in named.split(os.pathsep) if p), *([own] if own else []), bundled_folder()]


def bundled_folder() -> Path:
    """The models that came with the program."""
    return resource("models")


def find_models() -> dict[str, Path]:
    """Name -> folder of every model; an earlier folder wins over a later one of the same name."""
    folders: dict[str, Path] = {}
    for folder in model_folders():
        with contextlib.suppress(OSError):  # as in a home folder that this user may not look into
            for path in sorted(folder.iterdir()):
                if os.path.isfile(path / SPEC_FILE):
                    folders.setdefault(path.name, path)
    return folders


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a model, by name or path; ModelError lists what there is."""
    models = find_models()
    if str(name_or_path) in models:
        return models[str(name_or_path)]
    path = Path(name_or_path)
    if os.path.isfile(path / SPEC_FILE):
        return path
    known = ", ".join(models) or "none"
    raise ModelError(
        f"There is no model {shown(name_or_path)!r}.",
        f"Known models: {known}. A path to a folder with {SPEC_FILE} works too.",
    )
