"""What an edit is to make anew, and what the model is given for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from ..base.errors import LabelError
from ..diffusion.known_region import KnownRegion
from ..lesions.shapes import lesions_of
from ..synthesis.synthesize import AIR, Model, Plan
from ..volumes.labels import LabelScheme
from ..volumes.volume import Volume, resample_image
from .check import CheckedEdit, EditOptions, lesions_only
from .intensity import Levels, levels
from .match import contrast
from .region import changed_region, pushed, reached, weights


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """An edit made ready.

    mri: the patient's. bent: with mass effect, where its tissue moved (z, y, x), and these voxels' new values. region:
    where the image is made anew; weight (z, y, x) 0..1: how much of it. levels: its intensities and the model's.
    contrast: in a scan of another contrast than the model's, that of the patient's own lesions to the tissue around
    them, counted from air; else None. plan: of the model, for the new mask. known: what the model is given.
    mri_sha256, before_sha256: of the MRI's voxels, and of the lesions that it has.
    """

    mri: Volume
    bent: tuple[np.ndarray, np.ndarray] | None
    region: np.ndarray
    weight: np.ndarray
    levels: Levels
    contrast: float | None
    plan: Plan
    known: KnownRegion
    mri_sha256: str
    before_sha256: str
    options: EditOptions
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the mask and the model."""
        return self.plan.warnings


def plan_edit(model: Model, edit: CheckedEdit) -> EditPlan:
    """Makes an edit ready; what the model's grid does not reach stays the patient's, of which a warning tells.

    LabelError where there is nothing to edit, VolumeError for an image without contrast.
    """
    mri, edit_mask, options, scheme = edit.mri, edit.edit_mask, edit.options, model.spec.labels
    notes = list(edit.notes)
    plan = model.fitted(model.on_grid(edit.labels, edit.report))
    labels, before = edit.labels.array, edit.before
    head, after = labels != 0, lesions_only(labels, scheme)
    # beside an edit mask, what has changed is known only where there is a source
    changed = (before != after) & (edit_mask is None or edit.has_source)
    wanted = _region(changed, head, edit_mask, mri, options, notes)
    region = reached(wanted, mri.geometry, plan.grid)
    if left_out := int(wanted.sum() - region.sum()):
        plan = plan.warned(
            [
                f"{mri.geometry.in_ml(left_out)} of the region to edit lies outside the model's field of view: "
                "there the MRI stays as it is."
            ]
        )
    bent, base = None, mri
    if options.mass_effect:
        new = Volume(np.where((before == 0) & region, after, 0).astype(np.uint8), mri.geometry)
        if edit_mask and not edit.has_source:
            notes.append("Mass effect: without a source mask, all lesions within the edit mask count as new.")
        bent, base = _bent(mri, head, new, scheme, options, notes)
    intensities, known = _known(
        model, plan, base, region=region, background=float(mri.array.min()), options=options, notes=notes
    )
    return EditPlan(
        mri=mri,
        bent=bent,
        region=region,
        weight=weights(region, mri.geometry, options.blend_mm),
        levels=intensities,
        contrast=_own_contrast(mri, before > 0, head, intensities) if intensities.foreign else None,
        plan=plan,
        known=known,
        mri_sha256=hashlib.sha256(np.ascontiguousarray(mri.array).data).hexdigest(),
        before_sha256=hashlib.sha256(np.ascontiguousarray(before).data).hexdigest(),
        options=options,
        notes=(*plan.notes, *notes),
    )


def _bent(
    mri: Volume, head: np.ndarray, new: Volume, scheme: LabelScheme, options: EditOptions, notes: list[str]
) -> tuple[tuple[np.ndarray, np.ndarray], Volume]:
    """The mass effect of new lesions: where tissue moved (z, y, x) and the values there, and the whole image."""
    image, moved, furthest = pushed(mri, head, lesions_of(new, scheme), options.mass_effect)
    moved_ml = moved.sum() * mri.geometry.voxel_ml
    notes.append(f"Mass effect: {moved_ml:.0f} ml of tissue are displaced, by up to {furthest:.1f} mm.")
    return (moved, image[moved]), Volume(image, mri.geometry)


def _known(
    model: Model,
    plan: Plan,
    image: Volume,
    region: np.ndarray,
    background: float,
    options: EditOptions,
    notes: list[str],
) -> tuple[Levels, KnownRegion]:
    """The patient's image in the model's intensities and on its grid, and what of it is to be made."""
    on_grid = resample_image(image, plan.grid, background).array
    intensities, level_notes = levels(model, on_grid, plan)
    notes += level_notes
    known = intensities.to_model(on_grid)
    known[plan.labels == 0] = AIR
    on_model_grid = resample_image(Volume(region.astype(np.float32), image.geometry), plan.grid, 0.0)
    unknown = np.clip(2 * on_model_grid.array, 0, 1)
    made_ml = float(region.sum()) * image.geometry.voxel_ml
    notes.append(f"{made_ml:.1f} ml of the image are made anew; all else is the patient's own.")
    return intensities, KnownRegion(
        torch.from_numpy(known)[None, None], torch.from_numpy(unknown)[None, None], options.rounds
    )


def _own_contrast(mri: Volume, lesion: np.ndarray, head: np.ndarray, intensities: Levels) -> float | None:
    """Of the lesions (z, y, x) bool that the patient has; None where there are none."""
    return contrast(mri.array - intensities.low, lesion, head & ~lesion, mri.geometry.spacing)[0]


def _region(
    changed: np.ndarray,
    head: np.ndarray,
    edit_mask: Volume | None,
    mri: Volume,
    options: EditOptions,
    notes: list[str],
) -> np.ndarray:
    if edit_mask is None:
        return changed_region(changed, head, mri.geometry, options.margin_mm)
    wanted = edit_mask.array != 0
    if not wanted.any():
        raise LabelError("The edit mask is empty.", "Paint the region that is to be made anew.")
    region = wanted & head
    if not region.any():
        raise LabelError("The edit mask lies outside the head.", "Paint the region that is to be made anew.")
    if region.sum() != wanted.sum():
        notes.append("The part of the edit mask that lies outside the head is left as it is.")
    if (changed & ~region).any():
        share = float((changed & ~region).sum()) / float(changed.sum())
        notes.append(f"{share:.0%} of the changed labels lie outside the edit mask: there the MRI stays as it is.")
    return region
