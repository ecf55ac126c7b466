"""Copies what the core needs of Resources, bundled models and more, into a built package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# MANIFEST.in names them, too: a wheel is commonly built from the source archive.
FOLDERS = ("features", "models", "templates", "training")


class BuildWithResources(build_py):
    """build_py, and what the core needs of Resources as MedDDPMCore/resources."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for name in FOLDERS:
            source, target = ROOT / "Resources" / name, Path(self.build_lib) / "MedDDPMCore" / "resources" / name
            shutil.copytree(source, target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithResources})
