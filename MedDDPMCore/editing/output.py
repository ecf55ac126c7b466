"""Edited MRI on disk: files that say in every place they can that part of them is synthetic."""

from __future__ import annotations

from pathlib import Path

from ..lesions.shapes import voxel_ml
from ..synthesis.output import provenance, write_with_record
from ..synthesis.synthesize import Settings
from .plan import EditPlan
from .run import Edited, edit_settings

STATEMENT = (
    "Partly synthetic image: within the edited region it was made by a generative model, elsewhere it is the source "
    "image. Shows nothing that was found in the patient. Research only, not for diagnosis."
)


def edited_path(folder: Path, stem: str, seed: int) -> Path:
    """<folder>/<stem>_edited_synthetic_seed<seed>.nii.gz."""
    return folder / f"{stem}_edited_synthetic_seed{seed}.nii.gz"


def edit_record(edit: EditPlan, settings: Settings, result: Edited) -> dict:
    """Everything needed to make this edit again from the same MRI, and the plain statement of what it is."""
    options, model = edit.options, result.model
    record = provenance(model, result.plan, edit_settings(settings), result.seed, model.spec.modalities[0])
    record |= {
        "statement": STATEMENT,
        "edited": True,
        "source_mri_sha256": edit.mri_sha256,
        "region_ml": round(float(edit.region.sum()) * voxel_ml(edit.mri.geometry), 3),
        "margin_mm": options.margin_mm,
        "blend_mm": options.blend_mm,
        "mass_effect": options.mass_effect,
        "rounds": options.rounds,
        "intensity": "the source image's own",
        "warnings": result.plan.warnings,
        "notes": edit.notes,
    }
    return record


def write_edited(edit: EditPlan, settings: Settings, result: Edited, folder: str | Path, stem: str) -> Path:
    """Writes an edited MRI as NIfTI with a JSON sidecar of the same name; returns its path.

    Both are written as of `synthesis.output.write_with_record`. ResourceError on a full disk.
    """
    path = edited_path(Path(folder), stem, result.seed)
    record = edit_record(edit, settings, result)
    model = result.model.spec
    text = f"edited {model.name} {model.weights_sha256[:8]} seed {result.seed}"
    write_with_record(path, result.volume, {"SYNTHETIC": text}, record)
    return path
