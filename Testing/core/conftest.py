"""Fixtures for the tests of MedDDPMCore."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the helpers beside the tests, such as phantoms.py


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and golden numbers beside the project; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[3] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the images in ../shared/data, which are not here")
    return folder


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of phantoms of files that are hard to read."""
    return Path(__file__).resolve().parents[1] / "data" / "cases"
