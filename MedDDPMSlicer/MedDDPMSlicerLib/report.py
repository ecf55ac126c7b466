"""The error report a user can send: versions, settings, the last error and the log; no images, no patient's names."""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path

_HIDDEN = (
    "mri",
    "segmentation",
    "result",
    "output",
    "trainingData",
    "trainingRun",
    "exportMasks",
)


def error_report(slicer_version: str, settings: dict, status, log: list[str]) -> str:
    """Text for the clipboard. settings: parameter name -> value; those that name nodes or folders are left out.

    So are names that messages quote: of volumes and segments, which may be a patient's.
    """
    shown = ", ".join(f"{name}={value}" for name, value in settings.items() if name not in _HIDDEN)
    lines = [
        "MedDDPM error report",
        f"Slicer {slicer_version}, Python {sys.version.split()[0]}, {platform.platform()}",
        f"Settings: {shown}",
        f"Error: {status.code or '-'}: {_without_names(status.error) or 'none'}",
        f"Hint: {_without_names(status.hint) or '-'}",
        "Log:",
        *log,
    ]
    return _without_home("\n".join(lines))


def _without_names(text: str) -> str:
    return re.sub("“[^”]*”", "“…”", text)


def _without_home(text: str) -> str:
    """Paths below the user's home folder without the user's name."""
    home = Path.home()
    for written in (json.dumps(str(home))[1:-1], str(home), home.as_posix()):
        text = text.replace(written, "~")
    return text
