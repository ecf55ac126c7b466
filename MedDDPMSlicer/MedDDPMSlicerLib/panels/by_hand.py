"""Lesions moved by hand: the buttons, keys and words of it. Part of the box of lesion tools."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from ..mrml import by_hand, lesions, views

STEP_MM, GROWTH = 1.0, 1.05
STEPS = {
    "Left": (STEP_MM, 0, 0),
    "Right": (-STEP_MM, 0, 0),
    "Up": (0, STEP_MM, 0),
    "Down": (0, -STEP_MM, 0),
    "PgUp": (0, 0, STEP_MM),
    "PgDown": (0, 0, -STEP_MM),
}
"""Key -> (R, A, S) in mm: as an axial slice lies on the screen, the patient's right on the left."""


class ByHand:
    """Its widgets in `ui`, its keys in the whole window while a handle is shown.

    read() -> the segments and the piece that is meant. apply(tool) -> whether `lesions.apply` went well with it.
    say(text) shows a text. changed() is called when the user has taken the handle, or let it go.
    """

    def __init__(self, ui, parent, read: Callable, apply: Callable, say: Callable[[str], None], changed: Callable):
        self._ui, self._read, self._apply, self._say, self._changed = ui, read, apply, say, changed
        self._handle: by_hand.Handle | None = None
        self._tag: int | None = None
        ui.handButton.connect("clicked()", self.start)
        ui.handApplyButton.connect("clicked()", self.finish)
        ui.handCancelButton.connect("clicked()", self._cancel)
        actions = {key: (lambda step=step: self._handle.move(step)) for key, step in STEPS.items()}
        actions["["] = lambda: self._handle.scale(1 / GROWTH)
        actions["]"] = lambda: self._handle.scale(GROWTH)
        actions |= {"Return": self.finish, "Enter": self.finish, "Esc": self._cancel}
        self._shortcuts = []
        for key, action in actions.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
            shortcut.connect("activated()", action)
            self._shortcuts.append(shortcut)
        self.refresh()

    @property
    def is_active(self) -> bool:
        return self._handle is not None

    def refresh(self) -> None:
        self._ui.handButton.visible = not self.is_active
        self._ui.handApplyButton.visible = self._ui.handCancelButton.visible = self.is_active
        for shortcut in self._shortcuts:
            shortcut.enabled = self.is_active

    def start(self) -> None:
        """Show the handle; a MedDDPMError is said."""
        try:
            of, number = self._read()
            self._handle = by_hand.Handle(of, number)
        except MedDDPMError as error:
            self._say(str(error))
            return
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        self._tag = self._handle.transform.AddObserver(moved, lambda *_event: self._show())
        self._show()
        self._changed()
        self._ui.handApplyButton.setFocus()  # a field would keep keys for itself

    def finish(self) -> bool:
        """Put the lesions where their outline is. False for an error, which is said: the handle stays."""
        if self._handle is not None and self._apply(self._tool):
            self.stop()
            self._changed()
        return self._handle is None

    def stop(self) -> None:
        """Take the handle away; the lesions stay where they are."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            handle.transform.RemoveObserver(self._tag)
            handle.remove()
            self.refresh()

    def check(self, segmentation) -> None:
        """Take the handle away where another segmentation was chosen, or its nodes were deleted."""
        if self._handle is not None and (segmentation is not self._handle.of.node or not self._handle.is_there):
            self._cancel()

    def _tool(self, of: lesions.Lesions) -> Callable:
        return self._handle.tool(of)

    def _cancel(self) -> None:
        self.stop()
        self._say("")
        self._changed()

    def _show(self) -> None:
        """Say where the lesions are, and let all views follow."""
        views.jump_to(slicer.mrmlScene, self._handle.centre)
        right, front, up = self._handle.shift
        text = _(
            "Drag the handle in a view, or use the arrow keys, Page Up and Page Down, and [ and ] for the size. "
            "Enter applies, Esc cancels.\n{right:.1f} mm {r}, {front:.1f} mm {a}, {up:.1f} mm {s}; {ml:.2f} ml"
        )
        sides = {"r": "R" if right >= 0 else "L", "a": "A" if front >= 0 else "P", "s": "S" if up >= 0 else "I"}
        ml = self._handle.millilitres * self._handle.growth
        self._say(text.format(right=abs(right), front=abs(front), up=abs(up), ml=ml, **sides))
