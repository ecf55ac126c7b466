"""Export: a synthetic image as a DICOM study, and data sets of many images."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .. import paths
from ..mrml import results
from ..pieces import Pieces
from ..processes import export, installation
from ..processes.qt_transport import QtTransport
from ..processes.requirements import DICOM, lacking
from .panel import Panel, Window

LAYOUTS = {"nnunet": "nnU-Net", "bids": "BIDS"}


class ExportPanel(Panel):
    FILE = "Export"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self.process = export.ExportProcess(
            QtTransport(),
            paths.python(),
            str(paths.core_folder()),
            slicer.app.temporaryPath,
            self._show_progress,
            self._ended,
        )
        self._pieces = Pieces(window.process.call_later, self._refuse)
        self._problem = self._left_out = ""
        self._out: Path | None = None
        self._is_done = False
        self.ui.exportSelector.setMRMLScene(slicer.mrmlScene)
        for layout, title in LAYOUTS.items():
            self.ui.layoutCombo.addItem(title, layout)
        self.ui.layoutCombo.connect("activated(int)", self._layout_chosen)
        self.ui.masksButton.connect("clicked()", self._browse)
        self.ui.dicomButton.connect("clicked()", self._export_dicom)
        self.ui.datasetButton.connect("clicked()", self._make_dataset)
        self.ui.exportStopButton.connect("clicked()", self._stop)

    def refresh(self) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        running = self.is_busy
        image = parameters.result is not None and results.is_synthetic(parameters.result)
        self.ui.dicomButton.enabled = image and not running
        self.ui.dicomButton.toolTip = (
            _("Writes the image as a DICOM series into a new folder. Nothing is written over.")
            if image
            else _("Only images made here are exported: make one, or choose one.")
        )
        self.ui.datasetButton.enabled = self.window.can_synthesize and self.window.model is not None and not running
        self.ui.exportStopButton.enabled = running and not self.process.is_stopping
        self.ui.layoutCombo.setCurrentIndex(max(0, self.ui.layoutCombo.findData(parameters.exportLayout)))
        self.ui.exportMaskCheckBox.enabled = parameters.segmentation is not None and not running
        for widget in (
            self.ui.burnInCheckBox,
            self.ui.masksEdit,
            self.ui.masksButton,
            self.ui.exportSamplesSpinBox,
            self.ui.layoutCombo,
        ):
            widget.enabled = not running
        self._show_progress()

    def forget_scene(self) -> None:
        """The scene is being closed: what is still being read from it is left; an export of files goes on."""
        if self._pieces.is_running:
            self._pieces.stop()
            self.process.discard()

    def close(self) -> None:
        self._pieces.stop()
        self.process.close()

    @property
    def is_busy(self) -> bool:
        return self._pieces.is_running or self.process.is_running

    def _show_progress(self) -> None:
        self.ui.exportProgress.value = self.process.percent
        self.ui.exportStatus.text = self._status()

    def _status(self) -> str:
        if self.process.is_stopping:
            return _("Stopping: what is made is completed…")
        if self.is_busy:
            return self.process.text or _("Starting…")
        return "\n".join(part for part in (self._problem, self._left_out, *self._outcome()) if part)

    def _outcome(self) -> list[str]:
        return list(self.process.notes) if self._is_done else []

    def _layout_chosen(self, index: int) -> None:
        self._parameters.exportLayout = self.ui.layoutCombo.itemData(index)

    def _browse(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder with masks"), self._parameters.exportMasks)
        if folder:
            self._parameters.exportMasks = folder

    def _export_dicom(self) -> None:
        if not self._dicom_is_there():
            return
        parent = qt.QFileDialog.getExistingDirectory(self.widget, _("Where to put the DICOM folder"))
        if not parent:
            return
        parameters, window = self._parameters, self.window
        segmentation = parameters.segmentation if parameters.exportMask else None
        burn_in = parameters.exportBurnIn

        def prepare(folder: Path) -> Generator[None, None, tuple[list[str], Path]]:
            out = export.new_folder(Path(parent), export.dicom_name(parameters.result))
            arguments = yield from export.prepare_dicom(
                parameters.result, segmentation, window.roles, window.segments, out, folder, burn_in=burn_in
            )
            return arguments, out

        self._begin(prepare)

    def _make_dataset(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder for the dataset"))
        if not chosen:
            return
        parameters, roles = self._parameters, self.window.roles
        settings = {
            "model": parameters.model,
            "samples": parameters.exportSamples,
            "seed": parameters.seed,
            "steps": parameters.steps,
            "sampler": parameters.sampler,
            "device": parameters.device,
            "grid": parameters.grid,
        }

        def prepare(folder: Path) -> Generator[None, None, tuple[list[str], Path]]:
            out, masks = export.dataset_folder(Path(chosen)), parameters.exportMasks.strip()
            if masks:
                return export.dataset_arguments(Path(masks), out, parameters.exportLayout, (), settings), out
            left_out = yield from export.masks_of_scene(slicer.mrmlScene, roles, folder)
            self._left_out = " ".join(left_out)
            return export.dataset_arguments(folder, out, parameters.exportLayout, roles, settings), out

        self._begin(prepare)

    def _begin(self, prepare: Callable[[Path], Generator]) -> None:
        """Write what the command is to read, a piece in each turn of the event loop; then start the command."""

        def work():
            arguments, self._out = yield from prepare(self.process.prepare())
            self.process.export(arguments)
            self.window.process.call_later(0, self.refresh)

        self._problem = self._left_out = ""
        self._is_done = False
        self._pieces.start(work())
        self.refresh()

    def _refuse(self, error: Exception) -> None:
        self.process.discard()
        self._problem, self._is_done = str(error), False
        self.refresh()

    def _stop(self) -> None:
        if self._pieces.is_running:
            self._pieces.stop()
            self.process.discard()
            self._problem = _("Stopped.")
        else:
            self.process.stop()
        self.refresh()

    def _ended(self, problem: str) -> None:
        self._is_done = True
        self._problem = (
            _("This did not work: {problem}").format(problem=problem)
            if problem
            else _("Ended. See {folder}.").format(folder=self._out)
        )
        self.refresh()

    def _dicom_is_there(self) -> bool:
        """Whether the DICOM packages are there; if not, they are installed in the background where the user agrees."""
        lacks = lacking(DICOM)
        if not lacks:
            return True
        question = _("DICOM export needs {names} (a few megabytes). Install now?").format(names=", ".join(lacks))
        replaced = [f"{name} {version}" for name, version in lacks.items() if version]
        if replaced:
            question += "\n\n" + _(
                "{names}, which Slicer has now, will be replaced by a newer version. Slicer should then be restarted."
            ).format(names=", ".join(replaced))
        if slicer.util.confirmOkCancelDisplay(question, _("DICOM export")):
            self.window.install(installation.dicom_commands(), self._dicom_installed)
        return False

    def _dicom_installed(self, problem: str) -> None:
        self._is_done = False
        self._problem = (
            _("The packages for DICOM could not be installed: {problem}").format(problem=problem)
            if problem
            else _("The packages for DICOM are there now: export once more.")
        )
        self.refresh()
