"""What an edit is to make anew, and what the model is given for it: everything checked before the model runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from ..anatomy.head import head_mask
from ..base.errors import LabelError, MedDDPMError, VolumeError
from ..diffusion.known_region import KnownRegion
from ..lesions.shapes import lesions_of, voxel_ml
from ..synthesis.synthesize import AIR, Model, Plan
from ..volumes.labels import LabelMapping, LabelScheme
from ..volumes.volume import Volume, resample_image, where_labels
from .intensity import Levels, levels
from .match import contrast
from .region import BLEND_MM, MARGIN_MM, changed_region, on_voxels_of, pushed, weights

ROUNDS = 1
"""How often each step is taken; see Documentation/editing.md for what more cost and gained."""


@dataclass(frozen=True, kw_only=True)
class EditOptions:
    """margin_mm: how far around changed labels the image is made anew. blend_mm: over how much of that it is blended.
    mass_effect: 0..1, how strongly new lesions push the tissue around them. rounds: as of `KnownRegion`."""

    margin_mm: float = MARGIN_MM
    blend_mm: float = BLEND_MM
    mass_effect: float = 0.0
    rounds: int = ROUNDS


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """An edit made ready.

    mri: the patient's. bent: with mass effect, where its tissue moved (z, y, x), and these voxels' new values. region:
    where the image is made anew; weight (z, y, x) 0..1: how much of it. levels: its intensities and the model's.
    contrast: in a scan of another contrast than the model's, that of the patient's own lesions to the tissue around
    them, counted from air; else None. plan: of the model, for the new mask. known: what the model is given.
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
    options: EditOptions
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the mask and the model."""
        return self.plan.warnings


def plan_edit(
    model: Model,
    mri: Volume,
    mask: Volume,
    source: Volume | None = None,
    edit_mask: Volume | None = None,
    mapping: LabelMapping | None = None,
    options: EditOptions = EditOptions(),
) -> EditPlan:
    """Checks what is given and makes it ready.

    mri: (z, y, x), any range. mask: the labels that the result is to have, where the MRI lies; without a head label,
    the head is found in the MRI. Masks with other voxels than the MRI's are resampled to them, and the notes say so.
    The region to make anew is edit_mask (non-zero voxels), or what lies around the difference between `source` (the
    labels as they are in the MRI) and mask, or, without either, around mask's lesions.
    VolumeError for an image of several channels, without contrast, or a mask that lies elsewhere; LabelError where
    there is nothing to edit; MedDDPMError for options out of range, or a model of several images.
    """
    _check(model, mri, options)
    notes: list[str] = []
    mask = on_voxels_of(mri, "mask", mask, notes)
    source = on_voxels_of(mri, "source mask", source, notes) if source else None
    edit_mask = on_voxels_of(mri, "edit mask", edit_mask, notes) if edit_mask else None
    scheme = model.spec.labels
    mask = _with_head(mask, mri, scheme, mapping, notes)
    plan = model.plan(mask, None, "mask")
    labels = scheme.apply(mask)
    head, after = labels != 0, _lesions_only(labels, scheme)
    before = np.zeros_like(after)
    if source is not None:
        before = _lesions_only(_with_head(source, mri, scheme, mapping, []).array, scheme)
    # beside an edit mask, what has changed is known only where there is a source
    changed = (before != after) & (edit_mask is None or source is not None)
    region = _region(changed, head, edit_mask, mri, options, notes)
    bent, base = None, mri
    if options.mass_effect:
        new = Volume(np.where(before == 0, after, 0).astype(np.uint8), mri.geometry)
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
        options=options,
        notes=(*plan.notes, *notes),
    )


def _lesions_only(labels: np.ndarray, scheme: LabelScheme) -> np.ndarray:
    return np.where(where_labels(labels, (scheme.values[name] for name in scheme.lesions)), labels, 0)


def _bent(
    mri: Volume, head: np.ndarray, new: Volume, scheme: LabelScheme, options: EditOptions, notes: list[str]
) -> tuple[tuple[np.ndarray, np.ndarray], Volume]:
    """The mass effect of new lesions: where tissue moved (z, y, x) and the values there, and the whole image."""
    image, moved, furthest = pushed(mri, head, lesions_of(new, scheme), options.mass_effect)
    moved_ml = moved.sum() * voxel_ml(mri.geometry)
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
    if not unknown.any():
        raise LabelError("The region to edit lies outside the model's field of view.", "Edit nearer to the brain.")
    made_ml = float(region.sum()) * voxel_ml(image.geometry)
    notes.append(f"{made_ml:.1f} ml of the image are made anew; all else is the patient's own.")
    return intensities, KnownRegion(
        torch.from_numpy(known)[None, None], torch.from_numpy(unknown)[None, None], options.rounds
    )


def _own_contrast(mri: Volume, lesion: np.ndarray, head: np.ndarray, intensities: Levels) -> float | None:
    """Of the lesions (z, y, x) bool that the patient has; None where there are none."""
    return contrast(mri.array - intensities.low, lesion, head & ~lesion, mri.geometry.spacing)[0]


def _check(model: Model, mri: Volume, options: EditOptions) -> None:
    if mri.array.ndim != 3 or min(mri.array.shape) < 2:
        raise VolumeError(
            f"Only a single 3D image can be edited, not one of shape {mri.array.shape}.",
            "Save the channel to edit as a volume of its own.",
        )
    if mri.array.dtype.kind not in "iuf":
        raise VolumeError(f"An MRI of type {mri.array.dtype} cannot be edited.", "Save it as whole or real numbers.")
    if not np.isfinite(mri.array).all():
        raise VolumeError("The MRI holds NaN or infinite values.", "Save it again without them.")
    if len(model.spec.modalities) != 1 or model.spec.kind != "diffusion":
        makes = f"makes {len(model.spec.modalities)} images ({', '.join(model.spec.modalities)}) that belong together"
        why = f"is a {model.spec.kind} generator" if model.spec.kind != "diffusion" else makes
        raise MedDDPMError(
            f"The model {model.spec.name} cannot edit an image: it {why}.",
            "Choose a diffusion model that makes one image, such as the bundled one.",
        )
    allowed = (("margin", options.margin_mm, 0, 50), ("blending depth", options.blend_mm, 0, 50),
               ("mass effect", options.mass_effect, 0, 1), ("number of rounds", options.rounds, 1, 20))  # fmt: skip
    for name, value, low, high in allowed:
        if not low <= value <= high:
            raise MedDDPMError(f"The {name} must be from {low} to {high}, not {value:g}.")


def _with_head(
    mask: Volume, mri: Volume, scheme: LabelScheme, mapping: LabelMapping | None, notes: list[str]
) -> Volume:
    """The mask in the scheme's values; where it has no head, that of the MRI around its lesions."""
    try:
        return Volume(scheme.apply(mask, mapping), mask.geometry)
    except LabelError:
        body = np.asarray(head_mask(mri).array) * scheme.values[scheme.required[0]]
        meaning = dict(mapping or {})
        names = [name for name in scheme.lesions if meaning.get(name, scheme.values[name])]
        lesion = np.zeros(mask.array.shape, bool)
        for name in names:
            wanted = np.atleast_1d(meaning.get(name, scheme.values[name]))
            labelled = where_labels(mask.array, wanted)
            body[labelled & (body > 0)] = scheme.values[name]
            lesion |= labelled
        if set(np.unique(mask.array[~lesion]).tolist()) - {0}:
            raise
        notes.append("The mask has no head: it was found in the MRI.")
        return Volume(body.astype(np.uint8), mask.geometry)


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
