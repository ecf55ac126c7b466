"""A patient's labels, whole: what has lesions alone gets the head that is seen in the patient's MRI."""

from __future__ import annotations

import numpy as np

from MedDDPMCore.anatomy.head import head_with_lesions
from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.labels import LabelMapping, LabelReport, LabelScheme
from MedDDPMCore.volumes.names import is_generic
from MedDDPMCore.volumes.plausible import examine, litres_of_a_voxel
from MedDDPMCore.volumes.volume import Volume, count_labels

MOST_LITRES = 0.5
"""What is larger is no lesion, but a brain or a head. The largest gliomas of adults, oedema included, have 0.35."""
_PARTS = {1, 2, 3}
"""Numbers that, without names, may be those of a tumour's parts; what 4 is depends on the year (see `brats`)."""
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
    found = [int(value) for value in count_labels(mask.array)[0] if value]
    names = mask.label_names or {}
    if mapping is None and all(is_generic(names.get(value, "")) for value in found):
        meant = _of_numbers(found, scheme)
    else:
        meaning = {**scheme.meaning_of(mask, mapping), 0: "background"}
        left_out = _LEFT_OUT if "brain" in scheme.required else 0
        meant = {value: {**scheme.values, "background": left_out}.get(meaning.get(value, "")) for value in found}
    required = {scheme.values[name] for name in scheme.required}
    array = np.zeros(mask.array.shape, np.uint8)
    for value, label in meant.items():
        if label is None or label in required:
            return None
        array[mask.array == value] = label
    return Volume(array, mask.geometry)


def _of_numbers(found: list[int], scheme: LabelScheme) -> dict[int, int | None]:
    """What numbers without names mean in the scheme; None: it is not told."""
    own = {scheme.values[name] for name in scheme.lesions}
    if len(own) > 1:
        return {value: value if value in own else None for value in found}
    [lesion] = own
    return {value: lesion if len(found) == 1 or set(found) <= _PARTS else None for value in found}
