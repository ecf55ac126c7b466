"""A patient's labels, whole: what has lesions alone gets the head that is seen in the patient's MRI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from MedDDPMCore.anatomy.head import head_with_lesions
from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.labels import LabelMapping, LabelReport, LabelScheme
from MedDDPMCore.volumes.names import is_generic, label_of
from MedDDPMCore.volumes.plausible import examine, litres_of_a_voxel
from MedDDPMCore.volumes.segments import GRADED_HINT, is_graded
from MedDDPMCore.volumes.volume import Volume, count_labels, where_labels

MOST_LITRES = 0.5
"""What is larger is no lesion, but a brain or a head. The largest gliomas of adults, oedema included, have 0.35."""
_PARTS, _UNCLEAR = {1, 2, 3}, 4
"""Numbers that, without names, may be those of a tumour's parts; what 4 is depends on the year (see `brats`)."""
_NAME_VALUES = "Keep the tumour alone in it, or name its values (head-mask: --tumor-labels 1+4)."
_LEFT_OUT = 255
"""What is said to be background inside a brain, as a resection cavity: a scheme of the brain does not label it."""


def completed(
    mask: Volume,
    scheme: LabelScheme,
    mapping: LabelMapping | None = None,
    mri: Volume | None = None,
    healthy: bool = False,
) -> tuple[Volume, LabelReport]:
    """A segmentation in the scheme's values, and its report, as of `plausible.examine`.

    mri: the patient's, (z, y, x). Where the mask has no head, or what it calls so can be none, and has lesions alone,
    the result is on the MRI's voxels: its lesions in the head (or brain) that is seen there. What lesions they are is
    told by the mapping, or by names; numbers without names are the scheme's lesions, or, where that has only one, all
    of them it. healthy: an empty mask is a head without lesions.
    LabelError as of `examine` where there is no MRI, or what is there is no lesion; VolumeError where the mask does not
    lie on the MRI, or no head is seen in it.
    """
    try:
        return examine(mask, scheme, mapping)
    except LabelError:
        lesions = None if mri is None else _lesions(mask, scheme, mapping)
        if lesions is None or mri is None or not (healthy or lesions.array.any()):
            raise
        if np.count_nonzero(lesions.array % _LEFT_OUT) * litres_of_a_voxel(lesions) > MOST_LITRES:
            raise
        made, note = head_with_lesions(mri, lesions, scheme.values[scheme.required[0]])
        made.array[made.array == _LEFT_OUT] = 0
    try:
        own, report = examine(made, scheme)
    except LabelError as error:
        raise LabelError(
            f"The head made from the MRI is none: {error.message}",
            "Is it the right MRI, of the whole head? Else make the head with `medddpm head-mask MRI OUT --tumor MASK`, "
            "mend it in 3D Slicer, and name its labels: --labels head=1,tumor=2.",
        ) from error
    report.notes[:0] = filter(None, [f"The mask has no {scheme.required[0]}: it was made from the MRI.", note])
    return own, report


def _lesions(mask: Volume, scheme: LabelScheme, mapping: LabelMapping | None) -> Volume | None:
    """The mask (z, y, x) uint8 with its lesions in the scheme's values, and _LEFT_OUT where it tells that no brain is;
    None where it holds other things, or what they are is not told."""
    if mask.array.ndim != 3 or mask.array.dtype.kind not in "biu":
        return None
    values = [int(value) for value in count_labels(mask.array)[0] if value]
    names = mask.label_names or {}
    if mapping is None and all(is_generic(names.get(value, "")) for value in values):
        meant = _of_numbers(values, scheme)
    else:
        meaning = {**scheme.meaning_of(mask, mapping), 0: "background"}
        left_out = _LEFT_OUT if "brain" in scheme.required else 0
        meant = {value: {**scheme.values, "background": left_out}.get(meaning.get(value, "")) for value in values}
    required = {scheme.values[name] for name in scheme.required}
    array = np.zeros(mask.array.shape, np.uint8)
    for value, label in meant.items():
        if label is None or label in required:
            return None
        array[mask.array == value] = label
    return Volume(array, mask.geometry)


def _of_numbers(values: list[int], scheme: LabelScheme) -> dict[int, int | None]:
    """What numbers without names mean in the scheme; None: it is not told."""
    own = set(scheme.lesion_values)
    if len(own) > 1:
        return {value: value if value in own else None for value in values}
    [lesion] = own
    is_told = (len(values) == 1 and values != [_UNCLEAR]) or set(values) <= _PARTS
    return {value: lesion if is_told else None for value in values}


def head_with_tumor(mri: Volume, tumor: Volume, values: int | Sequence[int] = ()) -> tuple[Volume, str]:
    """Labels (z, y, x) uint8 on the MRI's geometry, 1 the head seen in it, 2 the tumour; and what was done about
    geometries that differ, "" where they agree. Errors as of `tumor_in` and `head_with_lesions`."""
    marked = tumor_in(tumor, values)
    labels, note = head_with_lesions(mri, replace(marked, array=marked.array * np.uint8(2)))
    return replace(labels, label_names={1: "head", 2: "tumor"}), note


def tumor_in(mask: Volume, values: int | Sequence[int] = ()) -> Volume:
    """Where the tumour is in a mask (z, y, x) of one: 0 and 1, uint8.

    values: of the tumour; none: the segments that are called so, or where none has a name, whatever is not 0.
    LabelError where that is nothing, or is not told: by names that mean something else, values of which one may be a
    resection cavity, the steps of a probability map, or a volume that no tumour has.
    """
    present = [int(value) for value in count_labels(mask.array)[0] if value]
    values = [values] if isinstance(values, int) else list(values) or _called_tumor(mask, present)
    marked = Volume(where_labels(mask.array, values).astype(np.uint8), mask.geometry)
    litres = np.count_nonzero(marked.array) * litres_of_a_voxel(marked)
    if not litres:
        raise LabelError(
            f"The tumour mask holds no voxel of {', '.join(map(str, values)) or 'a value above 0'}.", _NAME_VALUES
        )
    if litres > MOST_LITRES:
        raise LabelError(
            f"What the tumour mask marks is too large for a tumour: {litres:.2g} litres.",
            f"Is it a head or a brain, or does it hold one beside the tumour? {_NAME_VALUES}",
        )
    return marked


def _called_tumor(mask: Volume, present: list[int]) -> list[int]:
    """The values of a mask that are its tumour's, by names, or without any all."""
    names = {value: name for value, name in (mask.label_names or {}).items() if value in present}
    if all(map(is_generic, names.values())):
        if is_graded(mask.array):
            raise LabelError("The tumour mask is no segmentation.", GRADED_HINT)
        if _UNCLEAR in present and set(present) <= {*_PARTS, _UNCLEAR}:
            raise LabelError(
                f"The tumour mask holds {', '.join(map(str, present))}: in BraTS 4 is the enhancing tumour up to 2021, "
                "the resection cavity from 2024 on.",
                f"Say which with --brats-labels 2021, 2024 or ped. {_NAME_VALUES}",
            )
        return [value for value in present if value > 0]
    meant = {value: label_of(names.get(value, ""), ("head", "brain", "tumor")) for value in present}
    if unclear := [f"{value} {names.get(value, '')!r}" for value in present if meant[value] is None]:
        raise LabelError(
            f"The tumour mask holds segments that are not known to be a tumour: {', '.join(unclear)}.", _NAME_VALUES
        )
    return [value for value in present if meant[value] == "tumor"]
