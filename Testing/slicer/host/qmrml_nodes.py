"""qMRMLWidget, qSlicerWidget and the node selector, over the real scene."""

import vtk
from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QInputDialog, QSizePolicy, QWidget

from .observing import Observations
from .stand_in import accept, designer, stored


class _SceneWidget(QWidget):
    mrmlSceneChanged = Signal(object)
    _signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    _scene = None

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self._scene_changed()
            self.mrmlSceneChanged.emit(scene)

    def _scene_changed(self):
        """For derived widgets: the scene is another one now."""


@designer
class qMRMLWidget(_SceneWidget):
    def mrmlScene(self):
        return self._scene


@designer
class qSlicerWidget(_SceneWidget):
    pass


@designer
class qMRMLNodeComboBox(QWidget):
    """Lists the scene's nodes of some types; the current one is a node or None."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    currentNodeRenamed = Signal(str)
    _nodeChosen = Signal(bool)
    _signals = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged",
        "currentNodeChanged(bool)": "_nodeChosen",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved",
    }

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene, self._node, self._attributes, self._labels = None, None, {}, {}
        self._observations = Observations(self)
        self._renames = Observations(self)
        self._combo = QComboBox(self)
        self._combo.sizePolicy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._combo.activated.connect(self._activated)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        self._observations.clear()
        self._scene = scene
        if scene is not None:
            self._observations.add_node(scene, [scene.NodeAddedEvent], self._node_added)
            self._observations.add_node(scene, [scene.NodeAboutToBeRemovedEvent], self._node_leaving)
            self._observations.add(scene, [scene.NodeRemovedEvent, scene.EndBatchProcessEvent], self._refresh)
        self._refresh()

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node):
        """A node, the identifier of one, or None."""
        if isinstance(node, str):
            node = self._scene.GetNodeByID(node) if self._scene and node else None
        if node is not None and node not in self._nodes():
            node = None
        if node is None and not self.noneEnabled and self._nodes() and self._node in self._nodes():
            return
        self._select(node)

    def setCurrentNodeIndex(self, index):
        self.setCurrentNode(self.nodeFromIndex(index))

    def nodeCount(self):
        return len(self._nodes())

    def nodeFromIndex(self, index):
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def addNode(self, nodeType=""):
        nodeType = nodeType or self.nodeTypes[0]
        name = self._scene.GenerateUniqueName(self.baseName or nodeType.replace("vtkMRML", "").removesuffix("Node"))
        node = self._scene.AddNewNodeByClass(nodeType, name)
        for (kind, attribute), value in self._attributes.items():
            if kind == nodeType:
                node.SetAttribute(attribute, value)
        self._refresh()
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self):
        if self._node is not None:
            self._scene.RemoveNode(self._node)

    def renameCurrentNode(self):
        name = QInputDialog.getText(self, "Rename", "New name:")
        if self._node is not None and name:
            self._node.SetName(name)

    def addAttribute(self, nodeType, attributeName, attributeValue=None):
        self._attributes[nodeType, attributeName] = None if attributeValue is None else str(attributeValue)
        self._refresh()

    def removeAttribute(self, nodeType, attributeName):
        self._attributes.pop((nodeType, attributeName), None)
        self._refresh()

    def setNodeTypeLabel(self, label, nodeType):
        self._labels[nodeType] = label
        self._refresh()

    def nodeTypeLabel(self, nodeType):
        return self._labels.get(nodeType) or nodeType.replace("vtkMRML", "").removesuffix("Node")

    def _nodes(self):
        if self._scene is None:
            return []
        nodes = (self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes()))
        return [node for node in nodes if self._shows(node)]

    def _shows(self, node):
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        matches = [
            kind
            for kind in self.nodeTypes
            if (node.IsA(kind) if self.showChildNodeTypes else node.GetClassName() == kind)
        ]
        if not matches or any(node.IsA(kind) for kind in self.hideChildNodeTypes):
            return False
        wanted = [(name, value) for (kind, name), value in self._attributes.items() if node.IsA(kind)]
        return all(
            node.GetAttribute(name) is not None if value is None else node.GetAttribute(name) == value
            for name, value in wanted
        )

    def _node_added(self, node):
        if self._shows(node):
            self._refresh()
            self.nodeAdded.emit(node)

    def _node_leaving(self, node):
        if self._shows(node):
            self.nodeAboutToBeRemoved.emit(node)

    def _refresh(self):
        if self._scene is not None and self._scene.IsBatchProcessing():
            return
        nodes = self._nodes()
        node = self._node if self._node in nodes else None
        if node is None and not self.noneEnabled and nodes:
            node = nodes[0]
        self._fill(nodes, node)
        self._observe_names(nodes)
        self._select(node)

    def _fill(self, nodes, current):
        blocked = self._combo.blockSignals(True)
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem(self.noneDisplay, "")
        for node in nodes:
            self._combo.addItem(node.GetName(), node.GetID())
        for action in self._actions():
            self._combo.addItem(action[0], action)
        self._combo.currentIndex = self._combo.findData(current.GetID() if current is not None else "")
        self._combo.blockSignals(blocked)

    def _actions(self):
        if self._scene is None:
            return []
        actions = []
        if self.addEnabled:
            actions += [(f"Create new {self.nodeTypeLabel(kind)}", self.addNode, kind) for kind in self.nodeTypes]
        if self.renameEnabled and self._node is not None:
            actions.append(("Rename current node", self.renameCurrentNode))
        if self.removeEnabled and self._node is not None:
            actions.append(("Delete current node", self.removeCurrentNode))
        return actions

    def _activated(self, index):
        data = self._combo.itemData(index)
        if isinstance(data, (tuple, list)):
            self._fill(self._nodes(), self._node)
            data[1](*data[2:])
            return
        self.setCurrentNode(data)
        self.nodeActivated.emit(self._node)

    def _observe_names(self, nodes):
        self._renames.clear()
        for node in nodes:
            self._renames.add(node, [vtk.vtkCommand.ModifiedEvent], lambda node=node: self._renamed(node))

    def _renamed(self, node):
        index = self._combo.findData(node.GetID())
        if index < 0 or self._combo.itemText(index) == node.GetName():
            return
        self._combo.setItemText(index, node.GetName())
        if node is self._node:
            self.currentNodeRenamed.emit(node.GetName())

    def _select(self, node):
        changed = node is not self._node
        self._node = node
        self._fill(self._nodes(), node)
        if changed:
            self.currentNodeChanged.emit(node)
            self._nodeChosen.emit(node is not None)
            self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _read_id(self):
        return self._node.GetID() if self._node is not None else ""

    def setCurrentNodeID(self, nodeID):
        self.setCurrentNode(accept(str, "currentNodeID", nodeID))

    nodeTypes = stored("QStringList", "nodeTypes", (), _refresh)
    hideChildNodeTypes = stored("QStringList", "hideChildNodeTypes", (), _refresh)
    showHidden = stored(bool, "showHidden", False, _refresh)
    showChildNodeTypes = stored(bool, "showChildNodeTypes", True, _refresh)
    noneEnabled = stored(bool, "noneEnabled", False, _refresh)
    addEnabled = stored(bool, "addEnabled", True, _refresh)
    removeEnabled = stored(bool, "removeEnabled", True, _refresh)
    editEnabled = stored(bool, "editEnabled", False)
    renameEnabled = stored(bool, "renameEnabled", False, _refresh)
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", True)
    baseName = stored(str, "baseName", "")
    noneDisplay = stored(str, "noneDisplay", "None", _refresh)
    currentNodeID = Property(str, _read_id, setCurrentNodeID)
