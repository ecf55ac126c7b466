"""slicer.app.layoutManager() with three slice views, rendered offscreen by Slicer's own slice logic."""
import slicer
import vtk
from PySide6.QtCore import Property, QObject, Signal

from .slice_view import qMRMLSliceWidget

SLICE_VIEWS = (("Red", "Axial", "R", (0.95, 0.29, 0.2)), ("Green", "Coronal", "G", (0.43, 0.69, 0.29)),
               ("Yellow", "Sagittal", "Y", (0.93, 0.84, 0.3)))


class qMRMLLayoutManager(QObject):
    layoutChanged = Signal(int)

    def __init__(self, logics):
        super().__init__()
        self._logics = logics
        self._slice_logics = vtk.vtkCollection()
        logics.application.SetSliceLogics(self._slice_logics)
        self._slices = {view[0]: qMRMLSliceWidget(self._logic(*view)) for view in SLICE_VIEWS}
        self._layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView

    def _logic(self, name, orientation, label, color):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self._logics.application)
        logic.SetMRMLScene(self._logics.scene)
        node = logic.AddSliceNode(name)
        node.SetLayoutLabel(label)
        node.SetLayoutColor(color)
        node.SetOrientation(orientation)
        self._slice_logics.AddItem(logic)
        return logic

    def mrmlScene(self):
        return self._logics.scene

    def sliceViewNames(self):
        return tuple(self._slices)

    def sliceWidget(self, name):
        return self._slices.get(name)

    def mrmlSliceLogics(self):
        return self._slice_logics

    def resetSliceViews(self):
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self):
        """There is no 3D view."""

    def setLayout(self, newLayout):
        if newLayout != self._layout:
            self._layout = newLayout
            self.layoutChanged.emit(newLayout)

    def pauseRender(self):
        """Rendering happens on demand."""

    def resumeRender(self):
        """Rendering happens on demand."""

    layout = Property(int, lambda self: self._layout, setLayout)
    threeDViewCount = Property(int, lambda self: 0)


class qSlicerLayoutManager(qMRMLLayoutManager):
    selectModule = Signal(str)
