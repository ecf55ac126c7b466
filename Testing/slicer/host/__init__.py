"""Runs an unmodified Slicer scripted module without the Slicer application. See README.md."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x02")  # enumerators are ints, as in PythonQt

from .running import Host, start  # noqa: E402

__all__ = ["Host", "start"]
