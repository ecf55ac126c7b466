"""The word SYNTHETIC in the slice and 3D views that show an image made here, at an edge that Slicer leaves free."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

from ..mrml import results, scene

TEXT = _("SYNTHETIC: not for diagnosis")
_EDGE = vtk.vtkCornerAnnotation.UpperEdge


_WATCHED = ("vtkMRMLSliceCompositeNode", "vtkMRMLVolumeRenderingDisplayNode")


def mark_views() -> None:
    """Put the word into the views that show a synthetic image, and take it from the others."""
    layout = slicer.app.layoutManager()
    if layout is None:
        return
    for name in layout.sliceViewNames():
        widget = layout.sliceWidget(name)
        _mark(widget.sliceView(), _shows_synthetic(widget.mrmlSliceCompositeNode()))
    for index in range(layout.threeDViewCount):
        view = layout.threeDWidget(index).threeDView()
        _mark(view, _renders_synthetic(view.mrmlViewNode()))


def watched(mrml_scene) -> list:
    """The nodes whose change asks for `mark_views`."""
    return [node for name in _WATCHED for node in scene.nodes_of(mrml_scene, name)]


def is_watched(node) -> bool:
    """Whether a node is one of `watched`."""
    return any(node.IsA(name) for name in _WATCHED)


def _mark(view, synthetic: bool) -> None:
    corners, text = view.cornerAnnotation(), TEXT if synthetic else ""
    if (corners.GetText(_EDGE) or "") != text:
        corners.GetTextProperty().SetShadow(True)  # Slicer's own annotations set it, where they are on
        corners.SetText(_EDGE, text)
        view.scheduleRender()


def _renders_synthetic(view_node) -> bool:
    displays = scene.nodes_of(slicer.mrmlScene, "vtkMRMLVolumeRenderingDisplayNode")
    shown = [node for node in displays if node.GetVisibility() and node.IsDisplayableInView(view_node.GetID())]
    return any((volume := node.GetVolumeNode()) is not None and results.is_synthetic(volume) for node in shown)


def _shows_synthetic(composite) -> bool:
    behind, front = (
        slicer.mrmlScene.GetNodeByID(identity) if identity else None
        for identity in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
    )
    if front is not None and composite.GetForegroundOpacity() > 0 and results.is_synthetic(front):
        return True
    return behind is not None and results.is_synthetic(behind)
