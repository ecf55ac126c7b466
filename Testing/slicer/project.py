"""Where the tests find the project: import this before anything of it.

MEDDDPM_INSTALLED: a qt-scripted-modules folder of an installed package, to test that instead of the source tree.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = os.environ.get("MEDDDPM_INSTALLED", "")
MODULE = (Path(INSTALLED) if INSTALLED else ROOT / "MedDDPMSlicer") / "MedDDPMSlicer.py"
CORE_FOLDER = Path(INSTALLED) if INSTALLED else ROOT
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")

for folder in (CORE_FOLDER, MODULE.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
