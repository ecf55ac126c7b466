"""The 3D view: Slicer's displayable managers for models and segmentations."""

import slicer

from .rendered_view import AnnotatedView, TitledView, displayable_managers

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLLinearTransformsDisplayableManager",
)
_COLOR = (0.45, 0.45, 1.0)


class qMRMLThreeDView(AnnotatedView):
    def __init__(self, node, parent=None):
        super().__init__(parent)
        self._node = node

    def mrmlViewNode(self):
        return self._node

    def resetFocalPoint(self):
        if self._window is not None:
            self._window.GetRenderers().GetFirstRenderer().ResetCamera()

    def _fill(self, renderer):
        super()._fill(renderer)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self._managers = displayable_managers(factory, slicer.app.applicationLogic(), _MANAGERS, renderer)
        self._managers.SetMRMLDisplayableNode(self._node)
        renderer.ResetCamera()

    def _prepare(self, width, height):
        self._window.GetRenderers().GetFirstRenderer().ResetCamera()


class qMRMLThreeDWidget(TitledView):
    def __init__(self, node):
        super().__init__(qMRMLThreeDView(node), "1", _COLOR)
        self.setMRMLScene(node.GetScene())

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()

    def threeDView(self):
        return self._view

    def viewWidget(self):
        return self._view
