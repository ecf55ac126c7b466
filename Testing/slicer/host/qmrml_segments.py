"""The segment selector and the table of segments, over the real segmentation nodes."""

import slicer
from PySide6.QtCore import Property, QItemSelection, Qt, Signal
from PySide6.QtGui import QColor, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableView, QVBoxLayout

from .observing import Observations
from .qmrml_nodes import qMRMLNodeComboBox, qMRMLWidget
from .stand_in import designer, stored

_VISIBLE, _COLOR, _NAME = range(3)


def segment_events():
    segmentation = slicer.vtkSegmentation
    return [
        segmentation.SegmentAdded,
        segmentation.SegmentRemoved,
        segmentation.SegmentModified,
        segmentation.SegmentsOrderModified,
    ]


def segment_ids(node):
    return tuple(node.GetSegmentation().GetSegmentIDs()) if node is not None else ()


@designer
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    currentNodeChanged = Signal(object)
    _nodeChosen = Signal(bool)
    currentSegmentChanged = Signal(str)
    segmentSelectionChanged = Signal("QStringList")
    _signals = {"currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged", "currentNodeChanged(bool)": "_nodeChosen"}

    def __init__(self, parent=None):
        super().__init__(parent)
        self._observations = Observations(self)
        self._segment = ""
        self._nodes = qMRMLNodeComboBox(self)
        self._nodes.setObjectName("MRMLNodeComboBox_Segmentation")
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._nodes.addEnabled = self._nodes.removeEnabled = False
        self._nodes.currentNodeChanged.connect(self._node_changed)
        self._combo = QComboBox(self)
        self._combo.activated.connect(self._activated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._combo)

    def _scene_changed(self):
        self._nodes.setMRMLScene(self._scene)

    def currentNode(self):
        return self._nodes.currentNode()

    def currentNodeID(self):
        return self._nodes.currentNodeID

    def setCurrentNode(self, node):
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, nodeID):
        self._nodes.setCurrentNodeID(nodeID)

    def segmentIDs(self):
        return segment_ids(self.currentNode())

    def currentSegmentID(self):
        return self._segment

    def selectedSegmentIDs(self):
        return (self._segment,) if self._segment else ()

    def setCurrentSegmentID(self, segmentID):
        self._select(segmentID if segmentID in self.segmentIDs() else "")

    def _node_changed(self, node):
        self._observations.clear()
        if node is not None:
            self._observations.add(node.GetSegmentation(), segment_events(), self._fill)
        self._fill()
        self.currentNodeChanged.emit(node)
        self._nodeChosen.emit(node is not None)

    def _fill(self):
        ids = self.segmentIDs()
        wanted = self._segment if self._segment in ids else ("" if self.noneEnabled or not ids else ids[0])
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem("None", "")
        for segment_id in ids:
            self._combo.addItem(self.currentNode().GetSegmentation().GetSegment(segment_id).GetName(), segment_id)
        self._combo.blockSignals(blocked)
        self._select(wanted)

    def _select(self, segment_id):
        self._combo.currentIndex = self._combo.findData(segment_id)
        if segment_id != self._segment:
            self._segment = segment_id
            self.currentSegmentChanged.emit(segment_id)
            self.segmentSelectionChanged.emit(list(self.selectedSegmentIDs()))

    def _activated(self, index):
        self._select(self._combo.itemData(index))

    def _show_nodes(self):
        self._nodes.visible = self.segmentationNodeSelectorVisible

    noneEnabled = stored(bool, "noneEnabled", False, lambda self: self._fill())
    editEnabled = stored(bool, "editEnabled", False)
    segmentationNodeSelectorVisible = stored(bool, "segmentationNodeSelectorVisible", True, _show_nodes)


