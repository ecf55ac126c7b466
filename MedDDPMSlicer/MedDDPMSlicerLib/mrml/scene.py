"""Segments to mask: everything that reads a segmentation."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from MedDDPMCore.base.errors import LabelError
from MedDDPMCore.volumes.names import label_of

from ..pieces import SLAB_BYTES, finished, in_background, slabs
from ..roles import Role
from . import choices
from .grids import (
    NodeGrid,
    between,
    finer_grid,
    first_to_world,
    geometry_of_segmentation,
    geometry_of_volume,
    image_to_world,
    oriented,
)
from .nrrd import write_array
from .surfaces import is_made_of_voxels, with_voxels

_OFF_GRID = 0.01  # voxels, over a whole image: what lies closer to the grid than this lies on it


@dataclass
class Mask:
    """A label array (k, j, i), uint8, in the model's values, and what became of the segments.

    counts: voxels of each label. overlaps: (loser, winner) titles -> voxels taken by the winner.
    """

    array: np.ndarray
    geometry: NodeGrid
    counts: dict[str, int]
    overlaps: dict[tuple[str, str], int] = field(default_factory=dict)

    def overlap_text(self) -> str:
        """What the overlaps are, or ""."""
        voxel_ml = abs(np.linalg.det(self.geometry.ijk_to_ras[:3, :3])) / 1000
        text = _("{ml} ml of {loser} lie in {winner} and count as {winner}.")
        parts = [
            text.format(ml=f"{count * voxel_ml:.1f}", loser=loser, winner=winner)
            for (loser, winner), count in self.overlaps.items()
        ]
        return " ".join(parts)


def nodes_of(mrml_scene, kind: str) -> list:
    """All nodes of a class, those hidden from the user, too."""
    nodes = mrml_scene.GetNodesByClass(kind)
    nodes.UnRegister(None)
    return [nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())]


def segmentations(mrml_scene) -> list:
    """The user's segmentations."""
    return [node for node in nodes_of(mrml_scene, "vtkMRMLSegmentationNode") if not node.GetHideFromEditors()]


def terminology_codes(segment) -> tuple[str, str]:
    """The (category, type) code values of a segment's terminology entry, "" where it has none."""
    entry = vtk.mutable("")
    if not segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry):
        return "", ""
    parts = str(entry).split("~")
    if len(parts) < 3:
        return "", ""
    category, kind = ((part.split("^") + ["", ""])[1] for part in parts[1:3])
    return category, kind


def segments_of(segmentation_node) -> dict[str, str]:
    """Segment id -> name, in the user's order."""
    segmentation = segmentation_node.GetSegmentation()
    ids = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    return {segment_id: segmentation.GetSegment(segment_id).GetName() for segment_id in ids}


def find_segments(segmentation_node, roles: tuple[Role, ...]) -> dict[str, tuple[str, ...]]:
    """Which segments play which role: by the user's choice, by terminology, by name, in this order.

    A choice that is gone counts as none. A segment plays one role only.
    """
    names, chosen = segments_of(segmentation_node), choices.chosen_segments(segmentation_node)
    segments = {role.label: (chosen[role.label],) for role in roles if chosen.get(role.label) in names}
    taken = {segment_id for ids in segments.values() for segment_id in ids}
    codes = {
        segment_id: terminology_codes(segmentation_node.GetSegmentation().GetSegment(segment_id))[1]
        for segment_id in names
    }
    specific = sorted(roles, key=lambda role: -role.rank)
    labels = {role.label for role in roles}
    by_name = {segment_id: label_of(name, labels) for segment_id, name in names.items()}
    for role in specific:
        if role.label in segments:
            continue
        free = [segment_id for segment_id in names if segment_id not in taken]
        coded = [s for s in free if codes[s] in role.codes and by_name[s] in (role.label, None)]
        named = [s for s in free if by_name[s] == role.label and s not in coded]
        matches = coded + named if role.several else (coded or named)[:1]
        segments[role.label] = tuple(s for s in names if s in matches)
        taken.update(matches)
    return segments


