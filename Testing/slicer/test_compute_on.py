"""Computing on another machine, by clicks in the window, over a real sshd on loopback."""

import os
import subprocess
import sys
from pathlib import Path

import project
import pytest

pytest.importorskip("slicer")
import slicer
import slicer.util
from loopback import Loopback, queue_in
from test_run import start_long_run, worker_pid
from test_window import drawn_head
from window import Window

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sshd is started as POSIX systems do")


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    """Another machine, which has the model "tiny", and packages that this one lacks."""
    loopback = Loopback(tmp_path_factory.mktemp("far"))
    models = tmp_path_factory.mktemp("models")
    program = str(Path(__file__).with_name("tiny_models.py"))
    subprocess.run([sys.executable, program, str(models)], check=True, cwd=project.ROOT)
    loopback.models = models
    loopback.install(models)
    yield loopback
    loopback.stop()


@pytest.fixture
def window(host, far, monkeypatch):
    from MedDDPMSlicerLib import paths
    from MedDDPMSlicerLib.processes import dependencies

    lacking = dependencies.State(missing=("torch",), machine="Linux x86_64")
    monkeypatch.setenv("PATH", f"{far.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(paths, "own_models_folder", lambda: far.models)
    monkeypatch.setattr(dependencies.Probe, "start", lambda probe: probe._on_state(lacking))
    opened = Window(host)
    opened.parameters.model = "tiny"
    opened.parameters.steps, opened.parameters.newSeed, opened.parameters.seed = 4, False, 5
    host.process_events()
    yield opened
    host.unload(opened.module.name)
    import qt
    from MedDDPMSlicerLib.panels import compute_on

    for key in (compute_on.HOST_KEY, compute_on.LAUNCH_KEY, compute_on.AGREED_KEY):
        qt.QSettings().remove(key)


def choose(window, name, launch="", agree=True):
    import qt

    window.widget.panels["advanced"].widget.collapsed = False
    window.host.dialogs.answer(qt.QMessageBox.Ok if agree else qt.QMessageBox.Cancel)
    for edit, text in ((window.advanced.launchEdit, launch), (window.advanced.hostEdit, name)):
        edit.text = text
        edit.editingFinished.emit()
    window.host.process_events()


def test_an_image_is_made_there_after_the_user_agreed_to_where_it_goes(window, far):
    drawn_head(window)
    assert not window.synthesize_button.enabled and not window.advanced.hostButton.enabled
    choose(window, "gpu-server")
    [asked] = window.host.dialogs.shown
    assert "gpu-server over SSH" in asked.text
    result = window.synthesize()
    assert window.error_text == "" and result.GetName() == "MRI synthetic"
    assert window.widget.process.ready["host"] == "gpu-server"
    assert "Connected to gpu-server: " in window.advanced.hostText.text
    assert window.widget.panels["setup"].widget.text == "Setup: images are made on gpu-server"
    assert window.setup.deviceLabel.text.startswith("Synthesis will run on gpu-server: ")
    window.screenshot("60-computed-elsewhere")
    pid = worker_pid(window)
    start_long_run(window)
    window.click(window.cancel_button)
    window.wait(lambda: not window.run.is_active)
    assert window.synthesize() is not None and worker_pid(window) == pid
    assert not [path for folder in far.left_there() for path in folder.rglob("*") if path.is_file()]


def test_nothing_goes_anywhere_where_the_user_did_not_agree(window):
    drawn_head(window)
    choose(window, "far", agree=False)
    assert window.advanced.hostEdit.text == "" and not window.widget.process.is_elsewhere
    assert not slicer.util.settingsValue("MedDDPM/computeOn", "")


def test_the_test_button_says_what_is_wrong(window, far):
    choose(window, "far")
    far.configure(Port="1")
    try:
        window.click(window.advanced.hostButton)
        window.wait(lambda: "could not be reached" in window.advanced.hostText.text)
    finally:
        far.configure()
    window.wait(lambda: window.advanced.hostButton.enabled)
    window.click(window.advanced.hostButton)
    window.wait(lambda: "Connected to far" in window.advanced.hostText.text)


def test_a_name_that_is_none_is_said_by_test_and_by_synthesize(window):
    drawn_head(window)
    choose(window, "user @host")
    window.click(window.advanced.hostButton)
    window.wait(lambda: "is not the name of a computer" in window.advanced.hostText.text)
    window.wait(lambda: window.advanced.hostButton.enabled)
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert "'user @host' is not the name of a computer. Write user@host, as for ssh." in window.error_text
    assert "memory" not in window.error_text


def test_waiting_in_a_queue_is_shown_and_can_be_cancelled(window, far, tmp_path):
    queue = queue_in(tmp_path)
    drawn_head(window)
    choose(window, "far", launch=str(queue))
    window.click(window.synthesize_button)
    window.wait(lambda: "queue of far (job 7 queued" in window.results.statusLabel.text)
    window.click(window.cancel_button)
    window.wait(lambda: not window.run.is_active)
    assert window.error_text == ""
    (tmp_path / "free").touch()
    assert window.synthesize() is not None


def test_a_queue_that_refuses_is_quoted_in_the_window(window, far):
    drawn_head(window)
    choose(window, "far", launch="sh -c 'echo srun: error: invalid partition: gpus >&2; exit 1' -")
    window.click(window.synthesize_button)
    window.wait(lambda: not window.run.is_active)
    assert "The queue of far refused: invalid partition: gpus" in window.error_text


def test_devices_are_those_of_the_computer_that_computes(window, far):
    from MedDDPMSlicerLib.processes import dependencies

    def offered():
        return [window.advanced.deviceCombo.itemText(row) for row in range(window.advanced.deviceCombo.count)]

    choose(window, "far")
    assert "once it was asked" in window.setup.deviceLabel.text and "training" in window.setup.stateLabel.text
    before = offered()
    own = dependencies.State(machine="Linux x86_64", devices=({"id": "cuda:0", "name": "a card of this computer"},))
    window.widget.panels["setup"]._found(own)
    assert offered() == before
    assert "this computer" not in window.setup.deviceLabel.text and window.widget.has_gpu
