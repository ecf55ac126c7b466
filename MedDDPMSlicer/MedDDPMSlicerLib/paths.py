"""Where things lie, in a source tree and in an installed extension alike. Imports neither Slicer nor Qt."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def module_folder() -> Path:
    """The folder that this library lies in, beside the module's own file."""
    return _HERE.parent


def core_folder() -> Path:
    """The folder of MedDDPMCore and its Resources: beside this library when installed, one up in a source tree."""
    beside = module_folder()
    return beside if (beside / "MedDDPMCore").is_dir() else beside.parent


def make_core_importable() -> None:
    folder = str(core_folder())
    if folder not in sys.path:
        sys.path.append(folder)


def masks_folder() -> Path:
    return core_folder() / "Resources" / "masks"


def shapes_folder() -> Path:
    """Lesion shapes that come with the extension."""
    return core_folder() / "Resources" / "lesions"


def models_folder() -> Path:
    return core_folder() / "Resources" / "models"


def own_models_folder() -> Path:
    """Where models that the user imported are kept, for the command line too."""
    return Path.home() / ".medddpm" / "models"


def python() -> str:
    """The interpreter for child processes: python-real, as killing PythonSlicer would only kill its launcher."""
    return shutil.which("python-real") or shutil.which("PythonSlicer") or sys.executable
