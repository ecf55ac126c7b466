"""Icons of the boxes' buttons: those that Qt brings for the user's system."""

from __future__ import annotations

import qt
import slicer

ICONS = {
    "SP_ArrowDown": ("installButton",),
    "SP_ArrowBack": ("lesionUndoButton", "backButton"),
    "SP_ArrowForward": ("lesionRedoButton",),
    "SP_BrowserReload": ("checkButton",),
    "SP_MediaPlay": ("synthesizeButton", "trainButton", "startButton"),
    "SP_MediaStop": ("cancelButton", "installCancelButton", "stopButton", "exportStopButton"),
    "SP_DirOpenIcon": ("dataButton", "runButton", "masksButton", "studyButton", "importButton"),
    "SP_DialogSaveButton": ("dicomButton", "exportButton"),
}
"""Name of one of QStyle's pixmaps -> the buttons that show it."""


def set_icons(widgets: object) -> None:
    """Give the buttons among the widgets of a box, found by name, their icons."""
    style = slicer.app.style()
    for pixmap, names in ICONS.items():
        for name in names:
            if hasattr(widgets, name):
                getattr(widgets, name).icon = style.standardIcon(getattr(qt.QStyle, pixmap))
