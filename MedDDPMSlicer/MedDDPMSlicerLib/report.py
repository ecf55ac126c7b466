"""The error report a user can send: versions, settings, the last error and the log; no images, no patient's names."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

_HIDDEN = ("mri", "segmentation", "result", "segments", "trainingData", "trainingRun")


def error_report(slicer_version: str, settings: dict, status, log: list[str]) -> str:
    """Text for the clipboard. settings: parameter name -> value; those that name nodes or folders are left out."""
    shown = ", ".join(f"{name}={value}" for name, value in settings.items() if name not in _HIDDEN)
    lines = [
        "MedDDPM error report",
        f"Slicer {slicer_version}, Python {sys.version.split()[0]}, {platform.platform()}",
        f"Settings: {shown}",
        f"Error: {status.code or '-'}: {status.error or 'none'}",
        f"Hint: {status.hint or '-'}",
        "Log:",
        *log,
    ]
    return _without_home("\n".join(lines))


def _without_home(text: str) -> str:
    """Paths below the user's home folder without the user's name."""
    return re.sub(re.escape(str(Path.home())), "~", text)
