"""Copies the bundled models into a built package; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithModels(build_py):
    """build_py, and Resources/models as MedDDPMCore/resources/models."""

    def run(self):
        super().run()
        models = ROOT / "Resources" / "models"
        if models.is_dir() and not self.editable_mode:
            shutil.copytree(models, Path(self.build_lib) / "MedDDPMCore" / "resources" / "models", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithModels})
