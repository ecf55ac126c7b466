"""The plot view: the chart of the plot view node, drawn by VTK's charts from the real plot nodes."""

import vtk
from PySide6.QtCore import Signal

from .rendered_view import RenderedView, TitledView

_COLOR = (0.8, 0.8, 0.8)


class qMRMLPlotView(RenderedView):
    mrmlSceneChanged = Signal(object)
    _signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    _node = None

    def setMRMLPlotViewNode(self, newPlotViewNode):
        self._node = newPlotViewNode

    def setMRMLScene(self, newScene):
        self.mrmlSceneChanged.emit(newScene)

    def fitToContent(self):
        """The axes fit whenever the chart is drawn."""

    def _fill(self, renderer):
        self._chart = vtk.vtkChartXY()
        scene = vtk.vtkContextScene()
        scene.AddItem(self._chart)
        actor = vtk.vtkContextActor()
        actor.SetScene(scene)
        scene.SetRenderer(renderer)
        renderer.AddActor(actor)
        renderer.SetBackground(1, 1, 1)

    def _prepare(self, width, height):
        self._chart.ClearPlots()
        chart = self._node.GetPlotChartNode() if self._node is not None else None
        if chart is None:
            return
        self._chart.SetTitle(chart.GetTitle() or "")
        self._chart.SetShowLegend(chart.GetLegendVisibility())
        self._chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(chart.GetXAxisTitle() or "")
        self._chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle(chart.GetYAxisTitle() or "")
        for index in range(chart.GetNumberOfPlotSeriesNodes()):
            self._add(chart.GetNthPlotSeriesNode(index))

    def _add(self, series):
        table = series.GetTableNode()
        if table is None or table.GetTable().GetNumberOfRows() < 2:
            return
        line = self._chart.AddPlot(vtk.vtkChart.LINE)
        line.SetInputData(table.GetTable(), series.GetXColumnName() or "Indexes", series.GetYColumnName())
        line.SetLabel(series.GetName())
        line.SetWidth(series.GetLineWidth())
        line.SetColorF(*series.GetColor())


class qMRMLPlotWidget(TitledView):
    def __init__(self):
        super().__init__(qMRMLPlotView(), "P", _COLOR)

    def mrmlPlotViewNode(self):
        return self._view._node

    def setMRMLPlotViewNode(self, newPlotViewNode):
        self._view.setMRMLPlotViewNode(newPlotViewNode)

    def plotView(self):
        return self._view

    def viewWidget(self):
        return self._view
