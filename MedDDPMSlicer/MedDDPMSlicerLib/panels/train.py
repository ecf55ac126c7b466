"""Train: data and output folder, start, stop, resume, the loss curve and the newest samples."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from .. import paths
from ..mrml.loss_plot import LossPlot
from ..processes import packed, training
from ..processes.qt_transport import QtTransport
from .panel import Panel, Window

_INTERVAL_MS = 1000
_PICTURE_WIDTH = 360


class TrainPanel(Panel):
    FILE = "Train"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self.process = training.TrainingProcess(QtTransport(), paths.python(), str(paths.core_folder()), self._ended)
        self._plot: LossPlot | None = None
        self._picture: Path | None = None
        self._problem = ""
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._poll)
        self.ui.dataButton.connect("clicked()", lambda: self._browse("trainingData", _("Folder with MRIs")))
        self.ui.runButton.connect("clicked()", lambda: self._browse("trainingRun", _("Folder for the results")))
        self.ui.trainButton.connect("clicked()", self._train)
        self.ui.stopButton.connect("clicked()", self._stop)
        self.ui.useModelButton.connect("clicked()", self._use_model)
        self.ui.plotButton.connect("clicked()", self._show_plot)

    def refresh(self) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        running = self.process.is_running
        ready = bool(parameters.trainingData.strip()) and bool(parameters.trainingRun.strip())
        self.ui.trainButton.text = (
            _("Resume") if ready and packed.has_checkpoint(Path(parameters.trainingRun)) else _("Train")
        )
        self.ui.trainButton.enabled = ready and not running and self.window.can_synthesize
        self.ui.stopButton.enabled = running and not self.process.is_stopping
        self.ui.plotButton.enabled = self._plot is not None and self._plot.is_in_scene
        for widget in (
            self.ui.dataEdit,
            self.ui.dataButton,
            self.ui.runEdit,
            self.ui.runButton,
            self.ui.trainStepsSpinBox,
            self.ui.batchSpinBox,
            self.ui.fineTuneCheckBox,
        ):
            widget.enabled = not running
        self.ui.useModelButton.enabled = (
            not running and training.made_model(Path(parameters.trainingRun.strip())) is not None
        )
        self.ui.trainStatus.text = self._status()

    def forget_scene(self) -> None:
        """The scene is being closed: its plot is gone, the training goes on."""
        self._plot = None

    def close(self) -> None:
        self._timer.stop()
        self.process.close()

    def _status(self) -> str:
        last = self.process.last
        step = _("Step {step}, loss {loss:.4f}").format(step=last["step"], loss=last["loss"]) if "loss" in last else ""
        if self.process.is_stopping:
            return _("Saving a checkpoint…")
        if self.process.is_running:
            return step or self.process.heard or _("Starting…")
        return "\n".join(part for part in (self._problem, step) if part)

    def _browse(self, name: str, caption: str) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.widget, caption, self._parameters.getValue(name))
        if folder:
            setattr(self._parameters, name, folder)

    def _train(self) -> None:
        parameters, self._problem = self._parameters, ""
        data, run = Path(parameters.trainingData.strip()), Path(parameters.trainingRun.strip())
        if not data.is_dir():
            self._problem = _("There is no folder {folder}.").format(folder=data)
            self.refresh()
            return
        tune = parameters.model if parameters.trainingFineTune else ""
        try:
            todo = training.commands(data, run, parameters.trainingSteps, parameters.trainingBatch, tune)
        except (MedDDPMError, OSError) as error:
            self._problem = str(error)
            self.refresh()
            return
        if run == self.process.run and self._plot is not None and self._plot.is_in_scene:
            self._plot.clear()
        else:
            self._plot = LossPlot(slicer.mrmlScene, run.name or "Training")
        self.process.train(todo, run)
        self._timer.start()
        self.refresh()

    def _stop(self) -> None:
        self.process.stop()
        self.refresh()

    def _poll(self) -> None:
        entries = self.process.poll()
        if entries and self._plot is not None and self._plot.is_in_scene:
            self._plot.add(entries)
        self.ui.trainProgress.value = training.percent(self.process.run, self.process.last)
        picture = self.process.newest_sample()
        if picture is not None and picture != self._picture:
            self._picture = picture
            pixmap = qt.QPixmap(str(picture))
            self.ui.sampleLabel.setPixmap(
                pixmap.scaledToWidth(min(_PICTURE_WIDTH, pixmap.width()), qt.Qt.SmoothTransformation)
            )
        self.refresh()

    def _ended(self, problem: str) -> None:
        self._timer.stop()
        self._problem = (
            _("The training ended: {problem}").format(problem=problem) if problem else _("The training ended.")
        )
        self._poll()

    def _use_model(self) -> None:
        folder = training.made_model(Path(self._parameters.trainingRun.strip()))
        self.window.add_model(str(folder))
        self._problem = _("“{name}” is chosen: the next image is made with it.").format(name=self.window.model.title)
        self.refresh()

    def _show_plot(self) -> None:
        self._plot.show(slicer.app.applicationLogic())
