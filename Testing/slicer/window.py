"""The module's window in the host, driven by clicks, and models small enough for a test's patience."""

import json
import os
import time
from pathlib import Path

import project
import pytest
import tiny_models

SCREENSHOTS = os.environ.get("MEDDDPM_SCREENSHOTS", "")
PATIENCE = float(os.environ.get("MEDDDPM_PATIENCE", "600"))  # seconds; more on a machine that is busy
GPU = {"id": "cuda:0", "name": "NVIDIA RTX A4000", "free": 14_200_000_000, "total": 16_900_000_000}
FIGURES = os.environ.get("MEDDDPM_FIGURES", "")


class Window:
    """The open module and what a test does with it."""

    def __init__(self, host):
        self.host = host
        self.module = host.load(project.MODULE)
        self.widget = host.open(self.module.name)
        self.wait(lambda: self.widget.panels["setup"].state is not None)

    setup = property(lambda self: self.widget.panels["setup"].ui)
    input = property(lambda self: self.widget.panels["input"].ui)
    edit = property(lambda self: self.widget.panels["edit"].ui)
    lesions = property(lambda self: self.widget.panels["lesion_tools"].ui)
    results = property(lambda self: self.widget.panels["synthesize"].ui)
    compare = property(lambda self: self.widget.panels["compare"].ui)
    advanced = property(lambda self: self.widget.panels["advanced"].ui)
    train = property(lambda self: self.widget.panels["train"].ui)

    @property
    def parameters(self):
        return self.widget.parameters

    @property
    def run(self):
        return self.widget.run

    @property
    def status(self):
        return self.widget.run.status

    def click(self, button):
        """A click that a user could make: on a button that is shown and enabled."""
        self.host.process_events()  # until what was just opened has its place
        self.click_at_once(button)
        self.host.process_events()

    def click_at_once(self, button):
        """Such a click in this very moment: nothing that waits in the event loop comes before it."""
        import qt
        from PySide6.QtTest import QTest

        assert button.enabled, f"{button.objectName} is disabled: {button.toolTip}"
        assert button.isVisibleTo(self.widget.parent), f"{button.objectName} is hidden"
        QTest.mouseClick(button, qt.Qt.LeftButton)

    def choose(self, combo, text):
        """Choose an entry of a combo box as a user does: by keys, so that `activated` follows."""
        index = combo.findText(text)
        assert index >= 0, [combo.itemText(i) for i in range(combo.count)]
        combo.setCurrentIndex(index)
        combo.activated.emit(index)
        self.host.process_events()

    def wait(self, condition, seconds=PATIENCE):
        assert self.host.wait(condition, seconds), (
            f"waited {seconds} s; {self.status}; log {list(self.widget.process.log)[-5:]}"
        )

    @property
    def preview(self):
        """The volume of the preview, once it has been shown."""
        import slicer

        volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        shown = [node for node in volumes if node.GetName().endswith("preview") and not node.GetHideFromEditors()]
        return shown[0] if shown else None

    def synthesize(self, seconds=PATIENCE):
        """Click, wait for the end, and return the result node (None if there was an error)."""
        before = self.parameters.result
        self.click(self.synthesize_button)
        self.wait(lambda: not self.run.is_active, seconds)
        return self.parameters.result if self.parameters.result is not before else None

    @property
    def synthesize_button(self):
        return self.results.synthesizeButton

    @property
    def cancel_button(self):
        return self.results.cancelButton

    @property
    def error_text(self):
        label = self.results.errorLabel
        return label.text if label.isVisibleTo(self.widget.parent) else ""

    def screenshot(self, name):
        """A picture of the whole window, where the environment asks for them."""
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.host.screenshot(folder / f"{name}.png")


class LongestBlock:
    """The longest time that the event loop did not turn, in milliseconds, and the longest that it computed meanwhile.

    The second does not count what other programs took of the processor.
    """

    def __init__(self):
        import qt

        self._timer = qt.QTimer()
        self._timer.setInterval(2)
        self._timer.connect("timeout()", self._tick)

    def __enter__(self):
        self.milliseconds, self.computing = 0.0, 0.0
        self.leave_out()
        self._timer.start()
        return self

    def leave_out(self):
        """What was done since the last turn does not count."""
        self._last, self._last_cpu = time.perf_counter(), time.thread_time()

    def _tick(self):
        now, cpu = time.perf_counter(), time.thread_time()
        self.milliseconds = max(self.milliseconds, 1000 * (now - self._last))
        self.computing = max(self.computing, 1000 * (cpu - self._last_cpu))
        self._last, self._last_cpu = now, cpu

    def __exit__(self, *_error):
        self._timer.stop()


def note_figure(name, value):
    """Keep a measured figure where the environment asks for it."""
    print(f"{name}: {value}")
    if FIGURES:
        path = Path(FIGURES)
        figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        figures[name] = value
        path.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def memory_mb(pid="self", key="VmRSS"):
    """Resident memory of a process (VmHWM: its peak), on Linux."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


@pytest.fixture
def packages_are_there(monkeypatch):
    """Setup finds all it needs without asking another process, which would take seconds."""
    from MedDDPMSlicerLib.processes import dependencies

    complete = dependencies.State(versions=(("torch", "2.9"),), devices=(GPU,), machine="Linux x86_64")
    monkeypatch.setattr(dependencies.Probe, "start", lambda probe: probe._on_state(complete))


@pytest.fixture(name="window")
def open_window(host, packages_are_there, tmp_path, monkeypatch):
    """The module's window, with "tiny" chosen of two models that cannot run."""
    from MedDDPMSlicerLib import paths

    folder = tiny_models.describe(tmp_path / "models")
    monkeypatch.setattr(paths, "own_models_folder", lambda: folder)
    window = Window(host)
    window.parameters.model = "tiny"
    host.process_events()
    yield window
    host.unload(window.module.name)
