"""Whether what a segmentation calls a head, or a brain, can be one: its size in mm, its volume, its shape.

A lesion mask, a skull-stripped brain, lost spacing, wrong units, swapped labels and boxes are refused with a question;
who knows better says so by naming the label's value (`mapping`), and is warned instead.
"""

from __future__ import annotations

import numpy as np

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.labels import LabelMapping, LabelReport, LabelScheme
from MedDDPMCore.volumes.volume import Volume, where_labels
from MedDDPMCore.volumes.voxels import corners

_SIZES = {"head": ((90.0, 330.0), (0.6, 9.0)), "brain": ((70.0, 220.0), (0.3, 2.3))}
"""Of newborns to the largest adults, neck included: the longest side (mm) and the volume (litres), from and to."""
_LARGEST_BRAIN = 1.75
"""Litres: a "head" of less that is nowhere cut by the image looks like a brain; a child's head may be as small."""
_CUT = 0.2
"""A side on which a body has this share of its largest section cuts it; the last slice of an ellipsoid has less."""
_BOX = 0.92
"""What fills this share of its bounding box is no head: an ellipsoid fills 0.52, and heads with neck 0.5 to 0.75."""
_FEW, _LOOKED_AT = 8, 200_000
"""An MRI has more values than that in as many of its voxels."""
_SOLID = 0.6
"""A mask of less than this share of the body it encloses is a shell, or full of holes."""


def examine(mask: Volume, scheme: LabelScheme, mapping: LabelMapping | None = None) -> tuple[Volume, LabelReport]:
    """A segmentation in the scheme's values, and its report, as of `LabelScheme.examine`; LabelError, too, where what
    it calls head or brain can be none. Where the mapping names that label, the user knows: it is a warning then."""
    array, report = scheme.examine(mask, mapping)
    own = Volume(array, mask.geometry)
    values = _values(mask, scheme, mapping)
    if (doubted := _swapped(report, scheme, values, own) or doubt(own, scheme, values)) is not None:
        message, hint = doubted
        if scheme.required[0] not in (mapping or {}):
            raise LabelError(message, hint)
        report.warnings.append(message)
    return own, report


