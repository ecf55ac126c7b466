"""What holds for all tests: which of them a system other than Linux cannot run."""

from __future__ import annotations

import os
import sys

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if os.name == "nt" and item.get_closest_marker("posix"):
            item.add_marker(pytest.mark.skip(reason="needs signals or limits that Windows does not have"))
        if sys.platform != "linux" and item.get_closest_marker("linux"):
            item.add_marker(pytest.mark.skip(reason="reads what only Linux tells of a process"))
