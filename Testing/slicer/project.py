"""Where the tests find the project: import this before anything of it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "MedDDPMSlicer" / "MedDDPMSlicer.py"
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")

for folder in (ROOT, MODULE.parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
