"""What a model's labels mean as segments: terminology, colours, ranks. Plain data; names are the core's matter."""

from __future__ import annotations

from dataclasses import dataclass

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"
_ANATOMY = "SCT^123037004^Anatomical Structure"
_ALTERED = "SCT^49755003^Morphologically Altered Structure"
_IN_BRAIN = "SCT^12738006^Brain"


@dataclass(frozen=True)
class Role:
    """One label of a model, seen as a segment.

    label: the model's name of the label. value: its value in the mask.
    codes: terminology type codes (SNOMED CT) that mean this label.
    rank: where segments overlap, the higher rank wins; rank 0 (head, brain) is what a model cannot do without.
    several: more than one segment may play the role.
    """

    label: str
    value: int
    title: str
    terminology: str
    color: tuple[float, float, float]
    fill_opacity: float
    surface_opacity: float
    codes: frozenset[str]
    rank: int
    several: bool


WHOLE_HEAD = {"head": 1, "tumor": 2}
"""The labels of the bundled models and sample heads."""


def _entry(category: str, kind: str, region: str = "^^") -> str:
    return f"{_CONTEXT}~{category}~{kind}~^^~{_REGIONS}~{region}~^^"


def _role(label, title, terminology, rgb, fill, surface, codes, rank, several) -> Role:
    color = tuple(component / 255 for component in rgb)
    return Role(
        label,
        0,
        title,
        terminology,
        color,
        fill,
        surface,
        frozenset(codes),
        rank,
        several,
    )


_KNOWN = {
    role.label: role
    for role in (
        _role(
            "head",
            "Head",
            _entry(_ANATOMY, "SCT^69536005^Head"),
            (177, 122, 101),
            0.15,
            0.3,
            {"69536005"},
            0,
            False,
        ),
        _role(
            "brain",
            "Brain",
            _entry(_ANATOMY, "SCT^12738006^Brain"),
            (250, 250, 225),
            0.15,
            0.3,
            {"12738006"},
            0,
            False,
        ),
        _role(
            "tumor",
            "Tumor",
            _entry(_ALTERED, "SCT^4147007^Mass", _IN_BRAIN),
            (144, 238, 144),
            0.5,
            1.0,
            {"4147007", "86049000", "14799000", "108369006"},
            9,
            True,
        ),
        _role(
            "edema",
            "Edema",
            _entry(_ALTERED, "SCT^79654002^Edema", _IN_BRAIN),
            (140, 224, 228),
            0.4,
            0.6,
            {"79654002"},
            1,
            True,
        ),
        _role(
            "necrotic_core",
            "Necrotic core",
            _entry(_ALTERED, "SCT^6574001^Necrosis", _IN_BRAIN),
            (216, 191, 216),
            0.5,
            1.0,
            {"6574001"},
            2,
            True,
        ),
        _role(
            "enhancing_tumor",
            "Enhancing tumor",
            _entry(_ALTERED, "SCT^4147007^Mass", _IN_BRAIN),
            (144, 238, 144),
            0.5,
            1.0,
            {"4147007", "86049000", "14799000", "108369006"},
            3,
            True,
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
        roles.append(Role(**{**vars(known), "label": label, "value": int(value)}))
    return tuple(sorted(roles, key=lambda role: (role.rank, role.value)))


def _plain(label: str) -> Role:
    title = label.replace("_", " ").capitalize()
    terminology = _entry("SCT^85756007^Tissue", "SCT^85756007^Tissue")
    return _role(label, title, terminology, (200, 200, 120), 0.4, 0.8, (), 1, True)
