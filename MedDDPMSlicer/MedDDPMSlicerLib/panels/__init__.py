"""The boxes of the module's window, one a file.

A new box `reader_study` is a line in ORDER, the class `ReaderStudyPanel(Panel)` in reader_study.py, its .ui file, and
the two files' names in the module's CMakeLists.txt.
"""

from __future__ import annotations

from importlib import import_module

ORDER = (
    "setup",
    "input",
    "edit",
    "lesion_tools",
    "synthesize",
    "compare",
    "advanced",
    "export",
    "train",
    "reader_study",
)
"""The boxes from top to bottom."""


def create(owner) -> dict:
    """Every box by its name, in their order; owner is the module's widget."""
    return {name: _panel_class(name)(owner) for name in ORDER}


def _panel_class(name: str) -> type:
    return getattr(import_module(f".{name}", __name__), "".join(map(str.capitalize, name.split("_"))) + "Panel")
