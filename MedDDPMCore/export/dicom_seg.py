"""The mask of a synthetic image as a DICOM Segmentation of its MR series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import LabelError, VolumeError
from ..version import __version__
from ..volumes.labels import BRATS, WHOLE_HEAD, LabelMapping
from ..volumes.names import is_generic, label_of
from ..volumes.plausible import doubt
from ..volumes.volume import Geometry, Volume, resample_labels
from .record import Record

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.dataset import Dataset

_ANATOMY, _ALTERED = ("123037004", "Anatomical Structure"), ("49755003", "Morphologically Altered Structure")
_BRAIN = ("12738006", "Brain")
_TYPES = {
    "head": (_ANATOMY, ("69536005", "Head"), None, (177, 122, 101)),
    "brain": (_ANATOMY, _BRAIN, None, (250, 250, 225)),
    "tumor": (_ALTERED, ("4147007", "Mass"), _BRAIN, (144, 238, 144)),
    "enhancing_tumor": (_ALTERED, ("4147007", "Mass"), _BRAIN, (144, 238, 144)),
    "edema": (_ALTERED, ("79654002", "Edema"), _BRAIN, (140, 224, 228)),
    "necrotic_core": (_ALTERED, ("6574001", "Necrosis"), _BRAIN, (216, 191, 216)),
}
_OTHER = (("85756007", "Tissue"), ("85756007", "Tissue"), None, (200, 200, 120))


def segmentation(
    mask: Volume,
    mapping: LabelMapping | None,
    slices: list[Dataset],
    geometry: Geometry,
    record: Record,
    series_number: int,
    keep_names: bool = False,
) -> tuple[Segmentation, list[str]]:
    """A binary highdicom Segmentation of MR slices (pydicom Datasets), and notes for the user.

    mask: labels (z, y, x) in the slices' world; on another grid they are resampled to the slices' geometry. A segment
    a label, called by `mapping`, what the segments' own names mean, or the scheme that knows the values. keep_names:
    the segments' own names are stored as they are; else they are not, as they may say whose mask it is. LabelError for
    a mask without labels in the image's field of view.
    """
    import highdicom
    from pydicom.uid import generate_uid

    labels, notes = _on_grid(mask, geometry)
    names = label_names(labels, mapping, keep_names)
    unclear = [name for value, name in (labels.label_names or {}).items() if names.get(value) == f"Label {value}"]
    if unclear:
        notes.append(
            f"What the mask calls {', '.join(map(repr, unclear))} is stored as a label with a number, as names that "
            "mean none of the labels may say whose mask it is. Say what it is with --labels."
        )
    if not names:
        raise LabelError("The mask holds no label where the image lies.", "Give the mask that the image was made from.")
    numbered = np.zeros(labels.array.shape, np.uint8)
    for number, value in enumerate(names, start=1):
        numbered[labels.array == value] = number
    seg = highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=numbered,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(number, name) for number, name in enumerate(names.values(), start=1)],
        series_instance_uid=generate_uid(prefix=None),
        series_number=series_number,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=slices[0].Manufacturer,
        manufacturer_model_name=slices[0].ManufacturerModelName,
        software_versions=slices[0].SoftwareVersions,
        device_serial_number=slices[0].DeviceSerialNumber,
        content_description=f"Mask of a {record.title}"[:64],
        content_label="SYNTHETIC_MASK",
        contributing_equipment=list(slices[0].ContributingEquipmentSequence),
    )
    seg.SeriesDescription = f"Mask of {record.title}"[:64]
    seg.SyntheticData = "YES"
    return seg, notes


def label_names(labels: Volume, mapping: LabelMapping | None, keep_names: bool = False) -> dict[int, str]:
    """The label values that a mask holds, and what each is called, lowest value first; values mapped to "background"
    are left out. keep_names: names that the file gives are taken as they are, and not for what they mean alone.
    LabelError where nothing but the numbers tells what they are, and what they call head or brain can be none."""
    own = labels.label_names or {}
    given = {
        value: name if keep_names else (label_of(name, _TYPES) or f"Label {value}")
        for value, name in own.items()
        if not is_generic(name)
    }
    for name, values in (mapping or {}).items():
        given |= dict.fromkeys((values,) if isinstance(values, int) else values, name)
    present = [int(value) for value in np.unique(labels.array) if value]
    if any(value < 0 for value in present):
        raise LabelError("The mask holds negative labels.", "Is it an image?")
    scheme = next((s for s in (WHOLE_HEAD, BRATS) if set(present) <= set(s.values.values())), None)
    told_by_numbers = scheme and not given and scheme.values[scheme.required[0]] in present
    if scheme and told_by_numbers and (doubted := doubt(labels, scheme)) is not None:
        raise LabelError(*doubted)
    known = {value: name for name, value in scheme.values.items()} if scheme else {}
    names = {value: given.get(value) or known.get(value) or f"Label {value}" for value in present}
    return {value: name for value, name in names.items() if name != "background"}


def _on_grid(mask: Volume, geometry: Geometry) -> tuple[Volume, list[str]]:
    inside = geometry.to_index(mask.geometry.centre)
    if (inside < -0.5).any() or (inside > np.array(geometry.size) - 0.5).any():
        raise VolumeError(
            "The mask lies elsewhere than the image: its middle is outside it.", "Give the mask it was made from."
        )
    same = mask.geometry.turned_to(geometry.direction).matches(geometry)
    notes = [] if same else ["The mask is on another grid; it was resampled to the image's voxels."]
    return resample_labels(mask, geometry), notes


def _describe(number: int, name: str) -> SegmentDescription:
    import highdicom
    from highdicom.sr import CodedConcept

    def concept(code: tuple[str, str]) -> CodedConcept:
        return CodedConcept(code[0], "SCT", code[1])

    category, kind, region, colour = _TYPES.get(name.lower().replace(" ", "_"), _OTHER)
    family = CodedConcept("123110", "DCM", "Artificial Intelligence")
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=concept(category),
        segmented_property_type=concept(kind),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence("MedDDPM mask", family, __version__),
        tracking_uid=highdicom.UID(),
        tracking_id=f"mask {number}",
        anatomic_regions=[concept(region)] if region else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*colour),
    )
