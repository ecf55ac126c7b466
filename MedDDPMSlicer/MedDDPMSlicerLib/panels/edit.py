"""Paint or edit: Slicer's own Segment Editor, set up so that painting a tumor leaves the head whole."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from ..mrml import lesions, samples
from ..mrml.parameters import MedDDPMParameters
from .panel import Panel, Window

EDITOR_TAG = "MedDDPMSegmentEditor"
PREPARED = "MedDDPM.prepared"


class EditPanel(Panel):
    FILE = "Edit"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self.ui.editor.setMRMLScene(slicer.mrmlScene)
        self._given = None  # the source volume that the editor got from here last
        self._effects = slicer.qSlicerSegmentEditorEffectFactory.instance()
        self._effects.connect("effectRegistered(QString)", self._effect_registered)
        self.ui.canvasButton.connect("clicked()", self._make_canvas)
        self.widget.connect("contentsCollapsed(bool)", self._opened_or_closed)

    def bind(self, parameters: MedDDPMParameters | None) -> None:
        super().bind(parameters)
        if parameters is not None:
            self.ui.editor.setMRMLSegmentEditorNode(_editor_node())

    def enter(self) -> None:
        self.ui.editor.installKeyboardShortcuts()

    def leave(self) -> None:
        """Put the brush down when the user goes to another module."""
        self.ui.editor.setActiveEffectByName("")
        self.ui.editor.uninstallKeyboardShortcuts()
        self.ui.editor.removeViewObservations()

    def refresh(self) -> None:
        if self._parameters is None:
            return
        segmentation = self._parameters.segmentation
        source = self._parameters.mri or samples.canvas_of(segmentation)
        if self.ui.editor.segmentationNode() != segmentation:
            self.ui.editor.setSegmentationNode(segmentation)
            self._given = self.ui.editor.sourceVolumeNode()  # it takes what the segmentation was drawn on
        if segmentation is not None and source is not None:
            self._offer_source(source)
        lacks_source = segmentation is not None and self.ui.editor.sourceVolumeNode() is None
        self.ui.canvasButton.visible = lacks_source
        if segmentation is None:
            self.ui.editHint.text = _("Choose a segmentation first.")
        elif lacks_source:
            self.ui.editHint.text = _("The Segment Editor needs an image to paint on: choose the MRI above, or")
        else:
            self.ui.editHint.text = _(
                "Choose the tumor segment, then Paint, Draw or Erase in the slice views. "
                "Undo with Ctrl+Z. The tumor may lie over the head: it counts as tumor."
            )

    def _offer_source(self, source) -> None:
        """Let the editor paint on a volume, unless the user has chosen another one in the editor."""
        chosen = self.ui.editor.sourceVolumeNode()
        if chosen is not None and chosen is not self._given:
            return
        if chosen is not source:
            self.ui.editor.setSourceVolumeNode(source)
        self._given = source

    def _opened_or_closed(self, closed: bool) -> None:
        """Painting begins with the lesion's segment, not with the head, which comes first."""
        lesion_ids = lesions.lesion_segments(self.window.roles, self.window.segments)
        if not closed and lesion_ids and self.ui.editor.currentSegmentID() not in lesion_ids:
            self.ui.editor.setCurrentSegmentID(lesion_ids[-1])

    def edit_segment(self, identity: str) -> None:
        """Open the box with a segment ready to be painted."""
        self.widget.collapsed = False
        self.refresh()
        self.ui.editor.setCurrentSegmentID(identity)

    def save_for_undo(self) -> None:
        if self.ui.editor.segmentationNode() is not None:
            self.ui.editor.saveStateForUndo()

    def undo(self) -> None:
        self.ui.editor.undo()

    def redo(self) -> None:
        self.ui.editor.redo()

    def forget_scene(self) -> None:
        """The editor does not look at its node while the scene is closed: it must let go of the views itself."""
        self.ui.editor.setActiveEffectByName("")
        self.ui.editor.setSegmentationNode(None)
        self.ui.editor.removeViewObservations()

    def close(self) -> None:
        self.leave()
        self._effects.disconnect("effectRegistered(QString)", self._effect_registered)
        self.ui.editor.setMRMLSegmentEditorNode(None)

    def _effect_registered(self, _name: str) -> None:
        """Extensions may register their effects after this window was made."""
        self.ui.editor.updateEffectList()

    def _make_canvas(self) -> None:
        try:
            samples.make_canvas(self._parameters.segmentation)
        except MedDDPMError as error:
            self.ui.editHint.text = str(error)
            return
        self.window.refresh()
        self.window.show_source()


def _editor_node():
    """This module's own editor settings: segments may overlap, so that erasing a tumor leaves no hole in the head."""
    node = slicer.mrmlScene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(EDITOR_TAG)
        node = slicer.mrmlScene.AddNode(node)
    if node.GetAttribute(PREPARED) is None:  # also after the scene was closed: that resets singletons
        node.SetOverwriteMode(node.OverwriteNone)
        node.SetAttribute(PREPARED, "true")
    return node
