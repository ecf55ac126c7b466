"""Edited MRI, and what they are on disk: files that say in every place they can that part of them is synthetic."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.pictures import before_and_after, save_png
from ..models.spec import ModelSpec
from ..synthesis.output import (
    Making,
    identity,
    names_a_file,
    picture_beside,
    provenance,
    require_own,
    write_with_record,
)
from ..synthesis.plan import Settings
from ..volumes.volume import Volume, reorient
from ..volumes.writers import require_ending
from .plan import EditPlan

STATEMENT = (
    "Partly synthetic image: within the edited region it was made by a generative model, elsewhere it is the source "
    "image. Shows nothing that was found in the patient. Research only, not for diagnosis."
)


@dataclass(frozen=True)
class Edited:
    """One edited MRI, on the patient's own grid and in its dtype, the seed it came from, the edit that was planned, and
    how it was made, with all that was warned of."""

    volume: Volume
    seed: int
    edit: EditPlan
    making: Making

    def write(self, out: str | Path, name: str = "mri", preview: bool = True) -> Path:
        """Writes the edited MRI as a file that says in its name and header that it is partly synthetic, its record as
        JSON beside it, and, with `preview`, a PNG of the MRI before and after; returns its path.

        out: a folder, made where it is not there, in which it is called as of `edited_path` after `name`; or the file.
        An edit that was made before is replaced. VolumeError where a file is there that was not made so, ResourceError
        where it cannot be written.
        """
        path = edited_path(Path(out), name, self.seed)
        require_own(path)
        write_with_record(
            path, self.volume, {"SYNTHETIC": f"edited {self.making.mark} seed {self.seed}"}, self.record()
        )
        if preview:
            region = Volume(self.edit.region, self.edit.mri.geometry)
            before, after, where = (reorient(v, "RAS") for v in (self.edit.mri, self.volume, region))
            picture = before_and_after(before.array, after.array, where.array, before.geometry.spacing)
            save_png(picture_beside(path), picture)
        return path

    def record(self) -> dict:
        """Everything needed to make this edit again from the same MRI, and the plain statement of what it is."""
        making, edit = self.making, self.edit
        return {
            **provenance(making, self.seed, making.spec.modalities[0]),
            "statement": STATEMENT,
            "edited": True,
            **edit_identity(making.spec, edit, making.settings, self.seed),
            "region_ml": round(float(edit.region.sum()) * edit.mri.geometry.voxel_ml, 3),
            "intensity": "the source image's own",
            "notes": edit.notes,
        }


def edit_identity(spec: ModelSpec, edit: EditPlan, settings: Settings, seed: int) -> dict:
    """What decides how an edited MRI looks: two with equal values here are the same one."""
    return {
        **identity(spec, edit.plan, settings, seed),
        "source_mri_sha256": edit.mri_sha256,
        "source_mask_sha256": edit.before_sha256,
        "region_sha256": hashlib.sha256(np.packbits(edit.region).data).hexdigest(),
        **dataclasses.asdict(edit.options),
    }


def edited_path(out: Path, stem: str, seed: int) -> Path:
    """<out>/<stem>_edited_synthetic_seed<seed>.nii.gz; or `out` itself where it is called as volume files are.
    VolumeError where that is a file that holds no image."""
    if not names_a_file(out):
        return out / f"{stem}_edited_synthetic_seed{seed}.nii.gz"
    require_ending(out)
    return out
