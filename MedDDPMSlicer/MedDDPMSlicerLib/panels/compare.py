"""Compare: step through the samples, look at them beside their MRI, map where they differ, measure their lesion."""

from __future__ import annotations

from collections.abc import Callable, Generator

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from ..mrml import lesions, variants, views
from ..pieces import Pieces
from .panel import Panel, Window

ALONE, FADE, BESIDE, CHECKERBOARD, DIFFERENCE, MONTAGE = (
    "alone",
    "fade",
    "side by side",
    "checkerboard",
    "difference",
    "montage",
)

_LAYOUT_MS = 100


class ComparePanel(Panel):
    FILE = "Compare"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self._pieces = Pieces(window.process.call_later, self._failed)
        self._layout = views.ComparingLayout(slicer.mrmlScene)
        self._samples: variants.SampleNodes | None = None
        self._settling = False
        self.ui.resultSelector.setMRMLScene(slicer.mrmlScene)
        self._ways: dict[str, str] = {}
        self.ui.viewsCombo.connect("activated(int)", lambda _index: self._show_views())
        self.ui.sampleSlider.connect("valueChanged(int)", self._step_to)
        self.ui.mapsButton.connect("clicked()", self._map)
        self.ui.measureButton.connect("clicked()", self._measure)
        self.ui.lesionTable.setVisible(False)

    def refresh(self) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        shown = parameters.result
        self._samples = variants.samples_of(slicer.mrmlScene, shown) if shown is not None else None
        count = len(self._samples.volumes) if self._samples else 1
        self._settling = True
        self.ui.sampleSlider.maximum = count
        self.ui.sampleSlider.value = self._samples.browser.GetSelectedItemNumber() + 1 if count > 1 else 1
        self._settling = False
        self.ui.sampleSlider.enabled = count > 1
        self._say_which()
        idle = not self._pieces.is_running
        self.ui.mapsButton.enabled = count > 1 and idle
        self.ui.measureButton.enabled = shown is not None and parameters.segmentation is not None and idle
        self._fill_ways(count)
        self.ui.viewsCombo.enabled = shown is not None and idle

    @property
    def takes_views(self) -> bool:
        return self._pieces.is_running

    def forget_scene(self) -> None:
        self._pieces.stop()
        self._layout = views.ComparingLayout(slicer.mrmlScene)
        self._samples = None
        self.ui.lesionTable.setVisible(False)
        self._say("")

    def new_result(self) -> None:
        """Show it in the first of the ways, as a run does, where it is not shown yet."""
        self._pieces.stop()
        self.ui.lesionTable.setVisible(False)
        self._say("")
        self._leave_layout()
        self.ui.viewsCombo.setCurrentIndex(0)
        result = self._parameters.result
        if result is None or self.window.views_are_taken or views.is_shown(slicer.mrmlScene, result):
            return
        self._show_views()

    def close(self) -> None:
        self._pieces.stop()
        self._layout.restore()

    def _say_which(self) -> None:
        if self._samples is None or len(self._samples.volumes) < 2:
            self.ui.sampleLabel.text = _("Sample:")
            return
        number = self.ui.sampleSlider.value
        self.ui.sampleLabel.text = _("Sample {number} of {count}, seed {seed}:").format(
            number=number, count=len(self._samples.volumes), seed=self._samples.seed(number - 1)
        )

    def _step_to(self, number: int) -> None:
        if not self._settling and self._samples is not None and self._samples.browser is not None:
            self._samples.browser.SetSelectedItemNumber(number - 1)
            self._say_which()

    def _fill_ways(self, count: int) -> None:
        """Offer what can be shown: most ways need an MRI, a grid needs samples."""
        ways = {ALONE: _("The image alone")}
        if self._parameters.mri is not None:
            ways = {
                FADE: _("Fade between MRI and synthetic image"),
                **ways,
                BESIDE: _("Side by side"),
                CHECKERBOARD: _("Checkerboard"),
                DIFFERENCE: _("Difference map"),
            }
        if count > 1:
            ways[MONTAGE] = _("All samples in a grid")
        if ways == self._ways:
            return
        self._ways, chosen = ways, self.ui.viewsCombo.itemData(self.ui.viewsCombo.currentIndex)
        self.ui.viewsCombo.clear()
        for key, title in ways.items():
            self.ui.viewsCombo.addItem(title, key)
        self.ui.viewsCombo.setCurrentIndex(max(0, self.ui.viewsCombo.findData(chosen)))

    def _show_views(self) -> None:
        """Show the MRI and the image in the way that was chosen; all but fading makes a volume first."""
        parameters, way = self._parameters, self.ui.viewsCombo.itemData(self.ui.viewsCombo.currentIndex)
        self._say("")
        self._leave_layout()
        if way == FADE:
            views.show(slicer.mrmlScene, parameters.result, parameters.mri, parameters.fade)
        elif way == ALONE:
            views.alone(slicer.mrmlScene, parameters.result)
        elif way == BESIDE:
            self._layout.side_by_side(parameters.mri, parameters.result)
            self._fit_views()
        elif way == CHECKERBOARD:
            checkers = variants.checkerboard(slicer.mrmlScene, parameters.result, parameters.mri)
            self._do(checkers, lambda node: views.alone(slicer.mrmlScene, node))
        elif way == DIFFERENCE:
            difference = variants.difference(slicer.mrmlScene, parameters.result, parameters.mri)
            self._do(difference, lambda node: views.show_map(slicer.mrmlScene, node, parameters.mri))
        else:
            self._do(variants.montage(slicer.mrmlScene, self._samples), self._show_montage)

    def _leave_layout(self) -> None:
        """Back to outlines, the user's layout and a zoom that fits one image."""
        self.window.run.outlines.show(self._parameters.segmentation)
        if self._layout.is_shown:
            self._layout.restore()
            self._fit_views()

    def _fit_views(self) -> None:
        """Once the views have the size of the new layout."""
        self.window.process.call_later(_LAYOUT_MS, self._fit)

    def _fit(self) -> None:
        slicer.util.resetSliceViews()
        self.window.jump_to_lesion()

    def _show_montage(self, node) -> None:
        self._layout.in_one_view(node)
        self.window.run.outlines.hide()
        self._fit_views()
        seeds = ", ".join(self._samples.seed(number) for number in range(len(self._samples.volumes)))
        self._say(_("By lines, the seeds {seeds}. Scroll through all at once.").format(seeds=seeds))

    def _map(self) -> None:
        self._do(variants.maps(slicer.mrmlScene, self._samples), self._show_maps)

    def _show_maps(self, made: list) -> None:
        mean, deviation = made
        self._leave_layout()
        views.show_map(slicer.mrmlScene, deviation, mean)
        self._say(_("“{mean}” and “{sd}” were added.").format(mean=mean.GetName(), sd=deviation.GetName()))

    def _do(self, work: Generator, then: Callable) -> None:
        def whole():
            made = yield from work
            then(made)

        qt.QApplication.setOverrideCursor(qt.Qt.BusyCursor)
        self._pieces.start(self._with_cursor(whole()))
        self.refresh()

    def _with_cursor(self, work: Generator) -> Generator:
        try:
            yield from work
        finally:
            qt.QApplication.restoreOverrideCursor()
            self.window.process.call_later(0, self.window.refresh)

    def _failed(self, error: Exception) -> None:
        self._say(str(error))

    def _measure(self) -> None:
        parameters, window = self._parameters, self.window
        ids = lesions.lesion_segments(window.roles, window.segments)
        heads = [s for role in window.roles if role.rank == 0 for s in window.segments.get(role.label, ())]
        try:
            table = variants.measure(
                slicer.mrmlScene, self._samples, parameters.segmentation, ids, heads, parameters.mri
            )
        except MedDDPMError as error:
            self._say(str(error))
            return
        self._fill_table(table)
        self._say(_("The table “{name}” was added to the scene.").format(name=table.GetName()))

    def _fill_table(self, node) -> None:
        own, rows = self.ui.lesionTable, node.GetNumberOfRows()
        own.setColumnCount(len(variants.COLUMNS))
        own.setRowCount(rows)
        short = [title.removeprefix("Mean ").capitalize() for title in variants.COLUMNS[1:]]
        own.setHorizontalHeaderLabels(["#", *short])
        for row in range(rows):
            for column in range(len(variants.COLUMNS)):
                value = node.GetTable().GetValue(row, column)
                text = value.ToString() if column < 2 else f"{value.ToDouble():.1f}"
                own.setItem(row, column, qt.QTableWidgetItem(text))
        own.resizeColumnsToContents()
        own.setVisible(True)

    def _say(self, text: str) -> None:
        self.ui.compareMessage.text = text
        self.ui.compareMessage.visible = bool(text)
