"""The slice views: Slicer's slice logic and displayable managers."""

import slicer
import vtk

from .observing import Observations
from .rendered_view import AnnotatedView, TitledView, displayable_managers

_MANAGERS = (
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLLinearTransformsDisplayableManager",
)


class qMRMLSliceView(AnnotatedView):
    def __init__(self, logic, parent=None):
        super().__init__(parent)
        self._logic = logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def _fill(self, renderer):
        super()._fill(renderer)
        renderer.GetActiveCamera().ParallelProjectionOn()  # handles are drawn in such a camera's -1 to 1
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(self._mapper)
        self._actor.GetProperty().SetDisplayLocationToBackground()
        renderer.AddViewProp(self._actor)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self._managers = displayable_managers(factory, slicer.app.applicationLogic(), _MANAGERS, renderer)
        self._managers.SetMRMLDisplayableNode(self._logic.GetSliceNode())
        style = slicer.vtkMRMLSliceViewInteractorStyle()
        style.SetSliceLogic(self._logic)
        self._hear_mouse(style, self._managers)

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self._logic.ResizeSliceNode(max(1, event.size().width()), max(1, event.size().height()))

    def _prepare(self, width, height):
        self._logic.ResizeSliceNode(width, height)
        connection = self._logic.GetImageDataConnection()
        self._actor.SetVisibility(connection is not None)
        if connection is not None:
            self._mapper.SetInputConnection(connection)


class qMRMLSliceWidget(TitledView):
    def __init__(self, logic):
        node = logic.GetSliceNode()
        super().__init__(qMRMLSliceView(logic), "", node.GetLayoutColor())
        self._logic = logic
        self.setMRMLScene(node.GetScene())
        self._observations = Observations(self)
        self._observations.add(node, [vtk.vtkCommand.ModifiedEvent], self._say_orientation)
        self._say_orientation()

    def _say_orientation(self):
        node = self._logic.GetSliceNode()
        self._title.text = f" {node.GetLayoutLabel()}   {node.GetOrientation()}"

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def sliceView(self):
        return self._view

    def viewWidget(self):
        return self._view

    def fitSliceToBackground(self):
        self._logic.FitSliceToAll()
