"""Slicer's own Python: the real sources where SLICER_PYTHON_SOURCE names a checkout, else stand-ins.

What could install packages is a recording stand-in in either case.
"""

import functools
import os
import pathlib
import sys

import slicer

_HERE = pathlib.Path(__file__).parent / "python"


@functools.cache
def install():
    """Make slicer.ScriptedLoadableModule and its like importable; returns "real" or "stand-ins"."""
    _add(_HERE / "always", _HERE / "always" / "slicer")
    checkout = os.environ.get("SLICER_PYTHON_SOURCE")
    if not checkout:
        _add(_HERE / "stand_ins", _HERE / "stand_ins" / "slicer")
        return "stand-ins"
    base = pathlib.Path(checkout)
    _add(base / "Base" / "Python", base / "Base" / "Python" / "slicer")
    _add(base / "Modules" / "Scripted" / "SampleData")
    return "real"


def _add(folder, slicer_package=None):
    sys.path.append(str(folder))
    if slicer_package:
        slicer.__path__.append(str(slicer_package))
