"""What the numbers of BraTS' segmentations mean: it depends on the year, and on the challenge.

Up to 2021 there are 1, 2 and 4 (Bakas et al., arXiv 1811.02629), in 2023 1, 2 and 3. In 2024 and later 4 is the
resection cavity (de Verdier et al., arXiv 2405.18368). BraTS-PEDs of 2024 numbers children's tumours otherwise
(Kazerooni et al., arXiv 2404.15009): 1 enhancing, 2 non-enhancing, 3 cystic, 4 oedema.
"""

from __future__ import annotations

import re

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.labels import LabelMapping, LabelScheme

_PARTS: dict[str, dict[str, tuple[int, ...]]] = {
    "2021": {"necrotic_core": (1,), "edema": (2,), "enhancing_tumor": (4,)},
    "2023": {"necrotic_core": (1,), "edema": (2,), "enhancing_tumor": (3,)},
    "2024": {"necrotic_core": (1,), "edema": (2,), "enhancing_tumor": (3,), "background": (4,)},
    "ped": {"necrotic_core": (2, 3), "edema": (4,), "enhancing_tumor": (1,)},
}
"""A resection cavity is no part of a tumour: it is left out."""
NUMBERINGS = tuple(_PARTS)
"""Up to 2021, 2023, from 2024 on, and children's."""


def brats_mapping(numbering: str, scheme: LabelScheme) -> LabelMapping:
    """The values that a numbering (of NUMBERINGS) uses for a scheme's labels; a scheme without parts of a tumour takes
    all of them, oedema too, as its lesion."""
    parts = _PARTS[numbering]
    if set(parts) - {"background"} <= set(scheme.values):
        return dict(parts)
    mapping: LabelMapping = {
        scheme.lesions[-1]: tuple(
            sorted(value for name, values in parts.items() if name != "background" for value in values)
        )
    }
    if "background" in parts:
        mapping["background"] = parts["background"]
    return mapping


def mapping_of(name: str, scheme: LabelScheme, numbering: str | None = None) -> LabelMapping | None:
    """The mapping of the numbering that is stated, or that a file's name tells; None where there is neither. Errors as
    of `numbering_of`."""
    numbering = numbering or numbering_of(name, scheme)
    return brats_mapping(numbering, scheme) if numbering else None


def numbering_of(name: str, scheme: LabelScheme) -> str | None:
    """The numbering that a file's name tells, as "BraTS20_Training_001_seg", "BraTS2023_1" or "BraTS-GLI-5-100-seg" do;
    None where it tells none. LabelError for children's files, whose numbering changed from 2023 to 2024, where the
    scheme has parts of a tumour. Names that tell of another mask, such as BraTS-GLI-1_head, tell none."""
    if re.search("head|mask|tumou?r|brain|synthetic", name, re.IGNORECASE):
        return None
    if re.search(r"brats[-_]?(20)?(1[2-9]|2[01])(?!\d)", name, re.IGNORECASE):
        return "2021"
    if re.search(r"brats[-_]ped", name, re.IGNORECASE):
        if "edema" in scheme.values:
            raise LabelError(
                f"{name} is of BraTS' children, whose labels are numbered otherwise from 2024 on.",
                "Say which with --brats-labels 2023 (1, 2, 3 as in adults) or ped (1 enhancing, 2 non-enhancing, "
                "3 cystic, 4 oedema).",
            )
        return "ped"
    if re.search(r"brats[-_]?(20)?23(?!\d)", name, re.IGNORECASE):
        return "2023"
    return "2024" if re.search(r"brats[-_](gli|met|men|ssa|goat)", name, re.IGNORECASE) else None
