"""The command line from `Slicer --python-script`, with exit codes and no widget touched."""

from __future__ import annotations

import os
import subprocess
import sys

from .. import paths


def run(command: str, arguments: list[str]) -> int:
    """Run one command of the command line in a process of its own, its output passed through; returns the exit code.

    Relative paths are relative to where Slicer was started. A leading "--", as Slicer hands it on, is dropped.
    """
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    search = [str(paths.core_folder()), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in search if part)}
    sys.stdout.flush()
    child = subprocess.run([paths.python(), "-m", "MedDDPMCore.cli", command, *arguments], env=environment)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode
