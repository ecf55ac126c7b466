"""The loss of a training run as a Slicer plot."""

from __future__ import annotations

import json
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

COLUMNS = (_("Step"), _("Loss"), _("Validation loss"))


def read_log(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """The complete JSON lines of a training log from a byte offset on, and the offset to go on from.

    A line that is being written, or is not a JSON object, is left out.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError:
        return [], offset
    end = data.rfind(b"\n") + 1
    entries = []
    for line in data[:end].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries, offset + end


class LossPlot:
    """A table, two curves and a chart in the scene; points are added as the log grows."""

    def __init__(self, scene, name: str):
        self._scene = scene
        self._stage, self._before = 0, 0.0
        self.table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} loss table")
        for column in COLUMNS:
            array = vtk.vtkDoubleArray()
            array.SetName(column)
            self.table.AddColumn(array)
        self.chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{name} loss")
        self.chart.SetTitle(_("{name}: loss").format(name=name))
        self.chart.SetXAxisTitle(COLUMNS[0])
        self.chart.SetYAxisTitle(COLUMNS[1])
        for column, color in ((COLUMNS[1], (0.2, 0.4, 0.8)), (COLUMNS[2], (0.9, 0.5, 0.1))):
            series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", column)
            series.SetAndObserveTableNodeID(self.table.GetID())
            series.SetXColumnName(COLUMNS[0])
            series.SetYColumnName(column)
            series.SetPlotType(series.PlotTypeScatter)
            series.SetMarkerStyle(series.MarkerStyleNone)
            series.SetColor(*color)
            self.chart.AddAndObservePlotSeriesNodeID(series.GetID())

    @property
    def is_in_scene(self) -> bool:
        return self._scene.IsNodePresent(self.table) and self._scene.IsNodePresent(self.chart)

    def clear(self) -> None:
        """Start again without points."""
        self._stage, self._before = 0, 0.0
        self.table.GetTable().SetNumberOfRows(0)
        self.table.Modified()

    def add(self, entries: list[dict]) -> None:
        """Append the entries that have a step and a loss; a missing validation loss repeats the last one.

        The steps of a stage come after those of the stage before it.
        """
        table = self.table.GetTable()
        last = table.GetValue(table.GetNumberOfRows() - 1, 2).ToDouble() if table.GetNumberOfRows() else float("nan")
        for entry in entries:
            if not all(isinstance(entry.get(key), (int, float)) for key in ("step", "loss")):
                continue
            validation = entry.get("validation_loss")
            last = float(validation) if isinstance(validation, (int, float)) else last
            if entry.get("stage", 0) != self._stage:
                rows = table.GetNumberOfRows()
                self._before = table.GetValue(rows - 1, 0).ToDouble() if rows else 0.0
                self._stage = entry["stage"]
            row = self.table.AddEmptyRow()
            for column, value in enumerate((self._before + entry["step"], entry["loss"], last)):
                table.GetColumn(column).SetValue(row, float(value))
        self.table.Modified()

    def show(self, application_logic) -> None:
        """Show the chart in the plot views, in a layout that has one."""
        layout = self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if layout is not None:
            layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotView)
        application_logic.GetSelectionNode().SetActivePlotChartID(self.chart.GetID())
        application_logic.PropagatePlotChartSelection()
