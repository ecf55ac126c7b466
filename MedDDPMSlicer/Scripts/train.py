"""Training without a window: Slicer --no-main-window --python-script train.py -- …

What follows "--" is passed to the command line's `train`; --help lists it. Exit code 0 means success.
"""

import sys
from pathlib import Path

import slicer

sys.path.append(str(Path(__file__).resolve().parents[1]))

from MedDDPMSlicerLib.processes import headless  # noqa: E402

slicer.util.exit(headless.run("train", sys.argv[1:]))
