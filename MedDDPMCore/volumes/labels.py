"""Label values <-> names <-> condition channels, and what a segmentation must hold before a model sees it.

Stated behaviour of `LabelScheme.validate`:
- nothing painted, no head, unknown values: LabelError that says what to do.
- no lesion: allowed (a healthy head), with a note.
- a lesion outside the head: LabelError if all of it is; a warning if part is, and `apply` leaves that part out. Outside
  means farther than 5 mm from the head's outline; the hole that a lesion leaves in the head is inside.
- a head cut by the image border on any side but the neck's: a warning that names the sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from MedDDPMCore.base.errors import LabelError, ModelError
from MedDDPMCore.base.typed_json import from_json, to_json, within
from MedDDPMCore.volumes.names import is_generic, label_of, snake
from MedDDPMCore.volumes.segments import GRADED_HINT, is_graded
from MedDDPMCore.volumes.volume import Geometry, Volume, count_labels, reorient, where_labels

LabelMapping = dict[str, int | tuple[int, ...]]
"""Label name -> the value, or values, that a segmentation uses for it. "background" names values to leave out."""

BULGE_MM = 5.0
"""How far a lesion may bulge beyond the outline of the head."""
_CUT = 0.05
"""A side is cut if the head there fills this share of the area of the fullest slice."""


@dataclass(frozen=True)
class LabelReport:
    """What a segmentation holds, in a scheme's names.

    present: voxels of each label. missing: labels without a voxel. unknown: voxels of each value the scheme does not
    know (non-empty only in an error's report). warnings: what will differ from what was painted. notes: good to know.
    """

    present: dict[str, int]
    missing: tuple[str, ...]
    unknown: dict[int, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LabelScheme:
    """The labels a model understands.

    values: label name -> value (0 is background). channels: the labels that get a condition channel, in order; a
    channel is `high` in its label and `low` elsewhere. head: the labels that together make up the head. required: the
    labels without which there is no image to make; lesions must lie inside these.
    """

    name: str
    values: dict[str, Annotated[int, within(1, 255)]]
    channels: tuple[str, ...]
    low: float
    high: float
    head: tuple[str, ...]
    required: tuple[str, ...]

    def __post_init__(self) -> None:
        for key in ("channels", "head", "required"):
            names = tuple(getattr(self, key))
            object.__setattr__(self, key, names)
            if not names or not set(names) <= set(self.values):
                raise ModelError(f"The label scheme's {key} {names} must be among its labels {tuple(self.values)}.")
        if 0 in self.values.values() or len(set(self.values.values())) != len(self.values):
            raise ModelError(f"The label scheme's values must differ, and from 0: {self.values}.")

    @property
    def head_values(self) -> tuple[int, ...]:
        """The values that make up the head."""
        return tuple(self.values[name] for name in self.head)

    @property
    def lesions(self) -> tuple[str, ...]:
        """The labels that are not required: tumours and their parts."""
        return tuple(name for name in self.values if name not in self.required)

    @property
    def lesion_values(self) -> tuple[int, ...]:
        """The values of lesions."""
        return tuple(self.values[name] for name in self.lesions)

    @property
    def lesion_channels(self) -> list[int]:
        """Which condition channels, from 0, are lesions'."""
        return [self.channels.index(name) for name in self.lesions]

    def to_dict(self) -> dict:
        """As plain data for model.json."""
        return to_json(self)

    @classmethod
    def from_dict(cls, data: dict) -> LabelScheme:
        """From what `to_dict` gave; ModelError names the entry that is wrong."""
        return from_json(cls, data, "The label scheme", ModelError)

    def validate(self, labels: np.ndarray | Volume, mapping: LabelMapping | None = None) -> LabelReport:
        """Check a segmentation (z, y, x) in its own values; raises LabelError where no image can be made of it.

        mapping: which values the segmentation uses; without it, segment names (`Volume.label_names`) are used as
        `names.label_of` understands them, and the scheme's own values where no segment has a name that tells
        something else. A bare array is taken to run along RAS, 1 mm.
        """
        return self.examine(labels, mapping)[1]

    def apply(self, labels: np.ndarray | Volume, mapping: LabelMapping | None = None) -> np.ndarray:
        """The segmentation (z, y, x) in this scheme's values, uint8, validated, less lesion parts outside the head."""
        return self.examine(labels, mapping)[0]

    def to_condition(self, labels: np.ndarray) -> np.ndarray:
        """Labels (z, y, x) in this scheme's values to channels (channel, z, y, x), float32, `low` or `high`."""
        condition = np.full((len(self.channels), *labels.shape), self.low, np.float32)
        for channel, name in zip(condition, self.channels, strict=True):
            channel[labels == self.values[name]] = self.high
        return condition

    def examine(
        self, labels: np.ndarray | Volume, mapping: LabelMapping | None = None
    ) -> tuple[np.ndarray, LabelReport]:
        """What `apply` and `validate` give, at the cost of one."""
        array = labels.array if isinstance(labels, Volume) else labels
        names = (labels.label_names if isinstance(labels, Volume) else None) or {}
        if array.ndim != 3:
            raise LabelError(f"A segmentation has three dimensions, this has the shape {array.shape}.")
        if array.dtype.kind not in "biu":
            if not np.isfinite(array).all() or (array != np.rint(array)).any():
                raise LabelError("The segmentation holds values that are not whole numbers.", "Is it an image?")
            array = array.astype(np.int64)
        values, counts = count_labels(array)
        sizes = dict(zip(values.tolist(), counts.tolist(), strict=True))
        sizes.pop(0, None)
        if not sizes:
            raise LabelError("The segmentation is empty: every voxel is background (0).", self._how_to_start())
        meaning = self._meaning(names, mapping)
        unknown = {value: count for value, count in sizes.items() if value not in meaning}
        if unknown:
            volume = labels if isinstance(labels, Volume) else _in_ras(array)
            message, hint = self._unknown_text(unknown, names, volume.geometry)
            raise LabelError(message, GRADED_HINT if not names and is_graded(array) else hint)
        scheme_values = {**self.values, "background": 0}
        mapped = np.zeros(array.shape, np.uint8)
        present = dict.fromkeys(self.values, 0)
        for value, count in sizes.items():
            name = meaning[value]
            if name != "background":
                mapped[array == value] = scheme_values[name]
                present[name] += count
        missing = tuple(name for name, count in present.items() if count == 0)
        self._check_required(present, mapping)
        report = LabelReport({name: count for name, count in present.items() if count}, missing)
        volume = Volume(mapped, labels.geometry) if isinstance(labels, Volume) else _in_ras(mapped)
        self._clip_lesions(volume, report)
        report.warnings.extend(self._cut_sides(volume))
        if not any(name in report.present for name in self.lesions):
            report.notes.append("No lesion is painted: none will be made.")
        return mapped, report

    def meaning_of(self, mask: Volume, mapping: LabelMapping | None = None) -> dict[int, str]:
        """Value in a segmentation -> what it is taken for: a label, or "background". LabelError for a bad mapping."""
        return self._meaning(mask.label_names or {}, mapping)

    def _meaning(self, names: dict[int, str], mapping: LabelMapping | None) -> dict[int, str]:
        """Value in the segmentation -> label name. Labels that a mapping leaves out keep their values if free."""
        mapped: dict[str, tuple[int, ...]] = {}
        if mapping is None:
            for value, name in names.items():
                if known := label_of(name, self.values):
                    mapped[known] = (*mapped.get(known, ()), value)
        for name, chosen in (mapping or {}).items():
            known = label_of(name, self.values)
            if known is None:
                raise LabelError(f"There is no label {name!r} in {self.name}.", f"Its labels are {self._listing()}.")
            mapped[known] = (*mapped.get(known, ()), *_as_tuple(chosen))
        meaning: dict[int, str] = {}
        for name, values in mapped.items():
            for value in values:
                if value == 0:
                    raise LabelError(f"{name} cannot be value 0, which is background.")
                if meaning.setdefault(value, name) != name:
                    raise LabelError(f"Value {value} is mapped to both {meaning[value]} and {name}.")
        for name, value in self.values.items():
            if name not in mapped and is_generic(names.get(value, "")):
                meaning.setdefault(value, name)
        return meaning

    def _check_required(self, present: dict[str, int], mapping: LabelMapping | None) -> None:
        for name in self.required:
            if not present[name]:
                raise LabelError(f"The segmentation has no {name} label.", self._how_to_start())
        tumor = sum(present[name] for name in ("necrotic_core", "edema") if name in present)
        unmapped = mapping is None and present.get("enhancing_tumor") == 0
        if unmapped and 0 < present["brain"] < 2 * tumor:
            raise LabelError(
                f"Value {self.values['brain']} should be the brain, but covers less than twice what the tumour does.",
                "In BraTS' own files the brain is not labelled, and 4 is the enhancing tumour up to 2021, the "
                "resection cavity from 2024 on: say which with --brats-labels 2021 or 2024, and give the "
                "skull-stripped MRI, from which the brain is made, with --mri MRI. If 4 is the brain indeed, pass "
                "--labels brain=4.",
            )

    def _how_to_start(self) -> str:
        name, others = self.required[0], ", ".join(f"{name}=…" for name in self.values)
        skull = " (for a brain, from a skull-stripped MRI)" if name == "brain" else ""
        return (
            f"Give an MRI of the patient with --mri MRI{skull}, or make a {name} label from it with `medddpm head-mask "
            f"MRI OUT`; or, if it is there under another value, say so with --labels {others}."
        )

    def _listing(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items())

    def _unknown_text(self, unknown: dict[int, int], names: dict[int, str], geometry: Geometry) -> tuple[str, str]:
        listed = [
            f"{value}{f' {names[value]!r}' if value in names else ''} ({geometry.in_ml(count)})"
            for value, count in sorted(unknown.items())[:10]
        ]
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        example = next(iter(unknown))
        name = self.lesions[-1] if self.lesions else self.required[0]
        parts = (
            " Are these the parts of a tumour, as BraTS numbers them? Then say of which year, as what 4 is depends on "
            "it, with --brats-labels 2021, 2023, 2024 or ped, and give the MRI, from which the head is made, with "
            "--mri MRI."
        )
        alone = " Is it the tumour alone? Then give the patient's MRI, from which the head is made, with --mri MRI."
        more_hint = parts if set(unknown) <= {3, 4} else alone if len(unknown) == 1 else ""
        more_hint = more_hint if self.required == ("head",) and not names else ""
        return (
            f"The segmentation holds labels that {self.name} does not know: {', '.join(listed)}{more}.",
            f"Say what they are: --labels {name}={example} where {example} is {name} (several values: =2+3), or "
            f"background={example} to leave it out. Known are {self._listing()}." + more_hint,
        )

    def _clip_lesions(self, volume: Volume, report: LabelReport) -> None:
        """Set lesion voxels outside the head to 0, with a warning; LabelError if none is inside."""
        lesion = where_labels(volume.array, self.lesion_values)
        total = int(lesion.sum())
        if not total:
            return
        body = where_labels(volume.array, (self.values[name] for name in self.required))
        outside = lesion & ~_enclosed(body, lesion, volume.geometry.spacing)
        count = int(outside.sum())
        size, left_out = (volume.geometry.in_ml(voxels) for voxels in (total, count))
        if count == total:
            raise LabelError(
                f"The lesion ({size}) lies outside the {self.required[0]}: none of it is within.",
                "Were the two painted on images that are not registered? Check them together in 3D Slicer.",
            )
        if count:
            volume.array[outside] = 0
            report.warnings.append(
                f"{max(1, round(100 * count / total))} % of the lesion ({left_out} of {size}) lies outside the "
                f"{self.required[0]} and is left out."
            )

    def _cut_sides(self, volume: Volume) -> list[str]:
        """A warning if the head is cut by the image border anywhere but at the neck."""
        head = where_labels(reorient(Volume(volume.array, volume.geometry), "RAS").array, self.head_values)
        cut = []
        for axis, (low, high) in ((2, ("left", "right")), (1, ("back", "front")), (0, ("", "top"))):
            areas = np.count_nonzero(head, axis=tuple(other for other in range(3) if other != axis))
            cut += [side for side, area in ((low, areas[0]), (high, areas[-1])) if side and area > _CUT * areas.max()]
        if not cut:
            return []
        return [
            f"The head is cut by the border of the image at the {' and '.join(cut)}: "
            "the image made will end there too, and may look unnatural."
        ]


def parse_label_mapping(text: str) -> LabelMapping:
    """ "head=1,tumor=2+3" to {"head": 1, "tumor": (2, 3)}. Raises LabelError."""
    mapping: LabelMapping = {}
    for part in text.split(","):
        name, equals, values = (piece.strip() for piece in part.partition("="))
        try:
            numbers = tuple(int(value) for value in values.split("+"))
        except ValueError:
            numbers = ()
        if not (name and equals and numbers):
            raise LabelError(f"{part.strip()!r} is not NAME=VALUE.", "Write labels as head=1,tumor=2 or tumor=2+3.")
        if snake(name) in mapping:
            raise LabelError(f"The label {name!r} is given twice.", "Several values of one label: tumor=2+3.")
        mapping[snake(name)] = numbers[0] if len(numbers) == 1 else numbers
    return mapping


def _as_tuple(values: int | Iterable[int]) -> tuple[int, ...]:
    return (values,) if isinstance(values, int) else tuple(values)


def _in_ras(array: np.ndarray) -> Volume:
    return Volume(array, Geometry.from_affine_ras(np.eye(4), array.shape))


def _enclosed(body: np.ndarray, lesion: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Where, near the lesion, a body (z, y, x) has itself on both sides along two of the three axes, or within 5 mm of
    there: inside its outline, even where a lesion has hollowed it out. False away from the lesion."""
    reach = [max(1, int(BULGE_MM / step)) for step in spacing[::-1]]
    box = []
    for axis, margin in enumerate(reach):
        used = np.flatnonzero(lesion.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(max(0, int(used[0]) - margin), int(used[-1]) + margin + 1))
    between = np.zeros([len(range(*side.indices(n))) for side, n in zip(box, body.shape, strict=True)], np.uint8)
    for axis in range(3):
        lines = body[tuple(slice(None) if other == axis else side for other, side in enumerate(box))]
        before = np.logical_or.accumulate(lines, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(lines, axis), axis), axis)
        between += (before & after)[tuple(side if other == axis else slice(None) for other, side in enumerate(box))]
    inside = (between >= 2) | body[tuple(box)]
    for axis, margin in enumerate(reach):
        grown = inside.copy()
        for shift in range(1, margin + 1):
            ahead = tuple(slice(shift, None) if other == axis else slice(None) for other in range(3))
            behind = tuple(slice(None, -shift) if other == axis else slice(None) for other in range(3))
            grown[ahead] |= inside[behind]
            grown[behind] |= inside[ahead]
        inside = grown
    result = np.zeros(body.shape, bool)
    result[tuple(box)] = inside
    return result


WHOLE_HEAD = LabelScheme(
    name="whole-head",
    values={"head": 1, "tumor": 2},
    channels=("head", "tumor"),
    low=-1.0,
    high=1.0,
    head=("head", "tumor"),
    required=("head",),
)
"""Med-DDPM's whole-head masks: a tumour voxel is not also head."""

BRATS = LabelScheme(
    name="brats",
    values={"necrotic_core": 1, "edema": 2, "enhancing_tumor": 3, "brain": 4},
    channels=("necrotic_core", "edema", "enhancing_tumor", "brain"),
    low=0.0,
    high=1.0,
    head=("necrotic_core", "edema", "enhancing_tumor", "brain"),
    required=("brain",),
)
"""Med-DDPM's four-modality masks of skull-stripped brains; BraTS' own 4, enhancing tumour, is 3 here."""
