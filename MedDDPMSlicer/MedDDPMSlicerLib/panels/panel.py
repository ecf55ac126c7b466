"""What all boxes of the window share."""

from __future__ import annotations

import slicer


class Panel:
    """One box: its .ui file, and its settings' connection to the scene.

    owner is the module's widget; it offers `parameters`, `run`, `models`, `resourcePath()` and `refresh()`.
    """

    FILE = ""
    COLLAPSED = False

    def __init__(self, owner):
        self.owner = owner
        self.widget = slicer.util.loadUI(owner.resourcePath(f"UI/{self.FILE}.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.collapsed = self.COLLAPSED
        self._parameters = None
        self._tag = None

    def bind(self, parameters) -> None:
        """Connect the widgets to a parameter node, or to nothing."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._tag)
        self._parameters = parameters
        if parameters is not None:
            self._tag = parameters.connectGui(self.ui)

    def refresh(self) -> None:
        """Show the present state."""

    def enter(self) -> None:
        """The user has come to the module."""

    def leave(self) -> None:
        """The user goes to another module."""

    def forget_scene(self) -> None:
        """The scene is being closed, and every node with it."""

    def close(self) -> None:
        """Stop whatever this box has under way."""