def left_over(segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Segment id -> name of those that play no role, not even that of the region to make anew, and do not say that they
    are background."""
    used = {segment_id for ids in segments.values() for segment_id in ids} | {choices.region_of(segmentation_node)}
    names, labels = segments_of(segmentation_node), {role.label for role in roles}
    return {key: name for key, name in names.items() if key not in used and label_of(name, labels) != "background"}


def drawn_left_over(segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]) -> str:
    """The quoted names of those of `left_over` that are not empty."""
    left = left_over(segmentation_node, roles, segments)
    return ", ".join(f"“{name}”" for key, name in left.items() if not is_empty(segmentation_node, key))


def create_segment(segmentation_node, role: Role) -> str:
    """Add an empty segment for a role after the user's own, and return its id."""
    segmentation_node.CreateDefaultDisplayNodes()
    segmentation = segmentation_node.GetSegmentation()
    names = segments_of(segmentation_node).values()
    name, number = role.title, 2
    while name in names:
        name, number = f"{role.title} {number}", number + 1
    segment_id = segmentation.AddEmptySegment("", name, role.color)
    segment = segmentation.GetSegment(segment_id)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), role.terminology)
    display = segmentation_node.GetDisplayNode()
    display.SetSegmentOpacity2DFill(segment_id, role.fill_opacity)
    display.SetSegmentOpacity3D(segment_id, role.surface_opacity)
    return segment_id


def is_empty(segmentation_node, segment_id: str) -> bool:
    """Whether a segment has no voxel (or no surface) at all."""
    segmentation = segmentation_node.GetSegmentation()
    if not is_made_of_voxels(segmentation_node):
        surface = segmentation_node.GetClosedSurfaceInternalRepresentation(segment_id)
        return surface is None or surface.GetNumberOfPoints() == 0
    image = segmentation_node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None or image.IsEmpty():
        return True
    label = segmentation.GetSegment(segment_id).GetLabelValue()
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    return not any((values[start : start + SLAB_BYTES] == label).any() for start in range(0, len(values), SLAB_BYTES))


def build_mask(
    segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]], volume_node=None
) -> Mask:
    """The segments as one label array on the volume's grid (or the segmentation's own); the segments stay as they are.

    Where segments overlap the role of the higher rank wins, and the mask says how many voxels that were. A lesion that
    lies in the volume keeps a voxel, however coarse those are.
    """
    return finished(mask_in_pieces(segmentation_node, roles, segments, volume_node))


def mask_in_pieces(
    segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]], volume_node=None
) -> Generator[None, None, Mask]:
    """As `build_mask`, yielding between slabs; what makes it impossible is raised before the first of them."""
    geometry = geometry_of_volume(volume_node) if volume_node else geometry_of_segmentation(segmentation_node)
    return (yield from mask_on(segmentation_node, roles, segments, geometry))


def mask_on(
    segmentation_node, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]], geometry: NodeGrid
) -> Generator[None, None, Mask]:
    """As `mask_in_pieces`, on any grid."""
    filled = [(role, [s for s in segments.get(role.label, ()) if not is_empty(segmentation_node, s)]) for role in roles]
    absent = [role.title for role, ids in filled if role.rank == 0 and not ids]
    if absent:
        raise LabelError(
            _("“{name}” has no {absent} segment with anything in it.").format(
                name=segmentation_node.GetName(), absent=absent[0].lower()
            ),
            _("Under Input, choose the segment that is the {absent}, or make one from the MRI.").format(
                absent=absent[0].lower()
            ),
        )
    target = oriented(geometry, between(segmentation_node, geometry))
    yield
    present = [(role, ids) for role, ids in filled if ids]
    pairs = [(segment_id, role.value) for role, ids in present for segment_id in ids]
    ids = [segment_id for segment_id, _value in pairs]
    node = yield from with_voxels(segmentation_node, ids, geometry)
    own = finer_grid(node, ids, target)
    grid, overlaps = target if own is None else own, {}
    array = np.zeros(grid.GetDimensions()[::-1], np.uint8)
    for slab in slabs(array):
        part = _planes(grid, slab)
        array[slab] = _merge(node, pairs, part)
        _note_overlaps(overlaps, array[slab], node, present, part)
        yield
    if own is not None:
        array = yield from _brought(array, own, target)
        share = abs(np.linalg.det(image_to_world(own)) / np.linalg.det(image_to_world(target)))
        overlaps = {pair: round(count * share) for pair, count in overlaps.items() if round(count * share)}
    mask = Mask(array, geometry, {role.label: 0 for role in roles}, overlaps)
    for slab in slabs(array):
        for role in roles:
            mask.counts[role.label] += int(np.count_nonzero(array[slab] == role.value))
        yield
    return mask


