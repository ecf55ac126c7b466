"""Slicer's own Python: the real sources where SLICER_PYTHON_SOURCE names a checkout, else stand-ins."""
import os
import pathlib
import sys

import slicer

_HERE = pathlib.Path(__file__).parent


def install():
    """Make slicer.ScriptedLoadableModule and its like importable; returns "real" or "stand-ins"."""
    checkout = os.environ.get("SLICER_PYTHON_SOURCE")
    if checkout:
        base = pathlib.Path(checkout)
        slicer.__path__.append(str(base / "Base" / "Python" / "slicer"))
        sys.path.append(str(base / "Base" / "Python"))
        sys.path.append(str(base / "Modules" / "Scripted" / "SampleData"))
    else:
        slicer.__path__.append(str(_HERE / "slicer_python"))
    sys.path.append(str(_HERE / "top_level_python"))
    return "real" if checkout else "stand-ins"
