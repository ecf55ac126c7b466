"""The lesion tools on the user's segments: segments to a label volume, the core's tool, and back.

A tool sees the head as one label and every lesion segment as a label of its own, so that what it moves goes back into
the segment that it came from. Only segments that a tool changed are written. The core's tools need numpy and SimpleITK
only; they are imported on the first use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import LabelError, MedDDPMError

from ..roles import Role
from . import grids, scene, surfaces

HEAD = 1
_MUCH_OUTSIDE = 0.2


@dataclass(frozen=True)
class Lesions:
    """The segments as the core's tools take them.

    mask: label Volume, the head 1 and each lesion segment a value of its own. scheme: what these values mean.
    segments: value -> segment id. head_segment: the segment that takes what a lesion leaves.
    """

    node: object
    mask: object
    scheme: object
    segments: dict[int, str]
    head_segment: str
    geometry: grids.NodeGrid


def read(segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]], only: str = "") -> Lesions:
    """The head and its lesion segments (or only one of them, the others then counting as head).

    MedDDPMError without a head, or where the segments are surfaces.
    """
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.labels import LabelScheme
    from MedDDPMCore.volumes.volume import Volume

    surfaces.require_voxels(segmentation_node)
    head = next(role for role in roles if role.rank == 0)
    heads = [s for s in segments.get(head.label, ()) if not scene.is_empty(segmentation_node, s)]
    if not heads:
        raise LabelError(
            _("“{name}” has no {title} segment with anything in it.").format(
                name=segmentation_node.GetName(), title=head.title.lower()
            ),
            _("The tools keep a lesion inside the head: make the head first, under Head and tumor."),
        )
    ids = lesion_segments(roles, segments)
    names = scene.segments_of(segmentation_node)
    values = {segment_id: value for value, segment_id in enumerate(ids, start=HEAD + 1) if only in ("", segment_id)}
    painted = [s for s in ids if not scene.is_empty(segmentation_node, s)]
    pairs = [(s, HEAD) for s in heads] + [(s, values.get(s, HEAD)) for s in painted]
    geometry = grids.geometry_of_segmentation(segmentation_node)
    array = scene.merged(segmentation_node, pairs, geometry)
    labels = {head.label: HEAD, **{f"{names[s]} ({value})": value for s, value in values.items()}}
    scheme = LabelScheme(
        "segments", labels, tuple(labels), low=0.0, high=1.0, head=tuple(labels), required=(head.label,)
    )
    to_world = _to_world(segmentation_node) @ geometry.ijk_to_ras
    volume = Volume(array, Geometry.from_affine_ras(to_world, array.shape))
    return Lesions(segmentation_node, volume, scheme, {v: s for s, v in values.items()}, heads[0], geometry)


def lesion_segments(roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]) -> list[str]:
    """The ids of all segments that are lesions or parts of them."""
    return [segment_id for role in roles if role.rank > 0 for segment_id in segments.get(role.label, ())]


def require_painted(lesions: Lesions) -> None:
    """LabelError where no lesion has a voxel."""
    if not (lesions.mask.array > HEAD).any():
        raise LabelError(_("There is no lesion yet."), _("Paint one, or place one from the library."))


def piece_at(lesions: Lesions, ras) -> int:
    """The number of the piece that lies nearest to a point (RAS, mm), as the core counts them; there must be one."""
    from MedDDPMCore.lesions.tools import list_lesions

    point = np.array(ras) * (-1, -1, 1)

    def distance(lesion) -> float:
        where = np.argwhere(lesion.labels.array)[:, ::-1]
        return float(np.linalg.norm(lesion.labels.geometry.to_world(where) - point, axis=1).min())

    return min(list_lesions(lesions.mask, lesions.scheme), key=distance).number


def outlined(lesions: Lesions, number: int | None):
    """A piece, or all of them for None, as a label Volume of the world just around it; there must be one."""
    from MedDDPMCore.lesions.shapes import bounding_box, shifted
    from MedDDPMCore.lesions.tools import list_lesions
    from MedDDPMCore.volumes.volume import Volume

    if number is not None:
        return list_lesions(lesions.mask, lesions.scheme)[number - 1].labels
    hit = lesions.mask.array > HEAD
    window = bounding_box(hit)
    array = np.pad(hit[window].astype(np.uint8), 1)
    start = np.array([side.start - 1 for side in window[::-1]])
    return Volume(array, shifted(lesions.mask.geometry, start, array.shape))


def shape_for(lesions: Lesions, segment_id: str, path, millilitres: float):
    """A shape of the library, of a volume in ml, as a label Volume to be placed in a segment."""
    from MedDDPMCore.lesions.library import load_shape
    from MedDDPMCore.lesions.shapes import about, transformed
    from MedDDPMCore.lesions.shapes import millilitres as volume_of
    from MedDDPMCore.volumes.labels import WHOLE_HEAD
    from MedDDPMCore.volumes.volume import Volume

    shape = load_shape(path, WHOLE_HEAD)
    factor = (millilitres / volume_of(shape.array, shape.geometry)) ** (1 / 3)
    value = next(value for value, identity in lesions.segments.items() if identity == segment_id)
    labels = Volume(np.where(shape.array > 0, value, 0).astype(np.uint8), shape.geometry)
    return transformed(labels, about(shape.geometry.centre, np.eye(3) * factor))


def shapes(bundled) -> dict[str, object]:
    """Title -> file: the shapes in the folder of bundled ones, then those that the user has saved."""
    from MedDDPMCore.lesions.library import saved_shapes

    known = {name.replace("_", " ").capitalize(): path for name, path in saved_shapes(bundled).items()}
    saved = _("{name} (saved)")
    return {**known, **{saved.format(name=n) if n in known else n: path for n, path in saved_shapes().items()}}


def save_shape(lesions: Lesions, number: int, name: str):
    """Keep a piece in the user's library as a shape of one label; returns its file."""
    from MedDDPMCore.lesions import library
    from MedDDPMCore.lesions.tools import list_lesions
    from MedDDPMCore.volumes.labels import WHOLE_HEAD

    pieces = list_lesions(lesions.mask, lesions.scheme)
    if not pieces:
        raise LabelError(_("There is no lesion to save."), _("Paint one first."))
    piece = pieces[number - 1]
    tumor = WHOLE_HEAD.values[WHOLE_HEAD.lesions[0]]
    labels = replace(piece.labels, array=np.where(piece.labels.array > 0, tumor, 0).astype(np.uint8))
    return library.save_shape(replace(piece, labels=labels), name)


