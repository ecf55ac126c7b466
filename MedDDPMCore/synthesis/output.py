"""Synthetic volumes on disk: files that say in every place they can that they are synthetic."""

from __future__ import annotations

import json
import platform
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from ..base.files import sha256_of, together, write_json
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

    Image and sidecar are written as of `write_with_record`. ResourceError on a full disk.
    """
    paths = []
    for modality in result.volumes:
        paths.append(output_path(Path(folder), stem, modality, result.seed))
        write_image(model, plan, settings, result, modality, paths[-1])
    return paths


def write_image(model: Model, plan: Plan, settings: Settings, result: Synthesis, modality: str, path: Path) -> None:
    """Writes one modality as a file with a JSON sidecar of the same name, as of `write_with_record`."""
    record = provenance(model, plan, settings, result.seed, modality)
    text = f"{modality} {model.spec.name} {model.spec.weights_sha256[:8]} seed {result.seed}"
    write_with_record(path, scanner_units(result.volumes[modality]), {"SYNTHETIC": text}, record)


def write_with_record(path: Path, volume: Volume, metadata: dict[str, str], record: dict) -> None:
    """Writes an image and, as its sidecar, its record, to which the image's hash is added; existing ones are replaced.

    Both are there or the old ones stay, and a record never lies beside an image that it does not speak of, whenever
    the process is killed. ResourceError on a full disk.
    """
    with together(path.parent, sidecar(path).name) as part:
        volume.write(part / path.name, metadata)
        write_json(part / sidecar(path).name, {**record, "image_sha256": sha256_of(part / path.name)}, durable=False)


def record_beside(path: Path) -> dict | None:
    """The record of an image that is there and is the one that the record speaks of; else None.

    Records of the first versions hold no hash: they are believed.
    """
    try:
        record, digest = json.loads(sidecar(path).read_text(encoding="utf-8")), sha256_of(path)
        return record if record.get("image_sha256", digest) == digest else None
    except (OSError, ValueError, AttributeError):
        return None


def sidecar(path: Path) -> Path:
    """The JSON file with an image's record: "a/b.nii.gz" -> "a/b.json"."""
    return path.with_name(f"{stem(path)}.json")
