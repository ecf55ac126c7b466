"""slicer.app.layoutManager(): layout logic, three slice views, a 3D view, and a plot view where the layout has one."""

import slicer
import vtk
from PySide6.QtCore import Property, QObject, Signal

from .observing import Observations
from .plot_view import qMRMLPlotWidget
from .slice_view import qMRMLSliceWidget
from .three_d_view import qMRMLThreeDWidget

SLICE_VIEWS = (
    ("Red", "Axial", "R", (0.95, 0.29, 0.2)),
    ("Green", "Coronal", "G", (0.43, 0.69, 0.29)),
    ("Yellow", "Sagittal", "Y", (0.93, 0.84, 0.3)),
)


class qMRMLLayoutManager(QObject):
    layoutChanged = Signal(int)

    def __init__(self, logics):
        super().__init__()
        self._logics = logics
        self._slice_logics = vtk.vtkCollection()
        logics.application.SetSliceLogics(self._slice_logics)
        self._slices = {view[0]: qMRMLSliceWidget(self._slice_logic(*view)) for view in SLICE_VIEWS}
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLApplicationLogic(logics.application)
        self._layout_logic.SetMRMLScene(logics.scene)
        self._layout_node = self._layout_logic.GetLayoutNode()
        self._layout_node.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._three_d = qMRMLThreeDWidget(logics.scene.GetFirstNodeByClass("vtkMRMLViewNode"))
        self._plot = qMRMLPlotWidget()
        self._observations = Observations(self)
        self._observations.add(self._layout_node, ["ModifiedEvent"], self._layout_modified)
        self._shown = self.layout

    def _slice_logic(self, name, orientation, label, color):
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self._logics.application)
        logic.SetMRMLScene(self._logics.scene)
        node = logic.AddSliceNode(name)
        node.SetLayoutLabel(label)
        node.SetLayoutColor(color)
        node.SetDefaultOrientation(orientation)
        node.SetOrientationToDefault()
        self._slice_logics.AddItem(logic)
        return logic

    def _layout_modified(self):
        self._plot.setMRMLPlotViewNode(self._plot_view_node())
        if self.layout != self._shown:
            self._shown = self.layout
            self.layoutChanged.emit(self.layout)

    def _plot_view_node(self):
        nodes = self._layout_logic.GetViewNodes()
        shown = [nodes.GetItemAsObject(index) for index in range(nodes.GetNumberOfItems())] if nodes else []
        return next((node for node in shown if node.IsA("vtkMRMLPlotViewNode")), None)

    def _views(self):
        """The widgets of the present layout, row by row."""
        if self.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView:
            return [self._slices["Red"], self._slices["Yellow"]]
        if self.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView:
            return [self._slices["Red"]]
        second = self._plot if self._plot_view_node() is not None else self._three_d
        return [self._slices["Red"], second, self._slices["Green"], self._slices["Yellow"]]

    def _reset(self):
        """Slice views as an application has them at its start, for the next test."""
        for widget in self._slices.values():
            widget.mrmlSliceNode().SetOrientationToDefault()

    def mrmlScene(self):
        return self._logics.scene

    def layoutLogic(self):
        return self._layout_logic

    def sliceViewNames(self):
        return tuple(self._slices)

    def sliceWidget(self, name):
        return self._slices.get(name)

    def threeDWidget(self, id):
        return self._three_d if id in (0, "1") else None

    def plotWidget(self, id):
        return self._plot if id == 0 and self.plotViewCount else None

    def mrmlSliceLogics(self):
        return self._slice_logics

    def resetSliceViews(self):
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self):
        self._three_d.threeDView().resetFocalPoint()

    def setLayout(self, newLayout):
        self._layout_node.SetViewArrangement(newLayout)

    def pauseRender(self):
        """Rendering happens on demand."""

    def resumeRender(self):
        """Rendering happens on demand."""

    layout = Property(int, lambda self: self._layout_node.GetViewArrangement(), setLayout)
    threeDViewCount = Property(int, lambda self: 1)
    plotViewCount = Property(int, lambda self: int(self._plot_view_node() is not None))


class qSlicerLayoutManager(qMRMLLayoutManager):
    selectModule = Signal(str)