def doubt(mask: Volume, scheme: LabelScheme, values: dict[str, str] | None = None) -> tuple[str, str] | None:
    """What is wrong with the head of a mask (z, y, x) in the scheme's values, and what to do; None where nothing is.

    values: by what values the file has the labels, for the words. Schemes of other kinds than head or brain pass.
    """
    body = scheme.required[0]
    if body not in _SIZES:
        return None
    values = values or {name: str(value) for name, value in scheme.values.items()}
    whole = where_labels(mask.array, scheme.head_values)
    spans = [np.flatnonzero(whole.any(axis=tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    box = whole[tuple(slice(span[0], span[-1] + 1) for span in spans)]
    sides = np.array(box.shape)[::-1] * mask.geometry.spacing
    litres = np.count_nonzero(whole) * litres_of_a_voxel(mask)
    measured = f"{' x '.join(f'{side:.0f}' for side in sides)} mm, {litres:.2g} litres"
    keep = f"If it is the {body} indeed, say so with --labels {body}={values.get(body, scheme.values[body])}."
    make = _make_head(body, values)
    (shortest, longest), (least, most) = _SIZES[body]
    if sides.max() < shortest or litres < least:
        lost = sides.max() * 10 > shortest and np.allclose(mask.geometry.spacing, 1)
        unit = "All voxels are 1 mm: was the spacing lost? " if lost else "Are the units right (cm for mm)? "
        return (
            f"What the mask calls {body} is too small for one: {measured}.",
            f"Is label {values.get(body, '1')} the tumour, or a part of one (BraTS)? Then {make} "
            f"Or is the {body} right and its size wrong? {unit}{keep}",
        )
    if sides.max() > longest or litres > most:
        other = "Is it a whole head? " if body == "brain" else "Is the background labelled as head? "
        return (
            f"What the mask calls {body} is too large for one: {measured}.",
            f"{other}Are the units right? Check its outline and spacing in 3D Slicer. {keep}",
        )
    if box.mean() > _BOX:
        return (
            f"What the mask calls {body} is a box ({measured}), not the shape of one.",
            f"Is the background labelled as {body}? Make one from the MRI with `medddpm head-mask MRI OUT`. {keep}",
        )
    if corners(whole).mean() > 0.5:
        return (
            f"What the mask calls {body} fills the corners of the image ({measured}), where no {body} is.",
            f"Is the background labelled as {body}, and the {body} as 0? {keep}",
        )
    if np.count_nonzero(box) < _SOLID * np.count_nonzero(_enclosed(box)):
        return (
            f"What the mask calls {body} is hollow: a shell, or full of holes ({measured}).",
            f"Is it the skin alone, or bone? Fill it, or make a {body} with `medddpm head-mask MRI OUT`. {keep}",
        )
    if body == "head" and litres < _LARGEST_BRAIN and not _is_cut(whole):
        return (
            f"What the mask calls head is as small as a brain: {measured}.",
            "Is it a brain mask, from a skull-stripped image? This model needs the whole head: make one from the MRI "
            f"before skull stripping with `medddpm head-mask MRI OUT`. {keep}",
        )
    return None


def _is_cut(whole: np.ndarray) -> bool:
    """Whether a body (z, y, x) goes on beyond a side of the image, as a neck does; to touch one is not enough."""
    for axis in range(3):
        areas = np.count_nonzero(whole, axis=tuple(other for other in range(3) if other != axis))
        if max(areas[0], areas[-1]) > _CUT * areas.max():
            return True
    return False


def _swapped(report: LabelReport, scheme: LabelScheme, values: dict[str, str], mask: Volume) -> tuple[str, str] | None:
    """The doubt where lesions are as large as a head, and larger than the head."""
    body = scheme.required[0]
    litre = litres_of_a_voxel(mask)
    rest = report.present[body] * litre
    lesions = {name: report.present[name] * litre for name in scheme.lesions if name in report.present}
    if body not in _SIZES or sum(lesions.values()) < max(rest, _SIZES[body][1][0]):
        return None
    largest = max(lesions, key=lambda name: lesions[name])
    return (
        f"What the mask calls {largest.replace('_', ' ')} ({lesions[largest]:.2g} litres) is larger than what it calls "
        f"{body} ({rest:.2g} litres).",
        f"Is label {values[body]} the tumour, and {values[largest]} the {body}? Then say so with --labels "
        f"{body}={values[largest]},{largest}={values[body]}; if they are right, with --labels "
        f"{body}={values[body]},{largest}={values[largest]}.",
    )


def _make_head(body: str, values: dict[str, str]) -> str:
    if body == "head":
        every = "+".join(values.values())
        command = f"`medddpm head-mask MRI NEW_MASK --tumor MASK --tumor-labels {every}`"
        return f"let the head be made from the patient's MRI: give it with --mri MRI, or take the mask of {command}."
    return (
        "give the skull-stripped MRI with --mri MRI, and the brain is made from it. In BraTS up to 2021 4 is the "
        "enhancing tumour, from 2024 on the resection cavity: say which with --brats-labels 2021 or 2024."
    )


def _values(mask: Volume, scheme: LabelScheme, mapping: LabelMapping | None) -> dict[str, str]:
    """By what values ("1", "2+3") the file has the labels that it holds."""
    candidates: dict[str, list[str]] = {}
    for value, name in sorted(scheme.meaning_of(mask, mapping).items()):
        if name in scheme.values and (mask.array == value).any():
            candidates.setdefault(name, []).append(str(value))
    return {name: "+".join(values) for name, values in candidates.items()}


def doubt_image(image: Volume) -> str:
    """A warning where an image (z, y, x) looks like a label map: a few whole numbers; "" where it does not."""
    some = image.array.ravel()[:: max(1, image.array.size // _LOOKED_AT)]
    values = np.unique(some)
    if len(values) > _FEW or (values != np.rint(values)).any():
        return ""
    return f"The image holds {len(values)} values alone, as a label map does: is it the MRI?"


def litres_of_a_voxel(mask: Volume) -> float:
    """The volume of one voxel, however its axes run."""
    return abs(float(np.linalg.det(mask.geometry.affine_lps[:3, :3]))) / 1e6


def _enclosed(box: np.ndarray) -> np.ndarray:
    """Where a mask (z, y, x) has itself on both sides along two of the three axes."""
    between = np.zeros(box.shape, np.uint8)
    for axis in range(3):
        before = np.logical_or.accumulate(box, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(box, axis), axis), axis)
        between += before & after
    return between >= 2
