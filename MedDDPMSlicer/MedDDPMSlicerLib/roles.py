"""What a model's labels mean as segments: terminology, colours, ranks. Plain data; names are the core's matter."""

from __future__ import annotations

from dataclasses import dataclass, replace

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"
_ANATOMY = "SCT^123037004^Anatomical Structure"
_ALTERED = "SCT^49755003^Morphologically Altered Structure"
_IN_BRAIN = "SCT^12738006^Brain"


@dataclass(frozen=True, kw_only=True)
class Role:
    """One label of a model, seen as a segment.

    label: the model's name of the label. value: its value in the mask.
    codes: terminology type codes (SNOMED CT) that mean this label.
    rank: where segments overlap, the higher rank wins; rank 0 (head, brain) is what a model cannot do without.
    """

    label: str
    value: int = 0
    title: str
    terminology: str
    color: tuple[float, float, float]
    fill_opacity: float = 0.5
    surface_opacity: float = 1.0
    codes: frozenset[str] = frozenset()
    rank: int

    @property
    def several(self) -> bool:
        """Whether more than one segment may play the role."""
        return self.rank > 0


WHOLE_HEAD = {"head": 1, "tumor": 2}
"""The labels of the bundled models and sample heads."""


def _entry(category: str, kind: str, region: str = "^^") -> str:
    return f"{_CONTEXT}~{category}~{kind}~^^~{_REGIONS}~{region}~^^"


def _rgb(red: int, green: int, blue: int) -> tuple[float, float, float]:
    return red / 255, green / 255, blue / 255


_TUMOR_CODES = frozenset({"4147007", "86049000", "14799000", "108369006"})
_KNOWN = {
    role.label: role
    for role in (
        Role(
            label="head",
            title="Head",
            terminology=_entry(_ANATOMY, "SCT^69536005^Head"),
            color=_rgb(177, 122, 101),
            fill_opacity=0.15,
            surface_opacity=0.3,
            codes=frozenset({"69536005"}),
            rank=0,
        ),
        Role(
            label="brain",
            title="Brain",
            terminology=_entry(_ANATOMY, "SCT^12738006^Brain"),
            color=_rgb(250, 250, 225),
            fill_opacity=0.15,
            surface_opacity=0.3,
            codes=frozenset({"12738006"}),
            rank=0,
        ),
        Role(
            label="edema",
            title="Edema",
            terminology=_entry(_ALTERED, "SCT^79654002^Edema", _IN_BRAIN),
            color=_rgb(140, 224, 228),
            fill_opacity=0.4,
            surface_opacity=0.6,
            codes=frozenset({"79654002"}),
            rank=1,
        ),
        Role(
            label="necrotic_core",
            title="Necrotic core",
            terminology=_entry(_ALTERED, "SCT^6574001^Necrosis", _IN_BRAIN),
            color=_rgb(216, 191, 216),
            codes=frozenset({"6574001"}),
            rank=2,
        ),
        Role(
            label="enhancing_tumor",
            title="Enhancing tumor",
            terminology=_entry(_ALTERED, "SCT^4147007^Mass", _IN_BRAIN),
            color=_rgb(144, 238, 144),
            codes=_TUMOR_CODES,
            rank=3,
        ),
        Role(
            label="tumor",
            title="Tumor",
            terminology=_entry(_ALTERED, "SCT^4147007^Mass", _IN_BRAIN),
            color=_rgb(144, 238, 144),
            codes=_TUMOR_CODES,
            rank=9,
        ),
    )
}


def roles_for(labels: dict[str, int]) -> tuple[Role, ...]:
    """The roles of a model's labels (name -> value, background left out), lowest rank first.

    A label that is not known here gets a plain role found by its exact name.
    """
    roles = []
    for label, value in labels.items():
        if value == 0:
            continue
        known = _KNOWN.get(label) or _plain(label)
        roles.append(replace(known, label=label, value=int(value)))
    return tuple(sorted(roles, key=lambda role: (role.rank, role.value)))


def _plain(label: str) -> Role:
    title = label.replace("_", " ").capitalize()
    terminology = _entry("SCT^85756007^Tissue", "SCT^85756007^Tissue")
    color = _rgb(200, 200, 120)
    return Role(
        label=label, title=title, terminology=terminology, color=color, fill_opacity=0.4, surface_opacity=0.8, rank=1
    )
