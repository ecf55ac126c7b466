"""Synthetic volumes on disk: files that say in every place they can that they are synthetic."""

from __future__ import annotations

import json
import platform
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ..base.errors import ResourceError
from ..base.files import write_text
from ..version import __version__
from ..volumes.volume import Volume
from .synthesize import Model, Plan, Settings, Synthesis

FULL_SCALE = 1000
"""What the model's brightest intensity is in a file; air is 0."""


def scanner_units(volume: Volume) -> Volume:
    """-1..1 float32 -> 0..FULL_SCALE int16, as files hold it."""
    scaled = np.rint((np.clip(volume.array, -1, 1) + 1) * (FULL_SCALE / 2)).astype(np.int16)
    return Volume(scaled, volume.geometry)


def identity(model: Model, plan: Plan, settings: Settings, seed: int) -> dict:
    """What decides how an image looks and where its voxels lie: two images with equal values here are the same one."""
    return {
        "model_sha256": model.spec.weights_sha256,
        "seed": seed,
        "sampler": settings.sampler or model.spec.sampler,
        "steps": settings.steps or model.spec.steps,
        "mask_sha256": plan.mask_sha256,
        "output_grid": settings.output_grid,
    }


def provenance(model: Model, plan: Plan, settings: Settings, seed: int, modality: str) -> dict:
    """Everything needed to make this image again, and the plain statement that it is synthetic."""
    import torch

    return {
        "synthetic": True,
        "statement": "Synthetic image made by a generative model. Not a scan of any person. Research only, not for "
        "diagnosis.",
        "model": model.spec.name,
        "model_licence": model.spec.licence,
        "modality": modality,
        **identity(model, plan, settings, seed),
        "device": str(model.device),
        "precision": str(model.precision).removeprefix("torch."),
        "intensity": f"int16, 0 is air, {FULL_SCALE} the model's brightest",
        "warnings": plan.warnings,
        "software": {
            "MedDDPMCore": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def stem(path: str | Path) -> str:
    """A volume file's name without its suffix: "a/b.nii.gz" -> "b", "b.seg.nrrd" -> "b"."""
    name = Path(path).name
    lower = name.lower()
    ending = next(
        (s for s in (".nii.gz", ".seg.nrrd", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd") if lower.endswith(s)), ""
    )
    return name[: len(name) - len(ending)] or "mask"


def output_path(folder: Path, stem: str, modality: str, seed: int) -> Path:
    """<folder>/<stem>_synthetic_<modality>_seed<seed>.nii.gz."""
    return folder / f"{stem}_synthetic_{modality}_seed{seed}.nii.gz"


def write_synthesis(
    model: Model, plan: Plan, settings: Settings, result: Synthesis, folder: str | Path, stem: str
) -> list[Path]:
    """Writes one NIfTI a modality, each with a JSON sidecar of the same name; returns the NIfTI paths.

    Each file is written whole or not at all; an existing one is replaced. ResourceError on a full disk.
    """
    folder = Path(folder)
    paths = []
    for modality, volume in result.volumes.items():
        path = output_path(folder, stem, modality, result.seed)
        record = provenance(model, plan, settings, result.seed, modality)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = f"{modality} {model.spec.name} {model.spec.weights_sha256[:8]} seed {result.seed}"
            scanner_units(volume).write(path, {"SYNTHETIC": text})
            write_text(sidecar(path), json.dumps(record, indent=1))
        except OSError as error:
            raise ResourceError(
                f"{path} could not be written: {error}.", "Free disk space, or name another folder."
            ) from error
        paths.append(path)
    return paths


def sidecar(path: Path) -> Path:
    """The JSON file that belongs to a NIfTI file."""
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")
