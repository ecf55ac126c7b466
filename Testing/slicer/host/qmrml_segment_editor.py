"""The Segment Editor widget, reduced: nodes, segments, the active effect by name, undo and redo. No effect paints.

What it does by itself is as in Slicer: it watches the views while an effect is active, and in those it shows its source
volume anew with every layout; while the scene is closed or loaded it does not look at its node. With a segmentation
it takes the volume that this was drawn on as its source; another source leaves the segmentation's grid as it is.
"""

import shiboken6
import slicer
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from .observing import Observations
from .qmrml_nodes import qMRMLNodeComboBox, qMRMLWidget
from .qmrml_segments import qMRMLSegmentsTableView, segment_events, segment_ids
from .segment_editor_effects import qSlicerSegmentEditorAbstractEffect, qSlicerSegmentEditorEffectFactory
from .stand_in import designer, stored

_UNDO_STATES = 5
_COLUMNS = 3


@designer
class qMRMLSegmentEditorWidget(qMRMLWidget):
    currentSegmentIDChanged = Signal(str)
    sourceVolumeNodeChanged = Signal(object)
    segmentationNodeChanged = Signal(object)
    _signals = {
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged",
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged",
    }

    def __init__(self, parent=None):
        super().__init__(parent)
        self._editor_node, self._segmentation, self._source, self._effect = None, None, None, None
        self._updating, self._views_observed = False, False
        self._scene_observations = Observations(self)
        self._node_observations, self._segment_observations = Observations(self), Observations(self)
        self._history = slicer.vtkSegmentationHistory()
        self._history.SetMaximumNumberOfStates(_UNDO_STATES)
        self._effects = {}
        self._build()
        self.updateEffectList()
        self._show()
        slicer.app.layoutManager().layoutChanged.connect(self._layout_changed)

    def _build(self):
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._nodes = self._selector(layout, "SegmentationNodeComboBox", "Segmentation:", "vtkMRMLSegmentationNode")
        self._nodes.currentNodeChanged.connect(self.setSegmentationNode)
        self._volumes = self._selector(layout, "SourceVolumeNodeComboBox", "Source volume:", "vtkMRMLScalarVolumeNode")
        self._volumes.currentNodeChanged.connect(self.setSourceVolumeNode)
        buttons = QHBoxLayout()
        layout.addLayout(buttons)
        self._add = self._button(buttons, "AddSegmentButton", "Add", self._add_segment)
        self._remove = self._button(buttons, "RemoveSegmentButton", "Remove", self._remove_segment)
        self._table = qMRMLSegmentsTableView(self)
        self._table.setMinimumHeight(110)
        self._table.selectionChanged.connect(self._table_selected)
        layout.addWidget(self._table)
        layout.addWidget(self._effect_buttons())
        frame = QFrame(self)
        frame.setObjectName("UndoRedoGroupBox")
        row = QHBoxLayout(frame)
        self._undo = self._button(row, "UndoButton", "Undo", self.undo)
        self._redo = self._button(row, "RedoButton", "Redo", self.redo)
        layout.addWidget(frame)

    def _selector(self, layout, name, title, kind):
        row = QHBoxLayout()
        label = QLabel(title, self)
        combo = qMRMLNodeComboBox(self)
        combo.setObjectName(name)
        combo.noneEnabled, combo.addEnabled, combo.removeEnabled = True, False, False
        combo.nodeTypes = [kind]
        row.addWidget(label)
        row.addWidget(combo, 1)
        layout.addLayout(row)
        combo._label = label
        return combo

    def _button(self, layout, name, text, slot):
        button = QPushButton(text, self)
        button.setObjectName(name)
        button.connect("clicked()", slot)
        layout.addWidget(button)
        return button

    def _effect_buttons(self):
        frame = QFrame(self)
        frame.setObjectName("EffectsGroupBox")
        self._grid = QGridLayout(frame)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)
        return frame

    def updateEffectList(self):
        """Buttons for the effects that were registered since."""
        for name in qSlicerSegmentEditorEffectFactory.instance()._names:
            if name in self._effects:
                continue
            self._effects[name] = qSlicerSegmentEditorAbstractEffect(self, name)
            button = QToolButton(self._grid.parentWidget())
            button.text, button.checkable = name, True
            button.setObjectName(name)
            button.connect("clicked()", lambda button=button: self._effect_clicked(button))
            index = len(self._group.buttons())
            self._group.addButton(button)
            self._grid.addWidget(button, index // _COLUMNS, index % _COLUMNS)

    def _effect_clicked(self, button):
        self.setActiveEffectByName(button.text if button.checked else "")

    def _scene_changed(self):
        for part in (self._nodes, self._volumes, self._table):
            part.setMRMLScene(self._scene)
        self._scene_observations.clear()
        if self._scene is not None:
            events = [slicer.vtkMRMLScene.EndCloseEvent, slicer.vtkMRMLScene.EndBatchProcessEvent]
            self._scene_observations.add(self._scene, events, self.updateWidgetFromMRML)

    def mrmlSegmentEditorNode(self):
        return self._editor_node

    def setMRMLSegmentEditorNode(self, node):
        """Without a node the widget goes on showing what it showed, the active effect too."""
        if node is self._editor_node:
            return
        self._node_observations.clear()
        self._editor_node = node
        if node is not None:
            self._node_observations.add(node, ["ModifiedEvent"], self.updateWidgetFromMRML)
            self.updateWidgetFromMRML()

    def updateWidgetFromMRML(self):
        node = self._editor_node
        if self._updating or node is None or node.GetScene() is None:
            return
        if self._scene is None or self._scene.IsClosing() or self._scene.IsBatchProcessing():
            return
        self._updating = True
        self._follow_segmentation(node.GetSegmentationNode(), node)
        self._follow_source(node.GetSourceVolumeNode())
        self._activate(self._effects.get(node.GetActiveEffectName()))
        self._show()
        self._updating = False

    def _activate(self, effect):
        if effect is not self._effect:
            self._effect = effect
            self.setupViewObservations() if effect is not None else self.removeViewObservations()

    def _layout_changed(self, _layout):
        if shiboken6.isValid(self) and self._views_observed and self.autoShowSourceVolumeNode:
            self._show_source()

    def _show_source(self):
        """The source volume alone in each slice view that does not show it yet."""
        for name in slicer.app.layoutManager().sliceViewNames():
            composite = slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()
            shown = (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID())
            if self._source is not None and self._source.GetID() not in shown:
                composite.SetBackgroundVolumeID(self._source.GetID())
                composite.SetForegroundVolumeID(None)
                composite.SetLabelVolumeID(None)

    def _follow_segmentation(self, segmentation, node):
        if segmentation is self._segmentation:
            return
        self._segmentation = segmentation
        self._segment_observations.clear()
        self._history.RemoveAllStates()
        self._history.SetSegmentation(segmentation.GetSegmentation() if segmentation is not None else None)
        if segmentation is not None:
            self._segment_observations.add(segmentation.GetSegmentation(), segment_events(), self._segments_changed)
            segmentation.CreateDefaultDisplayNodes()
            role = segmentation.GetReferenceImageGeometryReferenceRole()
            node.SetAndObserveSourceVolumeNode(segmentation.GetNodeReference(role))
        self._segments_changed()
        self.segmentationNodeChanged.emit(segmentation)

    def _follow_source(self, source):
        if source is not self._source:
            self._source = source
            self._give_geometry()
            if self.autoShowSourceVolumeNode:
                self._show_source()
            self.sourceVolumeNodeChanged.emit(source)

    def _give_geometry(self):
        """A segmentation without voxels or a grid gets the source volume's; others keep theirs."""
        segmentation = self._segmentation.GetSegmentation() if self._segmentation is not None else None
        converter = slicer.vtkSegmentationConverter
        if self._source is None or segmentation is None:
            return
        known = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
        if not known and not segmentation.ContainsRepresentation(converter.GetBinaryLabelmapRepresentationName()):
            self._segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self._source)

    def segmentationNode(self):
        return self._segmentation

    def segmentationNodeID(self):
        return self._segmentation.GetID() if self._segmentation is not None else ""

    def setSegmentationNode(self, node):
        if self._editor_node is not None and not self._updating:
            self._editor_node.SetAndObserveSegmentationNode(node)

    def setSegmentationNodeID(self, nodeID):
        self.setSegmentationNode(self._scene.GetNodeByID(nodeID))

    def sourceVolumeNode(self):
        return self._editor_node.GetSourceVolumeNode() if self._editor_node is not None else None

    def sourceVolumeNodeID(self):
        node = self.sourceVolumeNode()
        return node.GetID() if node is not None else ""

    def setSourceVolumeNode(self, node):
        if self._editor_node is None or self._updating:
            return
        self._editor_node.SetAndObserveSourceVolumeNode(node)

    def setSourceVolumeNodeID(self, nodeID):
        self.setSourceVolumeNode(self._scene.GetNodeByID(nodeID))

    def currentSegmentID(self):
        return (self._editor_node.GetSelectedSegmentID() or "") if self._editor_node is not None else ""

    def setCurrentSegmentID(self, segmentID):
        if self._editor_node is not None and segmentID != self.currentSegmentID():
            self._editor_node.SetSelectedSegmentID(segmentID)
            self._show()
            self.currentSegmentIDChanged.emit(segmentID)

    def activeEffect(self):
        return self._effect

    def setActiveEffect(self, effect):
        self.setActiveEffectByName(effect.name if effect is not None else "")

    def setActiveEffectByName(self, effectName):
        if self._editor_node is None:
            return
        self._editor_node.SetActiveEffectName(effectName if effectName in self._effects else "")

    def effectByName(self, name):
        return self._effects.get(name)

    def availableEffectNames(self):
        return tuple(self._effects)

    def effectCount(self):
        return len(self._effects)

    def saveStateForUndo(self):
        if self._segmentation is not None:
            self._history.SaveState()
            self._show()

    def undo(self):
        self._history.RestorePreviousState()
        self._show()

    def redo(self):
        self._history.RestoreNextState()
        self._show()

    def setEffectNameOrder(self, effectNames):
        self._order = tuple(effectNames)

    def effectNameOrder(self):
        return self._order

    def installKeyboardShortcuts(self, parent=None):
        """Shortcuts need the application's window."""

    def uninstallKeyboardShortcuts(self):
        """Shortcuts need the application's window."""

    def setupViewObservations(self):
        """No effect follows the mouse, but the widget knows that it should."""
        self._views_observed = True

    def removeViewObservations(self):
        self._views_observed = False

    def _add_segment(self):
        self.saveStateForUndo()
        self.setCurrentSegmentID(self._segmentation.GetSegmentation().AddEmptySegment())

    def _remove_segment(self):
        self.saveStateForUndo()
        self._segmentation.RemoveSegment(self.currentSegmentID())

    def _segments_changed(self):
        ids = segment_ids(self._segmentation)
        if self.currentSegmentID() not in ids:
            self.setCurrentSegmentID(ids[0] if ids else "")
        self._show()

    def _table_selected(self):
        selected = self._table.selectedSegmentIDs()
        if selected:
            self.setCurrentSegmentID(selected[0])

    def _show(self):
        updating, self._updating = self._updating, True
        self._nodes.setCurrentNode(self._segmentation)
        self._volumes.setCurrentNode(self._source)
        self._table.setSegmentationNode(self._segmentation)
        if self.currentSegmentID():
            self._table.setSelectedSegmentIDs([self.currentSegmentID()])
        self._add.enabled = self._segmentation is not None and not self.readOnly
        self._remove.enabled = bool(self.currentSegmentID()) and not self.readOnly
        for button in self._group.buttons():
            button.enabled = bool(self.currentSegmentID()) and self._source is not None and not self.readOnly
            button.checked = self._effect is not None and button.text == self._effect.name
        self._undo.enabled = self._segmentation is not None and self._history.IsRestorePreviousStateAvailable()
        self._redo.enabled = self._segmentation is not None and self._history.IsRestoreNextStateAvailable()
        self._updating = updating

    def _show_selectors(self):
        self._nodes.visible = self._nodes._label.visible = self.segmentationNodeSelectorVisible
        self._volumes.visible = self._volumes._label.visible = self.sourceVolumeNodeSelectorVisible

    def _limit_undo(self):
        self._history.SetMaximumNumberOfStates(self.maximumNumberOfUndoStates)

    _order = ()
    segmentationNodeSelectorVisible = stored(bool, "segmentationNodeSelectorVisible", True, _show_selectors)
    sourceVolumeNodeSelectorVisible = stored(bool, "sourceVolumeNodeSelectorVisible", True, _show_selectors)
    switchToSegmentationsButtonVisible = stored(bool, "switchToSegmentationsButtonVisible", True)
    maskingSectionVisible = stored(bool, "maskingSectionVisible", True)
    specifyGeometryButtonVisible = stored(bool, "specifyGeometryButtonVisible", True)
    show3DButtonVisible = stored(bool, "show3DButtonVisible", True)
    addRemoveSegmentButtonsVisible = stored(bool, "addRemoveSegmentButtonsVisible", True)
    autoShowSourceVolumeNode = stored(bool, "autoShowSourceVolumeNode", True)
    undoEnabled = stored(bool, "undoEnabled", True)
    maximumNumberOfUndoStates = stored(int, "maximumNumberOfUndoStates", _UNDO_STATES, _limit_undo)
    readOnly = stored(bool, "readOnly", False, lambda self: self._show())
    effectColumnCount = stored(int, "effectColumnCount", 2)
    unorderedEffectsVisible = stored(bool, "unorderedEffectsVisible", True)
    jumpToSelectedSegmentEnabled = stored(bool, "jumpToSelectedSegmentEnabled", False)
