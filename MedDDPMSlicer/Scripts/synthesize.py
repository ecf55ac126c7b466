"""Synthesis without a window: Slicer --no-main-window --python-script synthesize.py -- MASK …

What follows "--" is passed to the command line's `synthesize`; --help lists it. Exit code 0 means success.
"""

import sys
from pathlib import Path

import slicer

sys.path.append(str(Path(__file__).resolve().parents[1]))

from MedDDPMSlicerLib.processes import headless  # noqa: E402

slicer.util.exit(headless.run("synthesize", sys.argv[1:]))
