"""The patient's own MRI with part of it made anew: a lesion put in, enlarged, moved or removed, all else kept.

Only a region around the changed labels is made; every other voxel is the patient's, bit for bit, in its own grid and
dtype. The MRI is brought to the model's grid and intensity, the model fills the region with the rest given
(`diffusion.known_region`), and what it made is brought back: matched to the patient by an affine fit in the band around
the region and a smooth (harmonic) correction inside it, and blended in at the region's edge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ..anatomy.head import head_mask
from ..base.errors import LabelError, MedDDPMError, VolumeError
from ..diffusion.known_region import KnownRegion
from ..lesions.shapes import bounding_box, lesions_of, shifted, voxel_ml
from ..synthesis.synthesize import AIR, Model, Plan, Progress, Settings
from ..volumes.labels import LabelMapping, LabelScheme
from ..volumes.volume import Volume, resample_image
from .fill import fill
from .intensity import Levels, levels
from .match import contrast, levelled, matched
from .region import BLEND_MM, MARGIN_MM, changed_region, pushed, require_fit, weights
from .texture import SHELL_MM, texture

FINER = 0.75
"""In a scan of finer voxels than so much of the model's, what is made gets the scan's texture."""
ROUNDS = 1
"""How often each step is taken; see Documentation/editing.md for what more cost and gained."""
EDIT_SAMPLER = "ddpm"
"""The noise of each step carries the known surroundings into the region; without it edits are measurably worse."""


@dataclass(frozen=True)
class EditOptions:
    """margin_mm: how far around changed labels the image is made anew. blend_mm: over how much of that it is blended.
    mass_effect: 0..1, how strongly new lesions push the tissue around them. rounds: as of `KnownRegion`."""

    margin_mm: float = MARGIN_MM
    blend_mm: float = BLEND_MM
    mass_effect: float = 0.0
    rounds: int = ROUNDS


@dataclass(frozen=True)
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
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Edited:
    """One edited MRI, on the patient's own grid and in its dtype, and the seed it came from."""

    volume: Volume
    seed: int


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

    mri: (z, y, x), any range. mask: the labels that the result is to have, on the MRI's voxels; without a head label,
    the head is found in the MRI. The region to make anew is edit_mask (non-zero voxels), or what lies around the
    difference between `source` (the labels as they are in the MRI) and mask, or, without either, around mask's lesions.
    VolumeError for an image of several channels, without contrast, or a mask on another geometry; LabelError where
    there is nothing to edit; MedDDPMError for options out of range, or a model of several images.
    """
    _check(model, mri, options)
    for name, volume in (("mask", mask), ("source mask", source), ("edit mask", edit_mask)):
        if volume is not None:
            require_fit(name, volume, mri)
    scheme = model.spec.labels
    notes: list[str] = []
    mask = _with_head(mask, mri, scheme, mapping, notes)
    plan = model.plan(mask, None, "mask")
    labels = scheme.apply(mask)
    values = [scheme.values[name] for name in scheme.lesions]
    head = labels != 0
    before = np.zeros(labels.shape, np.uint8)
    if source is not None:
        before = _with_head(source, mri, scheme, mapping, []).array
        before = np.where(np.isin(before, values), before, 0)
    after = np.where(np.isin(labels, values), labels, 0)
    # beside an edit mask, what has changed is known only where there is a source
    changed = (before != after) & (edit_mask is None or source is not None)
    region = _region(changed, head, edit_mask, mri, options, notes)
    bent, base = None, mri
    if options.mass_effect:
        grown = lesions_of(Volume(np.where(before == 0, after, 0).astype(np.uint8), mri.geometry), scheme)
        image, moved, furthest = pushed(mri, head, grown, options.mass_effect)
        bent, base = (moved, image[moved]), Volume(image, mri.geometry)
        notes.append(f"Mass effect: {moved.sum() * voxel_ml(mri.geometry):.0f} ml of tissue are displaced, by up to "
                     f"{furthest:.1f} mm.")  # fmt: skip
    on_grid = resample_image(base, plan.grid, float(mri.array.min())).array
    found, said = levels(model, on_grid, plan)
    notes += said
    known = found.to_model(on_grid)
    known[plan.labels == 0] = AIR
    unknown = np.clip(2 * resample_image(Volume(region.astype(np.float32), mri.geometry), plan.grid, 0.0).array, 0, 1)
    if not unknown.any():
        raise LabelError("The region to edit lies outside the model's field of view.", "Edit nearer to the brain.")
    made_ml = float(region.sum()) * voxel_ml(mri.geometry)
    notes.append(f"{made_ml:.1f} ml of the image are made anew; all else is the patient's own.")
    digest = hashlib.sha256(np.ascontiguousarray(mri.array)).hexdigest()
    return EditPlan(
        mri,
        bent,
        region,
        weights(region, mri.geometry, options.blend_mm),
        found,
        _own_contrast(mri, before > 0, head, found) if found.foreign else None,
        plan,
        KnownRegion(torch.from_numpy(known)[None, None], torch.from_numpy(unknown)[None, None], options.rounds),
        digest,
        options,
        plan.warnings,
        [*plan.notes, *notes],
    )


def edit_settings(settings: Settings) -> Settings:
    """The settings with the sampler of edits, where none is asked for, whatever sampler is the model's own."""
    return settings if settings.sampler else replace(settings, sampler=EDIT_SAMPLER)