@designer
class qMRMLSegmentsTableView(qMRMLWidget):
    selectionChanged = Signal(QItemSelection, QItemSelection)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = None
        self._hidden = ()
        self._observations = Observations(self)
        self._model = QStandardItemModel(0, 3, self)
        self._model.setHorizontalHeaderLabels(["", "", "Name"])
        self._model.itemChanged.connect(self._edited)
        self._table = QTableView(self)
        self._table.setObjectName("SegmentsTable")
        self._table.setModel(self._model)
        self._table.selectionBehavior = QAbstractItemView.SelectionBehavior.SelectRows
        self._table.selectionMode = QAbstractItemView.SelectionMode.SingleSelection
        self._table.horizontalHeader().setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self._table.horizontalHeader().setSectionResizeMode(_VISIBLE, QHeaderView.ResizeMode.ResizeToContents)
        self._table.horizontalHeader().setSectionResizeMode(_COLOR, QHeaderView.ResizeMode.ResizeToContents)
        self._table.verticalHeader().hide()
        self._table.selectionModel().selectionChanged.connect(self.selectionChanged.emit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node):
        if node is self._node:
            return
        self._observations.clear()
        self._node = node
        if node is not None:
            self._observations.add(node.GetSegmentation(), segment_events(), self._fill)
            self._observations.add(node, [slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent], self._fill)
        self._fill()

    def tableWidget(self):
        return self._table

    def displayedSegmentIDs(self):
        return tuple(segment_id for segment_id in segment_ids(self._node) if segment_id not in self._hidden)

    def hideSegments(self):
        return self._hidden

    def setHideSegments(self, segmentIDs):
        self._hidden = tuple(segmentIDs)
        self._fill()

    def rowForSegmentID(self, segmentID):
        shown = self.displayedSegmentIDs()
        return shown.index(segmentID) if segmentID in shown else -1

    def segmentIDForRow(self, row):
        shown = self.displayedSegmentIDs()
        return shown[row] if 0 <= row < len(shown) else ""

    def selectedSegmentIDs(self):
        return tuple(self.segmentIDForRow(index.row()) for index in self._table.selectionModel().selectedRows())

    def setSelectedSegmentIDs(self, segmentIDs):
        if tuple(segmentIDs) == self.selectedSegmentIDs():
            return
        self._table.clearSelection()
        for segment_id in segmentIDs:
            if self.rowForSegmentID(segment_id) >= 0:
                self._table.selectRow(self.rowForSegmentID(segment_id))

    def clearSelection(self):
        self._table.clearSelection()

    def _fill(self):
        selected = self.selectedSegmentIDs()
        blocked = self._model.blockSignals(True)
        chosen = self._table.selectionModel().blockSignals(True)
        self._model.setRowCount(0)
        for segment_id in self.displayedSegmentIDs():
            self._model.appendRow(self._row(segment_id))
        self._model.blockSignals(blocked)
        self._model.layoutChanged.emit()
        self.setSelectedSegmentIDs(selected)
        self._table.selectionModel().blockSignals(chosen)

    def _row(self, segment_id):
        segment = self._node.GetSegmentation().GetSegment(segment_id)
        display = self._node.GetDisplayNode()
        visible, color, name = QStandardItem(), QStandardItem(), QStandardItem(segment.GetName())
        visible.setCheckable(True)
        shown = display is None or display.GetSegmentVisibility(segment_id)
        visible.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
        color.setData(QColor.fromRgbF(*segment.GetColor()), int(Qt.ItemDataRole.DecorationRole))
        color.setEditable(False)
        return [visible, color, name]

    def _edited(self, item):
        segment_id = self.segmentIDForRow(item.row())
        if item.column() == _NAME:
            self._node.GetSegmentation().GetSegment(segment_id).SetName(item.text())
        elif item.column() == _VISIBLE and self._node.GetDisplayNode() is not None:
            self._node.GetDisplayNode().SetSegmentVisibility(segment_id, item.checkState() == Qt.CheckState.Checked)

    segmentCount = Property(int, lambda self: len(self.displayedSegmentIDs()))
    readOnly = stored(bool, "readOnly", False)
    headerVisible = stored(bool, "headerVisible", True)
    visibilityColumnVisible = stored(bool, "visibilityColumnVisible", True)
    colorColumnVisible = stored(bool, "colorColumnVisible", True)
    opacityColumnVisible = stored(bool, "opacityColumnVisible", True)
    statusColumnVisible = stored(bool, "statusColumnVisible", False)
    filterBarVisible = stored(bool, "filterBarVisible", False)
