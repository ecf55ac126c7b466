"""Advanced: model, device, sampler, steps, seed, images, output grid, memory, the computer and the log."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from .. import model_info, paths
from ..mrml.parameters import MedDDPMParameters
from ..processes.qt_transport import QtTransport
from ..processes.weights_import import WeightsImport
from .compute_on import ComputeOn
from .panel import Panel, Window

SAMPLER_TITLES = {
    "dpmpp_2m": "DPM-Solver++ (2M)",
    "dpmpp_2m_sde": _("DPM-Solver++ (2M), with noise"),
    "ddim": "DDIM",
    "ddpm": _("Ancestral, as published"),
}
PUBLISHED_LICENCE = _(
    "The weights of the Med-DDPM authors are not part of this extension. You can download them from the authors' page "
    "(github.com/mobaidoctor/med-ddpm) under the authors' terms: their code is GPL-3.0, the weights are for research "
    "only and were trained on data with terms of their own (BraTS among them). By going on you confirm that you have "
    "downloaded the file under these terms. It is converted on this computer and sent nowhere."
)
GRID_TITLES = {"mask": _("As the segmentation or MRI"), "model": _("As the model was trained")}


def _words(model: model_info.ModelInfo) -> str:
    """What is known of a model, a line each."""
    lines = (
        (_("Images"), ", ".join(model.modalities)),
        (_("Labels"), ", ".join(model.labels)),
        (_("Trained on"), model.training_data),
        (_("Licence"), model.licence),
        (_("Notes"), model.notes),
    )
    return "\n".join(f"{name}: {value}" for name, value in lines if value)


class AdvancedPanel(Panel):
    FILE = "Advanced"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self._fill(self.ui.samplerCombo, {"": _("As the model recommends"), **SAMPLER_TITLES})
        self._fill(self.ui.gridCombo, GRID_TITLES)
        self._weights_import = WeightsImport(QtTransport(), paths.python(), str(paths.core_folder()), self._imported)
        self.show_devices([])
        self.compute_on = ComputeOn(self.ui, window)
        self._choices = {
            "model": self.ui.modelCombo,
            "device": self.ui.deviceCombo,
            "sampler": self.ui.samplerCombo,
            "grid": self.ui.gridCombo,
        }
        for name, combo in self._choices.items():
            combo.connect(
                "activated(int)", lambda index, name=name, combo=combo: self._chosen(name, combo.itemData(index))
            )
        self.ui.importButton.connect("clicked()", self._import)
        self.ui.publishedButton.connect("clicked()", self._import_published)
        self.ui.releaseButton.connect("clicked()", lambda: self.window.process.release())
        self.ui.copyReportButton.connect("clicked()", self.window.copy_report)

    def bind(self, parameters: MedDDPMParameters | None) -> None:
        super().bind(parameters)
        self.show_models()

    def show_models(self) -> None:
        self._fill(self.ui.modelCombo, {key: model.title for key, model in self.window.models.items()})

    def show_devices(self, devices: list[dict]) -> None:
        """devices: as Setup's look and the worker's `ready` tell them: id, name, free memory in bytes (0: unknown)."""
        titles = {"": _("Automatic: the fastest there is")}
        for device in devices:
            free = device.get("free") or 0
            memory = _(" ({free:.1f} GB free)").format(free=free / 1e9) if free else ""
            titles[str(device["id"])] = f"{device['name']}{memory}"
        self._fill(self.ui.deviceCombo, titles)

    def refresh(self) -> None:
        parameters = self._parameters
        if parameters is None:
            return
        for name, combo in self._choices.items():
            combo.setCurrentIndex(max(0, combo.findData(parameters.getValue(name))))
        model, busy = self.window.model, self.window.run.is_active
        self.ui.modelText.text = (
            _words(model) if model else _("No model was found. Import one, or reinstall the extension.")
        )
        self.ui.modelText.visible = bool(self.ui.modelText.text)
        self.ui.seedSpinBox.enabled = not parameters.newSeed
        self.ui.releaseButton.enabled = self.window.process.is_running and not busy
        self.ui.memoryText.text = (
            _("The worker is running") if self.window.process.is_running else _("No worker is running")
        )
        for widget in (
            *self._choices.values(),
            self.ui.stepsSpinBox,
            self.ui.samplesSpinBox,
            self.ui.importButton,
        ):
            widget.enabled = not busy
        self.compute_on.refresh()
        converting = self._weights_import.is_running
        self.ui.publishedButton.enabled = not busy and not converting
        self.ui.publishedButton.text = _("Converting…") if converting else _("Import published weights…")

    def show_log(self) -> None:
        self.ui.logText.plainText = "\n".join(self.window.process.log)
        bar = self.ui.logText.verticalScrollBar()
        bar.value = bar.maximum

    def close(self) -> None:
        self._weights_import.close()

    def _chosen(self, name: str, value: str) -> None:
        setattr(self._parameters, name, value)

    def _fill(self, combo, titles: dict[str, str]) -> None:
        current = combo.itemData(combo.currentIndex) if combo.count else None
        combo.clear()
        for key, title in titles.items():
            combo.addItem(title, key)
        combo.setCurrentIndex(max(0, combo.findData(current)))

    def _import(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder with model.json and weights"))
        if not folder:
            return
        if model_info.read(Path(folder), folder) is None:
            slicer.util.errorDisplay(
                _("There is no model in {folder}: a model is a folder with model.json and weights.safetensors.").format(
                    folder=folder
                )
            )
            return
        self.window.add_model(folder)

    def _import_published(self) -> None:
        """The licence first, then the file, then a conversion in the background that refuses anything but weights."""
        if not slicer.util.confirmOkCancelDisplay(PUBLISHED_LICENCE, _("Import published weights")):
            return
        file = qt.QFileDialog.getOpenFileName(self.widget, _("Checkpoint of the authors"), "", _("Checkpoints (*.pt)"))
        if file:
            self._weights_import.start(Path(file), paths.own_models_folder())
            self.refresh()

    def _imported(self, folder, problem: str) -> None:
        if problem:
            slicer.util.errorDisplay(_("The weights were not imported.\n{problem}").format(problem=problem))
            self.refresh()
        else:
            self.window.add_model(str(folder))
