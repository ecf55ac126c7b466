"""The word SYNTHETIC in the slice views that show an image made here, at an edge that Slicer leaves free."""

from __future__ import annotations

import slicer
import vtk
from slicer.i18n import tr as _

from ..mrml import results, scene

TEXT = _("SYNTHETIC: not for diagnosis")
_EDGE = vtk.vtkCornerAnnotation.UpperEdge


def mark_views() -> None:
    """Put the word into the views that show a synthetic image, and take it from the others."""
    layout = slicer.app.layoutManager()
    if layout is None:
        return
    for name in layout.sliceViewNames():
        widget = layout.sliceWidget(name)
        corners = widget.sliceView().cornerAnnotation()
        text = TEXT if _shows_synthetic(widget.mrmlSliceCompositeNode()) else ""
        if (corners.GetText(_EDGE) or "") != text:
            corners.GetTextProperty().SetShadow(True)  # Slicer's own annotations set it, where they are on
            corners.SetText(_EDGE, text)
            widget.sliceView().scheduleRender()


def composites(mrml_scene) -> list:
    """The nodes whose change asks for `mark_views`."""
    return scene.nodes_of(mrml_scene, "vtkMRMLSliceCompositeNode")


def _shows_synthetic(composite) -> bool:
    behind, front = (
        slicer.mrmlScene.GetNodeByID(identity) if identity else None
        for identity in (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
    )
    if front is not None and composite.GetForegroundOpacity() > 0 and results.is_synthetic(front):
        return True
    return behind is not None and results.is_synthetic(behind)
