"""The Setup box: what is missing, broken or old, which GPU; installations on a click, in the background, never else."""

import os
import subprocess
import sys

import project
import pytest

pytest.importorskip("slicer")
import slicer
from MedDDPMSlicerLib.processes import requirements
from test_window import drawn_head
from window import open_window, packages_are_there  # noqa: F401

ALL_BUT_TORCH = tuple((name, "99") for name in requirements.SYNTHESIS if name != "torch")


@pytest.fixture(autouse=True)
def dependencies(host):
    """The module that needs a started host to be imported."""
    from MedDDPMSlicerLib.processes import dependencies

    return dependencies


@pytest.fixture
def lacking(dependencies):
    """What a probe finds on a computer with an NVIDIA card and without packages."""
    return dependencies.State(
        missing=("torch", "safetensors"),
        cards=("NVIDIA RTX A4000, 16376 MiB",),
        torch_build="cu126",
        machine="Linux x86_64",
    )


def panel(window):
    return window.widget.panels["setup"]


def wait_for_pip(window):
    window.wait(lambda: not window.setup.installCancelButton.isVisibleTo(window.widget.parent))


def test_setup_says_what_is_missing_and_installs_on_a_click(window, lacking):
    panel(window)._found(lacking)
    assert "Missing: torch, safetensors" in window.setup.stateLabel.text
    assert "RTX A4000" in window.setup.deviceLabel.text and "3 GB" in window.setup.downloadLabel.text
    drawn_head(window)
    assert not window.synthesize_button.enabled and "Setup" in window.synthesize_button.toolTip
    window.screenshot("02-setup-missing")
    assert window.host.installs == []
    window.click(window.setup.installButton)
    wait_for_pip(window)
    torch, rest = window.host.installs
    assert "torch>=2.2" in torch and torch[-1].endswith("/cu126") and not any("torchvision" in word for word in torch)
    assert "safetensors>=0.4" in rest
    assert panel(window).state.is_complete and window.synthesize_button.enabled
    assert "ready" in panel(window).widget.text


def test_the_window_lives_and_shows_pips_words_while_it_works(window, lacking):
    panel(window)._found(lacking)
    window.host.pip.answer("Collecting torch", "Downloading torch-2.9.0.whl (800 MB)", waits=True)
    window.click(window.setup.installButton)  # which comes back although pip waits
    window.wait(lambda: "Downloading" in window.setup.installLog.plainText)
    assert window.setup.installProgress.isVisibleTo(window.widget.parent)
    assert "Downloading" in window.setup.stateLabel.text
    assert not window.setup.checkButton.enabled and not window.synthesize_button.enabled
    window.screenshot("05-setup-installing")
    window.host.pip.go()
    wait_for_pip(window)
    assert not window.setup.installLog.isVisibleTo(window.widget.parent)


def test_an_installation_can_be_stopped(window, lacking):
    panel(window)._found(lacking)
    window.host.pip.answer("Collecting torch", waits=True)
    window.click(window.setup.installButton)
    window.wait(lambda: "Collecting" in window.setup.installLog.plainText)
    window.click(window.setup.installCancelButton)
    wait_for_pip(window)
    assert len(window.host.installs) == 1, "what was to follow is not begun"
    assert "was stopped" in window.setup.stateLabel.text


def test_a_failed_installation_is_explained(window, lacking):
    panel(window)._found(lacking)
    window.host.pip.answer("Collecting torch", errors=["ERROR: No matching distribution found for torch>=2.2"])
    window.click(window.setup.installButton)
    wait_for_pip(window)
    assert "did not work" in window.setup.stateLabel.text and "No matching distribution" in window.setup.stateLabel.text
    assert "ERROR" in window.setup.installLog.plainText and window.setup.installLog.isVisibleTo(window.widget.parent)
    assert "HTTPS_PROXY" in window.setup.helpLabel.text
    window.click(window.setup.checkButton)
    assert "did not work" not in window.setup.stateLabel.text


def test_nothing_is_installed_in_testing_mode(window, lacking):
    window.host.testing(True)
    panel(window)._found(lacking)
    window.click(window.setup.installButton)
    assert window.host.installs == [] and "testing mode" in window.setup.stateLabel.text


def test_two_installations_never_run_at_once(window, monkeypatch, lacking):
    import slicer.packaging

    monkeypatch.setattr(slicer.packaging, "isPipInstallInProgress", lambda: True)
    panel(window)._found(lacking)
    window.click(window.setup.installButton)
    assert window.host.installs == [] and "under way" in window.setup.stateLabel.text


@pytest.mark.parametrize("agreed", [True, False])
def test_a_restart_is_offered_where_a_package_was_replaced_that_slicer_has_loaded(window, monkeypatch, agreed, lacking):
    import qt

    restarts = []
    monkeypatch.setattr(slicer.util, "restart", lambda: restarts.append(1))
    panel(window)._found(lacking)
    window.host.pip.answer("  Attempting uninstall: numpy", "    Found existing installation: numpy 2.0.2")
    window.host.dialogs.answer(qt.QMessageBox.Yes if agreed else qt.QMessageBox.No)
    window.click(window.setup.installButton)
    wait_for_pip(window)
    assert "numpy 2.0.2" in window.host.dialogs.shown[-1].text and len(restarts) == agreed


def test_no_restart_is_asked_for_what_slicer_has_not_loaded(window, lacking):
    panel(window)._found(lacking)
    window.host.pip.answer("    Found existing installation: no-such-package 1.0")
    window.click(window.setup.installButton)
    wait_for_pip(window)
    assert window.host.dialogs.shown == []


