"""Packages installed by pip in a process of its own, its words heard line by line: on the user's click only.

PyTorch comes from its own index, in the build that suits the computer, and never with torchvision. The PyTorch
extension's installer is not used for it: that one holds the window still, and its helper (light-the-torch 0.8.1) does
not work with pip 26.1, which Slicer 5.12 brings.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata

import slicer
from slicer.i18n import tr as _

from .command_process import CommandProcess
from .dependencies import State
from .requirements import DICOM, SYNTHESIS, lacking, requirement

TORCH_INDEX = "https://download.pytorch.org/whl"
LAST_INTEL_MAC = ("torch>=2.2,<2.3", "numpy>=1.26,<2")
"""The last PyTorch for Intel Macs, which was built for numpy 1."""
_INSTALL = ["pip", "install", "--no-input", "--disable-pip-version-check", "--no-warn-script-location"]


def commands(state: State) -> list[list[str]]:
    """What to run, one after the other, so that what a probe found missing, broken or too old is there."""
    todo, broken = [], dict(state.broken)
    if "torch" in broken:
        todo.append(["pip", "uninstall", "--yes", "torch"])
    if state.lacks_torch:
        todo.append([*_INSTALL, *_torch(state)])
    rest = [name for name in SYNTHESIS if name != "torch" and name not in dict(state.versions)]
    if rest:
        todo.append([*_INSTALL, *(requirement(name, SYNTHESIS) for name in rest)])
    again = [name for name in rest if name in broken]
    if again:
        todo.append([*_INSTALL, "--force-reinstall", "--no-deps", *(requirement(name, SYNTHESIS) for name in again)])
    return todo


def dicom_commands() -> list[list[str]]:
    """The same for what DICOM export lacks."""
    return [[*_INSTALL, *(requirement(name, DICOM) for name in lacking(DICOM))]]


def _torch(state: State) -> tuple[str, ...]:
    if state.machine == "Darwin x86_64":
        return LAST_INTEL_MAC
    index = () if state.machine.startswith("Darwin") else ("--index-url", f"{TORCH_INDEX}/{state.torch_build}")
    return requirement("torch", SYNTHESIS), *index


class Installation(CommandProcess):
    """Runs such commands. on_line hears pip's errors too; on_end hears what pip said of a failure, else ""."""

    CHILD = ("-u", "-X", "utf8", "-m")

    def install(self, todo: list[list[str]]) -> str:
        """Begin; returns "", or why nothing was begun."""
        if slicer.app.testingEnabled():
            return _("Nothing is installed in testing mode.")
        if self.is_running or _another_is_under_way():
            return _("Another installation is under way: wait for its end, then try again.")
        self._replaced: dict[str, str] = {}
        self._was_stopped = False
        self.start(*todo)
        return ""

    def stop(self) -> None:
        """End it now: pip knows no stop in good order. What is left by half is found by the next probe."""
        self._was_stopped = True
        self._transport.kill()

    def replaced_while_loaded(self) -> list[str]:
        """Packages, with the versions that they had, that pip replaced although this Slicer has them loaded."""
        if not self._replaced:
            return []
        importlib.invalidate_caches()
        packages = metadata.packages_distributions().items()
        loaded = {_plain(name) for module, names in packages if module in sys.modules for name in names}
        return [f"{name} {version}" for name, version in self._replaced.items() if _plain(name) in loaded]

    def _output(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            replaced = re.match(r"\s*Found existing installation: (\S+) (\S+)", line)
            if replaced:
                self._replaced[replaced.group(1)] = replaced.group(2)
            if line.strip():
                self._on_line(line.strip())

    def _errors(self, data: bytes) -> None:
        for line in self._error_lines.feed(data):
            if line.strip():
                self._said.append(line.strip())
                self._on_line(line.strip())

    def _problem(self, description: str) -> str:
        if self._was_stopped:
            return _("It was stopped.")
        errors = [line.removeprefix("ERROR: ") for line in self._said if line.startswith("ERROR: ")]
        return " ".join(errors[-2:]) or super()._problem(description)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _another_is_under_way() -> bool:
    try:
        from slicer.packaging import isPipInstallInProgress
    except ImportError:  # Slicer < 5.12
        return False
    return isPipInstallInProgress()