def run_edit(model: Model, edit: EditPlan, settings: Settings) -> Iterator[tuple[Progress, Edited | None]]:
    """Yields after each step: the progress, and, when a sample is finished, the edited image. Leaving the loop stops
    the work. settings: see `edit_settings`. Errors as of `Model.run`."""
    for progress in fill(model, edit.plan, edit_settings(settings), edit.known):
        yield progress, _finished(model, edit, progress.seeds[0]) if progress.finished else None


def _own_contrast(mri: Volume, lesion: np.ndarray, head: np.ndarray, found: Levels) -> float | None:
    """Of the lesions (z, y, x) bool that the patient has; None where there are none."""
    return contrast(mri.array - found.low, lesion, head & ~lesion, mri.geometry.spacing)[0]


def _finished(model: Model, edit: EditPlan, seed: int) -> Edited:
    """The image just made, in the patient's intensities, blended into the patient's image."""
    guess = edit.known.guess[0, 0].float().cpu().numpy()
    known, unknown = (t[0, 0].cpu().numpy() for t in (edit.known.image, edit.known.unknown))
    labels, spacing = edit.plan.labels, edit.plan.grid.spacing
    made = matched(guess, known, unknown, labels > 0, spacing)
    lesion = np.isin(labels, [model.spec.labels.values[name] for name in model.spec.labels.lesions])
    if edit.levels.foreign:
        made = levelled(made, known, unknown, (labels > 0) & ~lesion, lesion, spacing, edit.contrast)
    in_patients_units = edit.levels.to_patient(made)
    finer = min(edit.mri.geometry.spacing) < FINER * min(spacing)
    window = bounding_box(edit.region, int(np.ceil(SHELL_MM / min(edit.mri.geometry.spacing))) if finer else 0)
    start = np.array([side.start for side in window[::-1]])
    part = shifted(edit.mri.geometry, start, edit.region[window].shape)
    filled = resample_image(Volume(in_patients_units, edit.plan.grid), part, 0.0).array
    result = edit.mri.array.copy()
    if edit.bent is not None:
        result[edit.bent[0]] = _in_dtype(edit.bent[1], result.dtype)
    base, weight = result[window].astype(np.float32), edit.weight[window]
    blended = base + weight * (filled - base)
    if finer:
        head = resample_image(Volume((labels > 0).astype(np.float32), edit.plan.grid), part, 0.0).array > 0.5
        blended += texture(base, filled, weight, head, part, seed)
    result[window] = np.where(weight > 0, _in_dtype(blended, result.dtype), result[window])
    return Edited(Volume(result, edit.mri.geometry), seed)


def _in_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values rounded and clipped into an image's dtype."""
    if dtype.kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


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
            found = np.isin(mask.array, wanted)
            body[found & (body > 0)] = scheme.values[name]
            lesion |= found
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
