"""The Setup box: what is missing, what is broken, which GPU; installations on a click and never otherwise."""

import os
import subprocess
import sys

import project
import pytest

pytest.importorskip("slicer")
import slicer
from test_window import drawn_head
from window import open_window, packages_are_there  # noqa: F401


def test_setup_says_what_is_missing_and_installs_on_a_click(window, monkeypatch):
    import PyTorchUtils
    from MedDDPMSlicerLib.processes import dependencies

    missing = dependencies.State(missing=("torch", "safetensors"), cards=("NVIDIA RTX A4000, 16376 MiB",))
    window.widget.panels["setup"]._found(missing)
    assert "Missing: torch, safetensors" in window.setup.stateLabel.text
    assert "RTX A4000" in window.setup.deviceLabel.text and "3 GB" in window.setup.downloadLabel.text
    drawn_head(window)
    assert not window.synthesize_button.enabled and "Setup" in window.synthesize_button.toolTip
    window.screenshot("02-setup-missing")
    window.host.pretend_missing("safetensors")
    asked = []
    monkeypatch.setattr(
        PyTorchUtils.PyTorchUtilsLogic, "installTorch", lambda _self, **how: asked.append(how) or object()
    )
    assert window.host.installs == []
    window.click(window.setup.installButton)
    assert [how["torchVersionRequirement"] for how in asked] == [dependencies.TORCH]
    assert any("safetensors" in str(entry) for entry in window.host.installs)
    window.wait(lambda: window.widget.panels["setup"].state is not None)
    assert window.widget.panels["setup"].state.is_complete and window.synthesize_button.enabled


def test_nothing_is_installed_in_testing_mode(window):
    from MedDDPMSlicerLib.processes import dependencies

    window.host.testing(True)
    window.widget.panels["setup"]._found(dependencies.State(missing=("torch",)))
    window.click(window.setup.installButton)
    assert window.host.installs == []


def test_without_the_pytorch_extension_it_is_fetched_and_the_restart_is_remembered(window, monkeypatch):
    import qt
    from MedDDPMSlicerLib.processes import dependencies

    asked = []

    class Manager:
        interactive = True

        def installExtensionFromServer(self, name, restart):
            asked.append((name, restart))
            return True

    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    monkeypatch.setattr(type(slicer.app), "extensionsManagerModel", lambda self: Manager(), raising=False)
    window.widget.panels["setup"]._found(dependencies.State(missing=("torch",)))
    window.host.dialogs.answer(qt.QMessageBox.No)
    try:
        window.click(window.setup.installButton)
        assert asked == [("PyTorch", False)]
        assert "restart" in window.host.dialogs.shown[-1].text
        assert dependencies.is_to_continue()
        window.widget.panels["setup"]._found(dependencies.State(missing=("torch",)))
        assert window.setup.installButton.text == "Continue installing"
    finally:
        dependencies.remember_to_continue(False)


def test_a_failed_installation_is_explained(window, monkeypatch):
    from MedDDPMSlicerLib.processes import dependencies

    def fail(_state):
        raise RuntimeError("pip could not reach the server")

    monkeypatch.setattr(dependencies, "install", fail)
    window.widget.panels["setup"]._found(dependencies.State(missing=("torch",)))
    window.click(window.setup.installButton)
    assert "could not reach the server" in window.host.dialogs.shown[-1].text


@pytest.mark.parametrize(
    "source, expected",
    [
        ("raise ImportError('DLL load failed while importing _C')", "DLL load failed"),
        ("x = 1", "AttributeError"),
        ("raise SystemError('half')", "half"),
    ],
)
def test_a_torch_that_is_there_by_half_is_found_out(tmp_path, source, expected):
    from MedDDPMSlicerLib.processes import dependencies

    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, *dependencies._PROBE, "torch", "numpy", "no_such_package"],
        text=True,
        cwd=project.MODULE.parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
    )
    state = dependencies.parse(answer.stdout)
    assert state.broken[0][0] == "torch" and expected in state.broken[0][1]
    assert state.missing == ("no_such_package",) and dict(state.versions)["numpy"]
    assert state.lacks_torch and not state.is_complete


@pytest.mark.parametrize("output", ["", "no json", "[]", "{}", '{"packages": 3}'])
def test_a_probe_that_talks_nonsense_is_a_failure_in_words(output):
    from MedDDPMSlicerLib.processes import dependencies

    assert dependencies.parse(output).failure


def test_a_gpu_that_torch_cannot_use_is_said(window):
    from MedDDPMSlicerLib.processes import dependencies

    state = dependencies.State(versions=(("torch", "2.9"),), cards=("NVIDIA RTX A4000",))
    assert "cannot use the GPU" in state.device_text()
