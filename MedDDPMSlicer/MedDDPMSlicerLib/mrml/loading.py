"""What of the scene is chosen when nothing is, and volumes that hold labels taken as segments."""

from __future__ import annotations

import numpy as np

from MedDDPMCore.volumes.names import label_of

from ..roles import Role
from . import grids, results, samples, scene

TAKEN = results.PREFIX + "taken"
_MOST_LABELS = 12
_LOOKED_AT = 100_000


def mris(mrml_scene) -> list:
    """The volumes that may be a patient's MRI: scalar, not hidden, and neither labels nor made here."""
    canvases = {samples.canvas_of(node) for node in scene.segmentations(mrml_scene)}
    return [
        node
        for node in scene.nodes_of(mrml_scene, "vtkMRMLScalarVolumeNode")
        if node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not node.GetHideFromEditors()
        and not results.is_synthetic(node)
        and node not in canvases
        and not _holds_labels(node)
    ]


def first_choice(mrml_scene) -> tuple:
    """The MRI and the segmentation to begin with, None where there is none: what is shown comes before what is not."""
    volumes, segmentations = mris(mrml_scene), scene.segmentations(mrml_scene)
    shown = {node.GetBackgroundVolumeID() for node in scene.nodes_of(mrml_scene, "vtkMRMLSliceCompositeNode")}
    volumes.sort(key=lambda node: node.GetID() not in shown)
    for volume in volumes:
        drawn = drawn_on(segmentations, volume)
        if drawn is not None or volume.GetID() in shown:
            return volume, drawn or next((node for node in segmentations if samples.mri_of(node) is None), None)
    segmentation = next(iter(segmentations), None)
    return samples.mri_of(segmentation) or next(iter(volumes), None), segmentation


def drawn_on(segmentations: list, volume):
    """The first of these segmentations that was drawn on a volume."""
    return next((node for node in segmentations if samples.mri_of(node) is volume), None)


def label_volumes(mrml_scene) -> list:
    """Volumes that hold labels and were not taken yet, the newest first."""
    candidates = scene.nodes_of(mrml_scene, "vtkMRMLScalarVolumeNode")
    canvases = {samples.canvas_of(node) for node in scene.segmentations(mrml_scene)}
    return [
        node
        for node in reversed(candidates)
        if not node.GetHideFromEditors()
        and not node.GetAttribute(TAKEN)
        and node not in canvases
        and not results.is_synthetic(node)
        and _holds_labels(node)
    ]


def take_labels(volume, segmentation, roles: tuple[Role, ...]) -> list[str]:
    """Add what a volume of labels holds to a segmentation, a segment a label; returns their ids.

    Labels that have the model's values, a head among them, become its segments; a single label becomes what the
    volume's name says, or a lesion; others keep their number for a name. The volume stays as it is.
    """
    array = grids.array_of_volume(volume)
    values = [int(value) for value in np.unique(array) if value > 0]
    name, known = volume.GetName(), {role.value: role for role in roles}
    heads = {role.value for role in roles if role.rank == 0}
    if heads & set(values) and set(values) <= set(known) and len(values) > 1:
        meant = {value: known[value] for value in values}
    elif len(values) == 1:
        by_label = {role.label: role for role in roles}
        meant = {values[0]: by_label.get(label_of(name, set(by_label)) or "", roles[-1])}
    else:
        meant = {}
    geometry, ids = grids.geometry_of_volume(volume), []
    for value in values:
        if value in meant:
            ids.append(scene.create_segment(segmentation, meant[value]))
        else:
            ids.append(segmentation.GetSegmentation().AddEmptySegment("", f"{name} {value}"))
        scene.set_segment_array(segmentation, ids[-1], array == value, geometry)
    volume.SetAttribute(TAKEN, "true")
    return ids


def _holds_labels(volume) -> bool:
    """Whether a volume's voxels are a few whole numbers from 0 on: a label map, or one loaded as an image."""
    image = volume.GetImageData()
    if image is None or image.GetNumberOfScalarComponents() != 1 or image.GetPointData().GetScalars() is None:
        return False
    if volume.IsA("vtkMRMLLabelMapVolumeNode"):
        return True
    low, high = image.GetScalarRange()
    if low != 0 or not 1 <= high <= 255:
        return False
    array = grids.array_of_volume(volume).ravel()
    seen = np.unique(array[:: max(1, array.size // _LOOKED_AT)])
    return bool(len(seen) <= _MOST_LABELS and (seen == np.rint(seen)).all() and (array == 0).any())
