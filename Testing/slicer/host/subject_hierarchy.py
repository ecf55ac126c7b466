"""Every node that the user sees has an item in the subject hierarchy; in Slicer Qt plugins see to that."""

import slicer
import vtk

_DATA = (
    "vtkMRMLDisplayableNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLSequenceBrowserNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
)


class SubjectHierarchyItems:
    def __init__(self, scene):
        self._scene = scene
        self._observe(scene.NodeAddedEvent, self._added)
        self._observe(scene.NodeAboutToBeRemovedEvent, self._leaving)
        scene.AddObserver(scene.EndImportEvent, lambda *_: self._imported())

    def _observe(self, event, callback):
        def with_node(caller, name, node):
            callback(node)

        with_node.CallDataType = vtk.VTK_OBJECT
        self._scene.AddObserver(event, with_node)

    def _hierarchy(self):
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def _added(self, node):
        if self._scene.IsImporting() or node.GetHideFromEditors() or not any(node.IsA(kind) for kind in _DATA):
            return
        hierarchy = self._hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _leaving(self, node):
        if self._scene.IsClosing() or not any(node.IsA(kind) for kind in _DATA):
            return
        hierarchy = self._hierarchy()
        if hierarchy.GetItemByDataNode(node):
            hierarchy.RemoveItem(hierarchy.GetItemByDataNode(node), False, False)

    def _imported(self):
        for index in range(self._scene.GetNumberOfNodes()):
            self._added(self._scene.GetNthNode(index))
