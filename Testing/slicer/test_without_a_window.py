"""Both ways of working on a server: Slicer's Python alone, and Slicer's scripts on a virtual screen."""

import os
import re
import runpy
import shutil
import subprocess
import sys

import project
import pytest

pytest.importorskip("slicer")
import slicer.util
from MedDDPMSlicerLib.processes import headless

SCRIPTS = project.MODULE.parent / "Scripts"
ON_A_VIRTUAL_SCREEN = """
import runpy, sys
import host
started = host.start()
assert started.app.platformName == "xcb", started.app.platformName
import slicer.util
slicer.util.exit = sys.exit
script, *sys.argv[1:] = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""


def documented(beginning):
    """The commands of the tutorial that begin so, without that beginning."""
    text = (project.ROOT / "Documentation" / "tutorial.md").read_text(encoding="utf-8")
    found = [line.removeprefix(beginning) for line in text.splitlines() if line.startswith(beginning)]
    assert len(found) == 2
    return found


def without_a_screen():
    """An environment that knows no screen, as a server's."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return {**{name: value for name, value in os.environ.items() if name not in screens}}


@pytest.mark.parametrize("number", [0, 1])
def test_slicers_python_alone_runs_what_the_tutorial_says(number, tmp_path):
    command, *arguments = documented("PythonSlicer -m MedDDPMCore.cli ")[number].split()
    environment = {**without_a_screen(), "PYTHONPATH": str(project.CORE_FOLDER)}
    python = [sys.executable, "-m", "MedDDPMCore.cli", command]
    listed = subprocess.run([*python, "--help"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert listed.returncode == 0 and all(part in listed.stdout for part in arguments if part.startswith("--"))
    done = subprocess.run([*python, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode != 0 and arguments[0] in done.stderr  # that file is not there, and all else was understood


@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="xvfb is not installed")
def test_the_scripts_run_on_a_virtual_screen_as_the_tutorial_says():
    line = documented("xvfb-run -a Slicer ")[0]
    name = re.search(r"--python-script \.\.\./Scripts/(\w+\.py) -- ", line)[1]
    environment = {**without_a_screen(), "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(project.FAKE_WORKER.parent)}
    script = [sys.executable, "-c", ON_A_VIRTUAL_SCREEN, str(SCRIPTS / name), "--", "--help"]
    done = subprocess.run(["xvfb-run", "-a", *script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "--seed" in done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["--", "--help"], ["--help"]])
def test_the_command_line_runs_without_a_window(arguments, capfd):
    assert headless.run("synthesize", arguments) == 0
    assert "--seed" in capfd.readouterr().out


@pytest.mark.parametrize("name, option", [("synthesize", "--seed"), ("train", "--stop-after")])
@pytest.mark.parametrize("wrong", [False, True])
def test_slicers_python_scripts_end_with_the_exit_code(host, monkeypatch, capfd, name, option, wrong):
    """As `Slicer --no-main-window --python-script NAME.py -- …` runs them."""
    codes = []
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    script = SCRIPTS / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--", "--no-such-option" if wrong else "--help"])
    runpy.run_path(str(script), run_name="__main__")
    said = capfd.readouterr()
    assert codes == [2 if wrong else 0] and ("usage" in said.err if wrong else option in said.out)


def test_headless_failures_have_an_exit_code(capfd, tmp_path):
    assert headless.run("synthesize", [str(tmp_path / "no-mask.nii.gz"), str(tmp_path)]) != 0
    assert "no-mask" in capfd.readouterr().err
