"""Lesion tools: move, turn, scale, grow, smooth, mirror, multiply and place the lesions of the user's segments."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import LabelError, MedDDPMError

from .. import paths
from ..mrml import lesions, original, scene
from .by_hand import ByHand
from .panel import Panel, Window

ALL, AT_CROSSHAIR = "all", "crosshair"
_LARGEST_SEED = 2**31 - 1


class LesionToolsPanel(Panel):
    FILE = "LesionTools"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self.ui.pieceCombo.addItem(_("All pieces"), ALL)
        self.ui.pieceCombo.addItem(_("The piece nearest to the crosshair"), AT_CROSSHAIR)
        self._choices: dict[str, str] = {}
        self._choices_of = None  # the segmentation that has these
        self._without = False  # whether the message says that there is no lesion segment
        tools = (
            (self.ui.moveButton, self._move),
            (self.ui.turnButton, self._turn),
            (self.ui.scaleButton, self._scale),
            (self.ui.growButton, self._grow),
            (self.ui.smoothButton, self._smooth),
            (self.ui.mirrorButton, self._mirror),
            (self.ui.copiesButton, self._copies),
            (self.ui.placeButton, self._place_at_crosshair),
            (self.ui.placeRandomButton, self._place_at_random),
            (self.ui.saveShapeButton, self._save_shape),
        )
        for button, tool in tools:
            button.connect("clicked()", lambda tool=tool: self._use(tool))
        self._tool_buttons = [button for button, _tool in tools]
        self.ui.lesionUndoButton.connect("clicked()", lambda: self._step_back(self.window.editor.undo))
        self.ui.lesionRedoButton.connect("clicked()", lambda: self._step_back(self.window.editor.redo))
        self._by_hand = ByHand(
            self.ui, self.widget, self._read_meant, self._apply_by_hand, self._say, self._hand_came_or_went
        )
        self._show_shapes()

    def refresh(self) -> None:
        if self._parameters is None:
            return
        segmentation = self._parameters.segmentation
        self._by_hand.check(segmentation)
        ids = lesions.lesion_segments(self.window.roles, self.window.segments) if segmentation is not None else []
        names = scene.segments_of(segmentation) if ids else {}
        choices = {"": _("All lesion segments"), **{identity: names[identity] for identity in ids}}
        if segmentation is not self._choices_of:
            self.ui.lesionSegmentCombo.clear()  # another one may have a segment of the same id
        if choices != self._choices or segmentation is not self._choices_of:
            self._fill(self.ui.lesionSegmentCombo, choices)
            self._choices, self._choices_of = choices, segmentation
        free = not self._by_hand.is_active
        for button in (*self._tool_buttons, self.ui.handButton):
            button.enabled = bool(ids) and free
        for widget in (self.ui.lesionSegmentCombo, self.ui.pieceCombo):
            widget.enabled = free
        self.ui.lesionUndoButton.enabled = self.ui.lesionRedoButton.enabled = segmentation is not None and free
        if not ids:
            self._say(_("The tools need a lesion segment: create one above, under Head and tumor."))
            self._without = True
        elif self._without:
            self._say("")
            self._without = False

    def leave(self) -> None:
        self._by_hand.stop()

    def close(self) -> None:
        self._by_hand.stop()

    def forget_scene(self) -> None:
        if self._by_hand.is_active:
            self._by_hand.stop()
            self.window.editor.enter()
        self._say("")

    def finish(self) -> bool:
        return self._by_hand.finish()

    def _read(self) -> lesions.Lesions:
        only = self.ui.lesionSegmentCombo.itemData(self.ui.lesionSegmentCombo.currentIndex)
        return lesions.read(self._parameters.segmentation, self.window.roles, self.window.segments, only)

    def _read_meant(self) -> tuple[lesions.Lesions, int | None]:
        of = self._read()
        return of, self._piece(of)

    def _apply_by_hand(self, tool: Callable) -> bool:
        return self._use(lambda of: lesions.apply(of, tool(of), self.window.editor.save_for_undo))

    def _hand_came_or_went(self) -> None:
        """The keys are the handle's while it is there."""
        if self._by_hand.is_active:
            self.window.editor.leave()
        else:
            self.window.editor.enter()
        self._by_hand.refresh()
        self.window.refresh()

    def _use(self, tool: Callable) -> bool:
        """Read the segments, let the tool work on them, and say what came of it; a refusal changes nothing.

        Returns whether it was not refused.
        """
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
        try:
            parameters = self._parameters
            lesion_masks = self._read()
            first = original.remember_first(
                parameters.segmentation, parameters.mri, self.window.roles, self.window.segments
            )
            try:
                outcome = tool(lesion_masks)
            except MedDDPMError:
                if first:
                    original.forget(parameters.segmentation, parameters.mri)
                raise
            if first and original.millilitres(original.original_of(parameters.segmentation, parameters.mri)):
                outcome += " " + _("The MRI is taken to show it as it was before; if not, say so under Synthesize.")
            self._say(outcome)
            self.window.refresh()
            self.window.jump_to_lesion()
            return True
        except MedDDPMError as error:
            logging.error(str(error))
            self._say(str(error))
            return False
        finally:
            qt.QApplication.restoreOverrideCursor()
            self.window.refresh()

    def _each(self, of: lesions.Lesions, tool: Callable) -> str:
        """A tool of the core, called with the mask, the number of a piece (None for all of them) and the scheme."""
        number = self._piece(of)
        return lesions.apply(of, lambda mask, scheme: tool(mask, number, scheme), self.window.editor.save_for_undo)

    def _piece(self, of: lesions.Lesions) -> int | None:
        lesions.require_painted(of)
        chosen = self.ui.pieceCombo.itemData(self.ui.pieceCombo.currentIndex)
        return lesions.piece_at(of, lesions.crosshair(slicer.mrmlScene)) if chosen == AT_CROSSHAIR else None

    def _move(self, of) -> str:
        from MedDDPMCore.lesions.tools import move

        shift = (-self.ui.moveRSpinBox.value, -self.ui.moveASpinBox.value, self.ui.moveSSpinBox.value)
        return self._each(of, lambda mask, number, scheme: move(mask, shift, number, scheme))

    def _turn(self, of) -> str:
        from MedDDPMCore.lesions.tools import rotate

        degrees = (self.ui.turnLSpinBox.value, self.ui.turnPSpinBox.value, self.ui.turnSSpinBox.value)
        return self._each(of, lambda mask, number, scheme: rotate(mask, degrees, number, scheme))

    def _scale(self, of) -> str:
        from MedDDPMCore.lesions.tools import scale

        return self._each(of, lambda mask, number, scheme: scale(mask, self.ui.scaleSpinBox.value, number, scheme))

    def _grow(self, of) -> str:
        from MedDDPMCore.lesions.tools import grow

        return self._each(of, lambda mask, number, scheme: grow(mask, self.ui.growSpinBox.value, number, scheme))

    def _smooth(self, of) -> str:
        from MedDDPMCore.lesions.tools import smooth

        return self._each(of, lambda mask, number, scheme: smooth(mask, self.ui.smoothSpinBox.value, number, scheme))

    def _mirror(self, of) -> str:
        from MedDDPMCore.lesions.tools import mirror

        return self._each(of, lambda mask, number, scheme: mirror(mask, number, scheme=scheme))

    def _copies(self, of) -> str:
        from MedDDPMCore.lesions.tools import duplicate

        count, seed = self.ui.copiesSpinBox.value, random.randint(0, _LARGEST_SEED)
        return self._each(
            of, lambda mask, number, scheme: duplicate(mask, count, seed=seed, number=number, scheme=scheme)
        )

    def _place_at_crosshair(self, of) -> str:
        point = lesions.crosshair(slicer.mrmlScene)
        if not lesions.in_head(of, point):
            raise LabelError(
                _("The crosshair (R {:.0f}, A {:.0f}, S {:.0f} mm) is not in the head.").format(*point),
                _("Hold Shift and move the mouse over the head in a slice view, then try again."),
            )
        return self._place(of, (-point[0], -point[1], point[2]))

    def _place_at_random(self, of) -> str:
        return self._place(of, None)

    def _place(self, of: lesions.Lesions, at) -> str:
        from MedDDPMCore.lesions.tools import place

        chosen = self.ui.lesionSegmentCombo.itemData(self.ui.lesionSegmentCombo.currentIndex)
        segment = chosen or next(reversed(of.segments.values()))  # the highest rank: what lies inside of all others
        path = self.ui.shapeCombo.itemData(self.ui.shapeCombo.currentIndex)
        shape = lesions.shape_for(of, segment, path, self.ui.shapeSpinBox.value)
        seed = random.randint(0, _LARGEST_SEED)
        return lesions.apply(
            of, lambda mask, scheme: place(mask, shape, at, seed, scheme=scheme), self.window.editor.save_for_undo
        )

    def _save_shape(self, of: lesions.Lesions) -> str:
        name = qt.QInputDialog.getText(self.widget, _("Save as shape"), _("Name of the shape:"))
        if not name:
            return ""
        path = lesions.save_shape(of, self._piece(of) or 1, name.strip())
        self._show_shapes()
        self.ui.shapeCombo.setCurrentIndex(self.ui.shapeCombo.findData(str(path)))
        return _("The shape is in your library: {path}").format(path=path)

    def _show_shapes(self) -> None:
        self._fill(
            self.ui.shapeCombo, {str(path): name for name, path in lesions.shapes(paths.shapes_folder()).items()}
        )

    def _step_back(self, step: Callable[[], None]) -> None:
        step()
        self._say("")
        self.window.refresh()

    def _say(self, text: str) -> None:
        self.ui.lesionMessage.text = text
        self.ui.lesionMessage.visible = bool(text)

    def _fill(self, combo, titles: dict[str, str]) -> None:
        current = combo.itemData(combo.currentIndex) if combo.count else None
        combo.clear()
        for key, title in titles.items():
            combo.addItem(title, key)
        combo.setCurrentIndex(max(0, combo.findData(current)))
