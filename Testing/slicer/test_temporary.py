"""Folders for a run's files: none outlasts its Slicer for longer than to the next run, none of a live one is taken."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import project
import pytest

pytest.importorskip("slicer")

HOLD = """
import contextlib, sys
sys.path[:0] = sys.argv[2:]
from host import python_sources
python_sources.install()
from MedDDPMSlicerLib.processes import temporary
with contextlib.ExitStack() as stack:
    (temporary.new_folder("MedDDPM-", sys.argv[1], stack) / "mri.nrrd").write_text("")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other_slicer(tmp_path):
    """A process with a folder for a run in tmp_path."""
    paths = map(str, (project.ROOT, project.MODULE.parent, Path(__file__).parent))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.usefixtures("host")
def test_what_a_killed_slicer_left_is_gone_with_the_next_run_and_a_live_ones_stays(tmp_path, other_slicer):
    from MedDDPMSlicerLib.processes import temporary

    [left] = tmp_path.glob("MedDDPM-*/mri.nrrd")
    with contextlib.ExitStack() as stack:
        temporary.new_folder("MedDDPM-", str(tmp_path), stack)
        assert left.exists()
    other_slicer.kill()
    other_slicer.wait()
    assert left.exists()
    with contextlib.ExitStack() as stack:
        folder = temporary.new_folder("MedDDPM-", str(tmp_path), stack)
        assert folder.is_dir() and not left.parent.exists()
    assert os.listdir(tmp_path) == []
