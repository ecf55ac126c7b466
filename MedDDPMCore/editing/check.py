"""What an edit is given: options, image and masks, checked before a model is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..anatomy.completed import completed
from ..base.errors import LabelError, MedDDPMError, VolumeError
from ..lesions.placement import astray
from ..models.spec import ModelSpec
from ..volumes.labels import LabelMapping, LabelReport, LabelScheme
from ..volumes.plausible import doubt_image
from ..volumes.segments import GRADED_HINT, is_graded
from ..volumes.volume import Volume, where_labels
from .region import BLEND_MM, MARGIN_MM, on_voxels_of

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


USUAL = EditOptions()


@dataclass(frozen=True, kw_only=True)
class CheckedEdit:
    """An edit that can be made. mri: the patient's. labels: those wanted, in the scheme's values, and report: what was
    found of them. before: the lesions of the source (z, y, x) in the scheme's values, 0 without one. edit_mask: what to
    make anew, or None. All on the MRI's voxels."""

    mri: Volume
    labels: Volume
    report: LabelReport
    before: np.ndarray
    has_source: bool
    edit_mask: Volume | None
    options: EditOptions
    notes: tuple[str, ...] = ()


def check_edit(
    spec: ModelSpec,
    mri: Volume,
    mask: Volume,
    *,
    source: Volume | None = None,
    edit_mask: Volume | None = None,
    mapping: LabelMapping | None = None,
    options: EditOptions = USUAL,
) -> CheckedEdit:
    """Checks what is given to an edit by the model that spec describes.

    mri: (z, y, x), any range. mask: the labels that the result is to have, where the MRI lies; a mask of a lesion alone
    gets the head that is seen in the MRI (see `anatomy.completed`), an empty one is a head without lesions. Masks with
    other voxels than the MRI's are resampled to them, and the notes say so. mapping: label names to the values that the
    masks use, where these are not the model's own. Where the mask has 0 in place of a lesion of the source, or in a
    hole of the head under the edit mask, that is taken for head, and the notes say so.
    The region to make anew is edit_mask (non-zero voxels), or what lies around the difference between `source` (the
    labels as they are in the MRI) and mask, or, without either, around mask's lesions.
    VolumeError for an image of several channels, or a mask that lies elsewhere; LabelError for masks that do not fit;
    MedDDPMError for options out of range, or a model of several images.
    """
    _require_editable(spec, mri, options)
    notes: list[str] = []
    mask = on_voxels_of(mri, "mask", mask, notes)
    source = on_voxels_of(mri, "source mask", source, notes) if source else None
    edit_mask = on_voxels_of(mri, "edit mask", edit_mask, notes) if edit_mask else None
    if edit_mask and is_graded(edit_mask.array):
        raise LabelError("The edit mask is no segmentation.", GRADED_HINT)
    labels, report = completed(mask, spec.labels, mapping, mri, healthy=True)
    before, source_labels = np.zeros_like(labels.array), None
    if source is not None:
        try:
            source_labels = completed(source, spec.labels, mapping, mri, healthy=True)[0]
        except LabelError as error:
            raise LabelError(f"The source mask: {error.message}", error.hint) from error
        before = lesions_only(source_labels.array, spec.labels)
    labels = _closed(labels, before, edit_mask, spec.labels, notes)
    report.warnings.extend(astray(labels, source_labels, spec.labels))
    report.warnings.extend(filter(None, [doubt_image(mri)]))
    return CheckedEdit(
        mri=mri,
        labels=labels,
        report=report,
        before=before,
        has_source=source is not None,
        edit_mask=edit_mask,
        options=options,
        notes=tuple(notes),
    )


def _closed(
    labels: Volume, before: np.ndarray, edit_mask: Volume | None, scheme: LabelScheme, notes: list[str]
) -> Volume:
    """The labels with head where they are 0 in place of a lesion in `before` (z, y, x), or in a hole that the head
    encloses and the edit mask covers. The notes say how much that is."""
    lesion = (before != 0) & (labels.array == 0)
    hole = np.zeros_like(lesion) if edit_mask is None else _holes(labels.array != 0, edit_mask.array != 0) & ~lesion
    head = scheme.required[0]
    for where, place in ((lesion, "where the source mask has a lesion"), (hole, "in a hole under the edit mask")):
        if where.any():
            size = labels.geometry.in_ml(int(np.count_nonzero(where)))
            notes.append(f"The mask is 0 {place} ({size}): that is taken for {head}.")
            labels = replace(labels, array=np.where(where, np.uint8(scheme.values[head]), labels.array))
    return labels


def _holes(head: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where what is wanted lies outside a head, but is enclosed by it on all sides; all (z, y, x) bool."""
    import SimpleITK as sitk

    outside = wanted & ~head
    if not outside.any():
        return outside
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(head.astype(np.uint8)), False, 1)
    return outside & (sitk.GetArrayFromImage(filled) != 0)


def lesions_only(labels: np.ndarray, scheme: LabelScheme) -> np.ndarray:
    """The labels (z, y, x) with 0 where they are no lesion."""
    return np.where(where_labels(labels, scheme.lesion_values), labels, 0)


def _require_editable(spec: ModelSpec, mri: Volume, options: EditOptions) -> None:
    if mri.array.ndim != 3 or min(mri.array.shape) < 2:
        raise VolumeError(
            f"Only a single 3D image can be edited, not one of shape {mri.array.shape}.",
            "Save the channel to edit as a volume of its own.",
        )
    if mri.array.dtype.kind not in "iuf":
        raise VolumeError(f"An MRI of type {mri.array.dtype} cannot be edited.", "Save it as whole or real numbers.")
    if not np.isfinite(mri.array).all():
        raise VolumeError("The MRI holds NaN or infinite values.", "Save it again without them.")
    if len(spec.modalities) != 1 or spec.kind != "diffusion":
        makes = f"makes {len(spec.modalities)} images ({', '.join(spec.modalities)}) that belong together"
        why = f"is a {spec.kind} generator" if spec.kind != "diffusion" else makes
        raise MedDDPMError(
            f"The model {spec.name} cannot edit an image: it {why}.",
            "Choose a diffusion model that makes one image, such as the bundled one.",
        )
    allowed = (("margin", options.margin_mm, 0, 50), ("blending depth", options.blend_mm, 0, 50),
               ("mass effect", options.mass_effect, 0, 1), ("number of rounds", options.rounds, 1, 20))  # fmt: skip
    for name, value, low, high in allowed:
        if not low <= value <= high:
            raise MedDDPMError(f"The {name} must be from {low} to {high}, not {value:g}.")