def write_mask(mask: Mask, path: str) -> Generator[None, None, None]:
    """Write the mask as `write_array` does."""
    return write_array(mask.array, mask.geometry, path)


def merged(node, pairs: list[tuple[str, int]], geometry: NodeGrid, every_piece: bool = True) -> np.ndarray:
    """Segments (id, value) as one array (k, j, i), uint8, on a grid, the later over the earlier.

    every_piece: that the smallest piece in view keeps a voxel; of heads not, as that takes memory.
    """
    return finished(merged_in_pieces(node, pairs, geometry, every_piece))


def merged_in_pieces(
    node, pairs: list[tuple[str, int]], geometry: NodeGrid, every_piece: bool = True
) -> Generator[None, None, np.ndarray]:
    """As `merged`, yielding between slabs."""
    ids, target = [segment_id for segment_id, _value in pairs], oriented(geometry, between(node, geometry))
    voxels = yield from with_voxels(node, ids, geometry)
    own = finer_grid(voxels, ids, target)
    grid = target if own is None else own
    array = np.zeros(grid.GetDimensions()[::-1], np.uint8)
    for slab in slabs(array):
        array[slab] = _merge(voxels, pairs, _planes(grid, slab))
        yield
    return array if own is None else (yield from _brought(array, own, target, every_piece))


def _brought(array: np.ndarray, own, target, every_piece: bool = False) -> Generator[None, None, np.ndarray]:
    """Labels on the grid of one image on the coarser one of another, as the core brings a mask to the grid of a model:
    lesions that lie between its voxels do not vanish."""
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.volume import Volume, resample_labels

    here, there = (Geometry.from_affine_ras(first_to_world(i), i.GetDimensions()[::-1]) for i in (own, target))
    resampled = yield from in_background(lambda: resample_labels(Volume(array, here), there, every_piece))
    return resampled.array


