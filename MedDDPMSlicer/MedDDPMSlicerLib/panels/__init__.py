"""The boxes of the module's window, one a file.

A new box is its class in a file of its own, a line in BOXES, its .ui file, and the two files' names in the module's
CMakeLists.txt.
"""

from __future__ import annotations

from collections.abc import Callable

from slicer.i18n import tr as _

from .advanced import AdvancedPanel
from .compare import ComparePanel
from .edit import EditPanel
from .export import ExportPanel
from .input import InputPanel
from .lesion_tools import LesionToolsPanel
from .panel import Panel, Window
from .reader_study import ReaderStudyPanel
from .setup import SetupPanel
from .synthesize import SynthesizePanel
from .train import TrainPanel

BOXES: dict[str, type[Panel]] = {
    "setup": SetupPanel,
    "input": InputPanel,
    "edit": EditPanel,
    "lesion_tools": LesionToolsPanel,
    "synthesize": SynthesizePanel,
    "compare": ComparePanel,
    "advanced": AdvancedPanel,
    "export": ExportPanel,
    "train": TrainPanel,
    "reader_study": ReaderStudyPanel,
}
"""The boxes from top to bottom."""


def set_aside(widgets: list) -> Callable[[], None]:
    """Close these boxes and let them rest; returns what brings them back."""
    opened = [widget for widget in widgets if not widget.collapsed]
    for widget in widgets:
        widget.collapsed, widget.enabled = True, False
        widget.toolTip = _("This box rests while cases are read: close the study first.")

    def bring_back():
        for widget in widgets:
            widget.enabled, widget.toolTip = True, ""
        for widget in opened:
            widget.collapsed = False

    return bring_back


def create(window: Window) -> dict[str, Panel]:
    """Every box by its name, in their order."""
    return {name: box(window) for name, box in BOXES.items()}
