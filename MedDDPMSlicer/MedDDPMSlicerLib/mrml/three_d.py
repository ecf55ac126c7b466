"""The 3D view: the surfaces of head and lesions, and volume rendering of an image."""

from __future__ import annotations

import slicer

from ..roles import Role
from . import results, scene


def show_surfaces(segmentation, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]], visible: bool) -> None:
    """Show a segmentation's surfaces, the head clear enough to see a lesion in it, or hide them."""
    segmentation.CreateDefaultDisplayNodes()
    display = segmentation.GetDisplayNode()
    display.SetVisibility3D(visible)
    if not visible:
        return
    segmentation.CreateClosedSurfaceRepresentation()
    display.SetVisibility(True)
    for role in roles:
        for segment_id in segments.get(role.label, ()):
            clear = min(role.surface_opacity, display.GetSegmentOpacity3D(segment_id))
            display.SetSegmentOpacity3D(segment_id, clear)


def surfaces_are_shown(segmentation) -> bool:
    """Whether surfaces are there and visible."""
    display = segmentation.GetDisplayNode() if segmentation is not None else None
    kind = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    return bool(
        display is not None
        and display.GetVisibility()
        and display.GetVisibility3D()
        and segmentation.GetSegmentation().ContainsRepresentation(kind)
    )


def show_volume(logic, volume, visible: bool) -> None:
    """Render a volume, or no longer. logic: that of the Volume Rendering module."""
    display = logic.GetFirstVolumeRenderingDisplayNode(volume)
    if display is None and visible:
        display = logic.CreateDefaultVolumeRenderingNodes(volume)
        preset = logic.GetPresetByName("MR-Default")
        if preset is not None:
            display.GetVolumePropertyNode().Copy(preset)
    if display is not None:
        display.SetVisibility(visible)


def volume_is_shown(logic, volume) -> bool:
    """Whether a volume is being rendered."""
    display = logic.GetFirstVolumeRenderingDisplayNode(volume) if volume is not None else None
    return display is not None and bool(display.GetVisibility())


def move_rendering(logic, mrml_scene, volume) -> None:
    """Render a volume (None: none) in place of every other synthetic one that is rendered now."""
    nodes = scene.nodes_of(mrml_scene, "vtkMRMLScalarVolumeNode")
    rendered = [node for node in nodes if results.is_synthetic(node) and volume_is_shown(logic, node)]
    for node in rendered:
        show_volume(logic, node, node is volume)
    if rendered and volume is not None:
        show_volume(logic, volume, True)


def hide_other_volumes(logic, mrml_scene, volume) -> None:
    """Render no volume but this one."""
    for node in scene.nodes_of(mrml_scene, "vtkMRMLScalarVolumeNode"):
        if node is not volume and volume_is_shown(logic, node):
            show_volume(logic, node, False)