def set_segment_array(segmentation_node, segment_id: str, array: np.ndarray, geometry: NodeGrid) -> None:
    """Make a segment of a (k, j, i) array on a grid; other segments keep their voxels."""
    image = oriented(geometry, between(segmentation_node, geometry))
    scalars = numpy_to_vtk(np.ascontiguousarray(array, np.uint8).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    segmentation = segmentation_node.GetSegmentation()
    name = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    if not segmentation.GetConversionParameter(name):
        segmentation.SetConversionParameter(name, slicer.vtkSegmentationConverter.SerializeImageGeometry(image))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.SetBinaryLabelmapToSegment(
        image, segmentation_node, segment_id, logic.MODE_REPLACE, image.GetExtent()
    ):
        raise LabelError(_("The segment could not be stored."), _("Try again in a new segmentation."))


def _merge(node, pairs: list[tuple[str, int]], target) -> np.ndarray:
    """The segments as one array on the target's grid, the later over the earlier.

    Segments that lie on that grid already are copied, which takes a tenth of the time of resampling them.
    """
    merged = np.zeros(target.GetDimensions()[::-1], np.uint8)
    for segment_id, value in pairs:
        placed = _placed(node, segment_id, target)
        if placed is None:
            return _resampled(node, pairs, target)
        box, hit = placed
        np.copyto(merged[box], value, where=hit)
    return merged


def _placed(node, segment_id: str, target) -> tuple[tuple[slice, ...], np.ndarray] | None:
    """Where in the target's array a segment's own voxels lie, and which of them are the segment's.

    None if they lie between the target's voxels. A segment without voxels, or gone meanwhile, lies nowhere.
    """
    segment, image = node.GetSegmentation().GetSegment(segment_id), None
    if segment is not None:
        image = node.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None or image.IsEmpty():
        return (slice(0, 0),) * 3, np.zeros((0, 0, 0), bool)
    step = np.linalg.inv(image_to_world(target)) @ image_to_world(image)
    offset = np.rint(step[:3, 3])
    moved = np.eye(4)
    moved[:3, 3] = offset
    if np.abs(step - moved).max() * max(image.GetDimensions()) > _OFF_GRID:
        return None
    own, whole = image.GetExtent(), target.GetExtent()
    to_array, from_array = [], []
    for axis in (2, 1, 0):
        shift, first, origin = int(offset[axis]), own[2 * axis], whole[2 * axis]
        low = max(first + shift, origin)
        high = max(low, min(own[2 * axis + 1] + shift, whole[2 * axis + 1]) + 1)
        to_array.append(slice(low - origin, high - origin))
        from_array.append(slice(low - shift - first, high - shift - first))
    labels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    return tuple(to_array), labels[tuple(from_array)] == segment.GetLabelValue()


def _resampled(node, pairs: list[tuple[str, int]], target) -> np.ndarray:
    ids, values, image = vtk.vtkStringArray(), vtk.vtkIntArray(), slicer.vtkOrientedImageData()
    for segment_id, value in pairs:
        ids.InsertNextValue(segment_id)
        values.InsertNextValue(value)
    mode = slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY
    if not node.GenerateMergedLabelmapForAllSegments(image, mode, target, ids, values):
        raise LabelError(
            _("The segments of “{name}” could not be read.").format(name=node.GetName()),
            _("Save the scene and load it again."),
        )
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def _planes(image, slab: slice):
    """The same grid with the extent of some of its planes."""
    return _part(image, (slab, *(slice(0, size) for size in image.GetDimensions()[1::-1])))


def _part(image, box: tuple[slice, slice, slice]):
    """The same grid with the extent of a box (k, j, i) counted from its first voxel."""
    first = image.GetExtent()[::2]
    part = slicer.vtkOrientedImageData()
    part.ShallowCopy(image)
    bounds = zip(reversed(box), first, strict=True)
    part.SetExtent(*(bound for side, origin in bounds for bound in (side.start + origin, side.stop - 1 + origin)))
    return part


def _note_overlaps(overlaps: dict, array: np.ndarray, node, filled: list[tuple[Role, list[str]]], target) -> None:
    """Count, in a slab, inside each winner's bounding box only, the voxels that a lower role had claimed too."""
    for index, (winner, _segments) in enumerate(filled):
        box = _bounding_box(array == winner.value) if index else None
        if box is None:
            continue
        part = _part(target, box)
        won = array[box] == winner.value
        for loser, ids in filled[:index]:
            claimed = _merge(node, [(segment_id, 1) for segment_id in ids], part) > 0
            count = int(np.count_nonzero(claimed & won))
            if count:
                pair = loser.title, winner.title
                overlaps[pair] = overlaps.get(pair, 0) + count


def _bounding_box(hit: np.ndarray) -> tuple[slice, slice, slice] | None:
    lines = hit.any(axis=2)
    if not lines.any():
        return None
    k, j = _span(lines.any(axis=1)), _span(lines.any(axis=0))
    return k, j, _span(hit[k, j].any(axis=(0, 1)))


def _span(hit: np.ndarray) -> slice:
    where = np.flatnonzero(hit)
    return slice(int(where[0]), int(where[-1]) + 1)
