"""What synthesis needs beyond Slicer, whether it is there, and how it gets there: on the user's click only."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass

import qt
import slicer
from slicer.i18n import tr as _

from .. import paths

PACKAGES = {"safetensors": "safetensors>=0.4", "nibabel": "nibabel", "tqdm": "tqdm", "psutil": "psutil"}
DICOM_PACKAGES = ("pydicom", "highdicom")
TORCH = ">=2.4"
NEEDED = ("torch", *PACKAGES)
RESUME_KEY = "MedDDPM/ContinueInstallation"
_PROBE = ["-m", "MedDDPMSlicerLib.processes.probe"]


@dataclass(frozen=True)
class State:
    """What a probe found. broken: package -> what its import said. devices: what torch can compute on, as the worker's
    `ready` tells it. cards: NVIDIA cards seen without torch."""

    missing: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    devices: tuple[dict, ...] = ()
    cards: tuple[str, ...] = ()
    machine: str = ""
    failure: str = ""

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.broken or self.failure)

    @property
    def lacks_torch(self) -> bool:
        return "torch" in self.missing or any(name == "torch" for name, _reason in self.broken)

    def device_text(self) -> str:
        """Which device will do the work, in words; says so where a GPU lies idle."""
        gpus = [str(device["name"]) for device in self.devices if device["id"] != "cpu"]
        if gpus:
            return _("Synthesis will run on: {devices}").format(devices=", ".join(gpus))
        if self.cards and not self.lacks_torch:
            return _(
                "The installed PyTorch cannot use the GPU ({cards}); synthesis will run on the processor. "
                "To change that, reinstall PyTorch with the PyTorch module."
            ).format(cards="; ".join(self.cards))
        if self.cards:
            return _("Will use the GPU: {cards}").format(cards="; ".join(self.cards))
        return _("No GPU was found: synthesis will run on the processor.")

    def download_text(self) -> str:
        if not self.lacks_torch:
            return _("Download: a few megabytes.")
        size = (
            _("about 3 GB (PyTorch for NVIDIA GPUs)") if self.cards else _("about 250 MB (PyTorch for the processor)")
        )
        return _("Download: {size}. It is kept inside Slicer and needed once.").format(size=size)


def parse(output: str) -> State:
    """The state that a probe's output tells; a probe that says nothing understandable is a failure."""
    try:
        report = json.loads(output.strip().splitlines()[-1])
        packages = report["packages"]
        return State(
            tuple(name for name, found in packages.items() if found.get("missing")),
            tuple((name, found["broken"]) for name, found in packages.items() if "broken" in found),
            tuple((name, found["version"]) for name, found in packages.items() if "version" in found),
            tuple(report["devices"]),
            tuple(report["graphics_cards"]),
            report["machine"],
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return State(failure=_("Python's check of its packages gave no answer."))


class Probe:
    """Looks for the packages in a child process and hands a State to `on_state`; the window stays free."""

    def __init__(self, on_state, python: str):
        self._on_state, self._python, self._process = on_state, python, None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        if self._process is not None:
            return
        self._process = qt.QProcess(slicer.app)  # owned by Qt: it must outlive the signal in which it is let go
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        self._process.setWorkingDirectory(str(paths.module_folder()))
        self._process.start(self._python, [*_PROBE, *NEEDED])

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.waitForFinished(2000)
            process.deleteLater()

    def _finished(self, _code, _status) -> None:
        if self._process is not None:
            self._answer(parse(bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")))

    def _failed(self, error) -> None:
        if self._process is not None and error == qt.QProcess.FailedToStart:
            self._answer(State(failure=_("Slicer's Python could not be started ({path}).").format(path=self._python)))

    def _answer(self, state: State) -> None:
        process, self._process = self._process, None
        process.deleteLater()
        self._on_state(state)


class InstallError(Exception):
    """An installation that did not work; the text tells what to do."""


def install(state: State) -> bool:
    """Install what `state` says is missing; returns whether Slicer must restart first. Never in testing mode."""
    if slicer.app.testingEnabled():
        raise InstallError(_("Nothing is installed in testing mode."))
    if state.lacks_torch:
        try:
            import PyTorchUtils
        except ModuleNotFoundError:
            return _install_pytorch_extension()
        logic = PyTorchUtils.PyTorchUtilsLogic()
        if any(name == "torch" for name, _reason in state.broken):
            logic.uninstallTorch()
        if logic.installTorch(askConfirmation=True, torchVersionRequirement=TORCH) is None:
            raise InstallError(_("PyTorch was not installed."))
    requirements = [PACKAGES[name] for name in PACKAGES if name not in dict(state.versions)]
    if requirements:
        _install_packages(requirements)
    return False


def missing_dicom() -> list[str]:
    """The packages for DICOM export that are not there."""
    return [name for name in DICOM_PACKAGES if importlib.util.find_spec(name) is None]


def install_dicom() -> None:
    """Install what DICOM export needs. Never in testing mode."""
    if slicer.app.testingEnabled():
        raise InstallError(_("Nothing is installed in testing mode."))
    _install_packages(missing_dicom())


def _install_packages(requirements: list[str]) -> None:
    try:
        from slicer import packaging
    except ImportError:  # Slicer < 5.12
        slicer.util.pip_install(requirements)
        return
    packaging.pip_ensure(requirements, requester="MedDDPM", prompt_install=False)  # slicer-api: ignore


def _install_pytorch_extension() -> bool:
    manager = slicer.app.extensionsManagerModel()
    manager.interactive = False
    if not manager.installExtensionFromServer("PyTorch", False):
        raise InstallError(
            _(
                "The PyTorch extension could not be fetched. Install “PyTorch” in the Extensions Manager, "
                "restart Slicer and come back."
            )
        )
    return True


def remember_to_continue(remember: bool) -> None:
    """Keep over a restart that an installation was under way."""
    if remember:
        qt.QSettings().setValue(RESUME_KEY, "true")
    else:
        qt.QSettings().remove(RESUME_KEY)


def is_to_continue() -> bool:
    return slicer.util.settingsValue(RESUME_KEY, False, converter=slicer.util.toBool)
