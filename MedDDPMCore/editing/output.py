"""Edited MRI, and what they are on disk: files that say in every place they can that part of them is synthetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..base.pictures import before_and_after, save_png
from ..lesions.shapes import voxel_ml
from ..synthesis.output import Making, names_a_file, picture_beside, provenance, require_own, write_with_record
from ..volumes.volume import Volume, reorient
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
        edit, options = self.edit, self.edit.options
        return {
            **provenance(self.making, self.seed, self.making.spec.modalities[0]),
            "statement": STATEMENT,
            "edited": True,
            "source_mri_sha256": edit.mri_sha256,
            "region_ml": round(float(edit.region.sum()) * voxel_ml(edit.mri.geometry), 3),
            "margin_mm": options.margin_mm,
            "blend_mm": options.blend_mm,
            "mass_effect": options.mass_effect,
            "rounds": options.rounds,
            "intensity": "the source image's own",
            "notes": edit.notes,
        }


def edited_path(out: Path, stem: str, seed: int) -> Path:
    """<out>/<stem>_edited_synthetic_seed<seed>.nii.gz; or `out` itself where it is called as volume files are."""
    return out if names_a_file(out) else out / f"{stem}_edited_synthetic_seed{seed}.nii.gz"
