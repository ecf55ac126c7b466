"""Starts the host once, and skips these tests where what it needs is not installed."""

import importlib.util
import pathlib
import sys

import pytest

_NEEDED = {"slicer": "slicer-core", "PySide6": "PySide6-Essentials"}
_missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_configure(config):
    # exec_ is PythonQt's name for exec, and slicer.util uses it
    config.addinivalue_line("filterwarnings", "ignore:'exec_' will be removed:DeprecationWarning")
    if not _missing:  # what is collected imports the module's library, and that Slicer's Python
        from host import python_sources

        python_sources.install()


def pytest_collection_modifyitems(items):
    if _missing:
        reason = f"not installed: {', '.join(_missing)} (pip install -r Testing/slicer/requirements.txt)"
        for item in items:
            if pathlib.Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def running_host():
    import host

    running = host.start()
    yield running
    running.quit()


@pytest.fixture
def host(running_host):
    """The host with an empty scene. What a Qt handler of the module raised during the test fails it."""
    running_host.reset()
    yield running_host
    raised = list(running_host.failures)
    running_host.reset()
    assert not raised, f"Raised in a Qt handler: {raised!r}"