def test_no_start_of_slicer_jumps_to_the_module(host):
    opened = []
    selected = slicer.util.selectModule
    slicer.util.selectModule = opened.append
    try:
        host.load(project.MODULE)
        host.process_events()
    finally:
        slicer.util.selectModule = selected
        host.unload(project.MODULE.stem)
    assert opened == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            {"machine": "Windows AMD64", "torch_build": "cpu"},
            ["torch>=2.2", "--index-url", "https://download.pytorch.org/whl/cpu"],
        ),
        (
            {"machine": "Linux x86_64", "torch_build": "cu128"},
            ["torch>=2.2", "--index-url", "https://download.pytorch.org/whl/cu128"],
        ),
        ({"machine": "Darwin arm64"}, ["torch>=2.2"]),
        ({"machine": "Darwin x86_64"}, ["torch>=2.2,<2.3", "numpy>=1.26,<2"]),
    ],
)
def test_torch_is_taken_in_the_build_that_suits_the_computer(state, expected, dependencies):
    from MedDDPMSlicerLib.processes import installation

    (command,) = installation.commands(dependencies.State(missing=("torch",), versions=ALL_BUT_TORCH, **state))
    assert command[-len(expected) :] == expected and command[:2] == ["pip", "install"]


def test_what_is_there_by_half_is_removed_first_or_installed_over(dependencies):
    from MedDDPMSlicerLib.processes import installation

    broken = dependencies.State(broken=(("torch", "DLL load failed"), ("tqdm", "half")), versions=ALL_BUT_TORCH[:1])
    todo = installation.commands(broken)
    assert todo[0] == ["pip", "uninstall", "--yes", "torch"] and "torch>=2.2" in todo[1]
    assert "--force-reinstall" in todo[-1] and "tqdm>=4.60" in todo[-1]


@pytest.mark.parametrize(
    ("version", "oldest", "enough"),
    [
        ("2.9.1+cu126", "2.2", True),
        ("2.10", "2.9", True),
        ("2.2", "2.2.0", True),
        ("2.1.9", "2.2", False),
        ("?", "1", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version, oldest, enough):
    assert requirements.is_enough(version, oldest) is enough


def probed(dependencies, tmp_path, *names, path=None):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, *dependencies._PROBE, *names],
        text=True,
        cwd=project.MODULE.parent,
        env={**environment, "PATH": str(path)} if path else environment,
        capture_output=True,
    )
    return dependencies.parse(answer.stdout)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise ImportError('DLL load failed while importing _C')", "DLL load failed"),
        ("x = 1", "AttributeError"),
        ("raise SystemError('half')", "half"),
        (
            "class T:\n def add_(self, x): return self\n"
            " def numpy(self): raise RuntimeError('Numpy is not available')\ndef zeros(n): return T()",
            "Numpy is not available",
        ),
    ],
)
def test_a_torch_that_does_not_work_is_found_out(tmp_path, source, expected, dependencies):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    state = probed(dependencies, tmp_path, "torch", "numpy", "no_such_package")
    assert state.broken[0][0] == "torch" and expected in state.broken[0][1]
    assert state.missing == ("no_such_package",) and dict(state.versions)["numpy"]
    assert state.lacks_torch and not state.is_complete


def test_a_package_that_is_too_old_is_found_out_and_said(window, tmp_path, dependencies):
    (tmp_path / "safetensors.py").write_text("__version__ = '0.3.9'", encoding="utf-8")
    state = probed(dependencies, tmp_path, "safetensors")
    assert state.old == (("safetensors", "0.3.9"),) and not state.is_complete
    panel(window)._found(state)
    assert "safetensors 0.3.9 is too old: safetensors>=0.4 is needed" in window.setup.stateLabel.text


@pytest.mark.skipif(os.name == "nt", reason="the stand-in of nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("driver", "capabilities", "build"),
    [
        ("13.0", "8.6", "cu126"),
        ("12.8", "12.0", "cu128"),
        ("12.2", "7.5", "cu126"),
        ("11.8", "6.1", "cu118"),
        ("11.4", "3.5", "cpu"),
    ],
)
def test_the_build_of_torch_follows_the_driver_and_the_card(tmp_path, driver, capabilities, build, dependencies):
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$1" in\n*compute_cap) echo "{capabilities}";;\n*name*) echo "NVIDIA T4, 15360 MiB";;\n'
        f'*) echo "| NVIDIA-SMI 570.1   Driver Version: 570.1   CUDA Version: {driver} |";;\nesac\n'
    )
    program.chmod(0o755)
    state = probed(dependencies, tmp_path, "numpy", path=program.parent)
    assert state.torch_build == build and state.cards == ("NVIDIA T4, 15360 MiB",)


@pytest.mark.parametrize("output", ["", "no json", "[]", "{}", '{"packages": 3}'])
def test_a_probe_that_talks_nonsense_is_a_failure_in_words(output, dependencies):
    assert dependencies.parse(output).failure


def test_a_python_that_cannot_be_started_is_said(host, tmp_path, dependencies):
    states, transport = (
        [],
        __import__("MedDDPMSlicerLib.processes.qt_transport", fromlist=["QtTransport"]).QtTransport(),
    )
    dependencies.Probe(transport, states.append, str(tmp_path / "nothing")).start()
    assert host.wait(lambda: states)
    assert "could not be started" in states[0].failure and "nothing" in states[0].failure


def test_a_gpu_that_lies_idle_is_said(dependencies):
    state = dependencies.State(versions=(("torch", "2.9"),), cards=("NVIDIA RTX A4000",), torch_build="cu126")
    assert "cannot use the GPU" in state.device_text()
    old_driver = dependencies.State(missing=("torch",), cards=("NVIDIA K80",), torch_build="cpu")
    assert "too old" in old_driver.device_text() and "250 MB" in old_driver.download_text()
