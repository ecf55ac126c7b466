"""Every node that the user sees has an item in the subject hierarchy; in Slicer Qt plugins see to that."""
import vtk

_DATA = ("vtkMRMLDisplayableNode", "vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode", "vtkMRMLTableNode",
         "vtkMRMLTextNode", "vtkMRMLPlotChartNode")


class SubjectHierarchyItems:
    def __init__(self, scene):
        self._scene = scene
        self._observe(scene.NodeAddedEvent, self._added)
        self._observe(scene.NodeAboutToBeRemovedEvent, self._leaving)

    def _observe(self, event, callback):
        def with_node(caller, name, node):
            callback(node)
        with_node.CallDataType = vtk.VTK_OBJECT
        self._scene.AddObserver(event, with_node)

    def _hierarchy(self):
        return self._scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")

    def _added(self, node):
        hierarchy = self._hierarchy()
        if hierarchy is None or self._scene.IsImporting() or not _is_data(node) or hierarchy.GetItemByDataNode(node):
            return
        hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    def _leaving(self, node):
        hierarchy = self._hierarchy()
        if hierarchy is not None and hierarchy.GetItemByDataNode(node):
            hierarchy.RemoveItem(hierarchy.GetItemByDataNode(node), False, False)


def _is_data(node):
    return any(node.IsA(kind) for kind in _DATA) and not node.GetHideFromEditors()
