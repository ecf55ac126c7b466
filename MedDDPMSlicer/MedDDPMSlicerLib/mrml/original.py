"""The lesion as a patient's MRI shows it, remembered while the segmentation is changed: what an edit takes out there.

It is a hidden segmentation with copies of the lesion segments, one for each pair of a segmentation and an MRI, saved
with the scene.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import slicer
import vtk

from ..roles import Role
from . import grids, results, scene

_SEGMENTATION, _MRI = results.PREFIX + "original.segmentation", results.PREFIX + "original.mri"
_ROLE, _ML = results.PREFIX + "role", results.PREFIX + "ml"


def original_of(segmentation, mri):
    """The node that remembers how lesions lie in an MRI; None where nothing is known of that."""
    if segmentation is None or mri is None:
        return None
    for node in _all(segmentation.GetScene()):
        if node.GetNodeReference(_SEGMENTATION) is segmentation and node.GetNodeReference(_MRI) is mri:
            return node
    return None


def remember(segmentation, mri, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]):
    """Take it that the MRI shows the lesions as the segments have them now (none, if these are empty).

    MedDDPMError, with nothing changed, where the segments cannot be brought to the MRI's voxels.
    """
    lesions = [(role.label, s) for role in roles if role.rank > 0 for s in segments.get(role.label, ())]
    return _keep(segmentation, mri, segmentation, lesions)


def _keep(segmentation, mri, drawn_in, lesions: list[tuple[str, str]]):
    """Take it that the MRI shows the lesions (label, segment id) of a segmentation: this one, or a memory of it."""
    painted = [(label, s) for label, s in lesions if not scene.is_empty(drawn_in, s)]
    grid = grids.geometry_of_volume(mri)
    voxels = np.count_nonzero(scene.merged(drawn_in, [(segment_id, 1) for _label, segment_id in painted], grid))
    mrml_scene = segmentation.GetScene()
    node = original_of(segmentation, mri)
    if node is None:
        node = slicer.vtkMRMLSegmentationNode()
        node.SetName(f"{segmentation.GetName()} in {mri.GetName()}")
        node.SetHideFromEditors(True)
        mrml_scene.AddNode(node)
        node.SetNodeReferenceID(_SEGMENTATION, segmentation.GetID())
        node.SetNodeReferenceID(_MRI, mri.GetID())
    node.SetAndObserveTransformNodeID(drawn_in.GetTransformNodeID())
    own = node.GetSegmentation()
    own.RemoveAllSegments()
    for label, segment_id in painted:
        own.CopySegmentFromSegmentation(drawn_in.GetSegmentation(), segment_id)
        own.GetSegment(segment_id).SetTag(_ROLE, label)
    node.SetAttribute(_ML, f"{voxels * abs(np.linalg.det(grid.ijk_to_ras[:3, :3])) / 1000:.1f}")
    return node


def remember_first(segmentation, mri, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]) -> bool:
    """As `remember`, where nothing is known of the pair; returns whether that was so.

    Where it is known how the lesions lay in another MRI, before they were changed, this one is taken to show the same:
    the first such memory counts.
    """
    if segmentation is None or mri is None or original_of(segmentation, mri) is not None:
        return False
    earliest = next(
        (n for n in _all(segmentation.GetScene()) if n.GetNodeReference(_SEGMENTATION) is segmentation), None
    )
    if earliest is None:
        remember(segmentation, mri, roles, segments)
    else:
        _keep(segmentation, mri, earliest, [(_label_of(earliest, s), s) for s in scene.segments_of(earliest)])
    return True


def forget(segmentation, mri) -> None:
    """Nothing is known any more of what the MRI shows."""
    node = original_of(segmentation, mri)
    if node is not None:
        node.GetScene().RemoveNode(node)


def millilitres(original) -> float:
    """The volume of the lesions remembered."""
    return float(original.GetAttribute(_ML) or 0)


def labels(original, roles: tuple[Role, ...], geometry: grids.NodeGrid) -> Generator[None, None, np.ndarray]:
    """The lesions remembered as an array (k, j, i), uint8, in the model's values, 0 elsewhere."""
    values = {role.label: role.value for role in roles if role.rank > 0}
    highest = roles[-1].value  # where they were remembered for another model
    pairs = [(s, values.get(_label_of(original, s), highest)) for s in scene.segments_of(original)]
    return (yield from scene.merged_in_pieces(original, pairs, geometry))


def _label_of(original, segment_id: str) -> str:
    text = vtk.mutable("")
    original.GetSegmentation().GetSegment(segment_id).GetTag(_ROLE, text)
    return str(text)


def remove_orphans(mrml_scene) -> None:
    """Remove what is remembered of segmentations and volumes that are gone."""
    for node in _all(mrml_scene):
        if node.GetNodeReference(_SEGMENTATION) is None or node.GetNodeReference(_MRI) is None:
            mrml_scene.RemoveNode(node)


def is_original(node) -> bool:
    """Whether a segmentation is such a memory, not one of the user's."""
    return node.GetAttribute(_ML) is not None


def _all(mrml_scene) -> list:
    return [node for node in scene.nodes_of(mrml_scene, "vtkMRMLSegmentationNode") if is_original(node)]