def apply(lesions: Lesions, tool: Callable, save_for_undo: Callable[[], None]) -> str:
    """Let a tool work on the segments; returns what came of it, in words.

    tool(mask, scheme) -> EditedMask. save_for_undo: called once it is sure that segments will change. A MedDDPMError of
    the tool leaves everything as it was.
    """
    edited = tool(lesions.mask, lesions.scheme)
    before, after = lesions.mask.array, edited.mask.array
    changed = [(v, s) for v, s in lesions.segments.items() if not np.array_equal(before == v, after == v)]
    notes = [*edited.warnings, *edited.notes]
    if not changed:
        return " ".join([_("Nothing changed."), *notes])
    save_for_undo()
    left = (before > HEAD) & (after == HEAD)
    head = scene.merged(lesions.node, [(lesions.head_segment, 1)], lesions.geometry, every_piece=False) > 0
    hole = left & ~head
    if hole.any():
        _write(lesions, lesions.head_segment, head | hole)
        ml = hole.sum() * np.prod(lesions.mask.geometry.spacing) / 1000
        notes.append(_("The head now fills the {ml} ml that the lesion left.").format(ml=f"{ml:.1f}"))
    for value, segment_id in changed:
        _write(lesions, segment_id, after == value)
    notes += _outside_brain(lesions, edited.mask)
    volumes = _("{before} ml before, {after} ml now.").format(
        before=f"{edited.before_ml:.2f}", after=f"{edited.after_ml:.2f}"
    )
    return " ".join([volumes, *notes])


def _outside_brain(lesions: Lesions, mask) -> list[str]:
    """A word where much of the lesions lies in bone or scalp, by the core's guess of the brain in a head."""
    from MedDDPMCore.lesions.placement import brain_in_head
    from MedDDPMCore.volumes.volume import resample_labels

    lesion = mask.array > HEAD
    if "brain" in lesions.scheme.required or not lesion.any():
        return []
    try:
        brain = resample_labels(brain_in_head(mask), mask.geometry).array > 0
    except MedDDPMError:
        return []
    share = float((lesion & ~brain).sum() / lesion.sum())
    if share < _MUCH_OUTSIDE:
        return []
    text = _(
        "About {percent} % of the lesion lies outside the brain, in bone or scalp or below (estimated from the head)."
    )
    return [text.format(percent=round(100 * share))]


def crosshair(mrml_scene) -> tuple[float, float, float]:
    """Where the crosshair was put last (RAS, mm)."""
    node = mrml_scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    return tuple(node.GetCrosshairRAS()) if node is not None else (0.0, 0.0, 0.0)


def in_head(lesions: Lesions, ras) -> bool:
    """Whether a point (RAS, mm) lies in the head."""
    geometry = lesions.mask.geometry
    index = np.rint(geometry.to_index(np.array(ras) * (-1, -1, 1))).astype(int)
    inside = ((index >= 0) & (index < geometry.size)).all()
    return bool(inside and lesions.mask.array[tuple(index[::-1])])


def _write(lesions: Lesions, segment_id: str, hit: np.ndarray) -> None:
    scene.set_segment_array(lesions.node, segment_id, hit.astype(np.uint8), lesions.geometry)


def _to_world(node) -> np.ndarray:
    general, linear = vtk.vtkGeneralTransform(), vtk.vtkTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, general)
    if not slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(general, linear):
        raise MedDDPMError(
            _("The segmentation lies under a warping transform."), _("Harden the transform first (Transforms module).")
        )
    matrix = linear.GetMatrix()
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
