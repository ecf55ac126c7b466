"""Lesions moved by hand: their outline under a transform that has Slicer's interaction handle, until it is applied."""

from __future__ import annotations

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import LabelError

from . import grids, lesions, scene

_COLOR = (1.0, 0.9, 0.1)
_RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Handle:
    """Nodes of the scene, never saved with it: the lesions' outline, and the transform that the user drags.

    of: the segments as they were read. number: the piece that is meant, None for all. When the user drags, the
    transform node invokes its TransformModifiedEvent.
    """

    def __init__(self, of: lesions.Lesions, number: int | None):
        from MedDDPMCore.lesions.shapes import millilitres

        self.of, self.number = of, number
        labels = lesions.outlined(of, number)
        where = np.argwhere(labels.array)[:, ::-1]
        self._start = (labels.geometry.to_world(where.mean(axis=0)) * (-1, -1, 1)).tolist()
        self.millilitres = millilitres(labels.array, labels.geometry)
        mrml_scene = of.node.GetScene()
        self.transform = _hidden(mrml_scene, "vtkMRMLLinearTransformNode", "Lesions by hand")
        self.transform.SetCenterOfTransformation(self._start)
        self.transform.CreateDefaultDisplayNodes()
        display = self.transform.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetEditorScalingEnabled(True)
        display.SetEditorScalingSliceEnabled(True)
        display.SetEditorVisibility(True)
        self.outline = _hidden(mrml_scene, "vtkMRMLSegmentationNode", "Lesions by hand")
        self.outline.CreateDefaultDisplayNodes()
        self.outline.GetDisplayNode().SetSaveWithScene(False)
        self.outline.GetDisplayNode().SetVisibility2DFill(False)
        self.outline.GetDisplayNode().SetSliceIntersectionThickness(3)
        segment_id = self.outline.GetSegmentation().AddEmptySegment("", "", _COLOR)
        grid = grids.NodeGrid(labels.array.shape[::-1], labels.geometry.affine_ras)
        scene.set_segment_array(self.outline, segment_id, (labels.array > 0).astype(np.uint8), grid)
        self.outline.CreateClosedSurfaceRepresentation()
        self.outline.SetAndObserveTransformNodeID(self.transform.GetID())

    @property
    def matrix(self) -> np.ndarray:
        """How the lesions were moved: 4x4, RAS mm of the world."""
        matrix = vtk.vtkMatrix4x4()
        self.transform.GetMatrixTransformToWorld(matrix)
        return slicer.util.arrayFromVTKMatrix(matrix)

    @property
    def centre(self) -> np.ndarray:
        """Where the lesions' centre is now: RAS, mm."""
        return self.matrix[:3, :3] @ self._start + self.matrix[:3, 3]

    @property
    def shift(self) -> np.ndarray:
        """How far the centre was moved: RAS, mm."""
        return self.centre - self._start

    @property
    def is_there(self) -> bool:
        """Whether both nodes are still in the scene."""
        return self.transform.GetScene() is not None and self.outline.GetScene() is not None

    @property
    def growth(self) -> float:
        """How many times the volume."""
        return abs(float(np.linalg.det(self.matrix[:3, :3])))

    def move(self, by) -> None:
        """By (R, A, S) mm."""
        self._then(np.eye(3), by)

    def scale(self, factor: float) -> None:
        """The diameter, about the centre."""
        self._then(np.eye(3) * factor, (0.0, 0.0, 0.0))

    def tool(self, of: lesions.Lesions):
        """The move as a tool for `lesions.apply` on these segments; LabelError where they changed since."""
        from MedDDPMCore.lesions.tools import carry

        if of.segments != self.of.segments or not np.array_equal(of.mask.array, self.of.mask.array):
            raise LabelError(
                _("The segments were changed while the lesion was moved."), _("Press Cancel and move it again.")
            )
        affine = _RAS_LPS @ self.matrix @ _RAS_LPS
        return lambda mask, scheme: carry(mask, affine, self.number, scheme)

    def remove(self) -> None:
        """Leave nothing in the scene."""
        for node in (self.outline, self.transform):
            mrml_scene, display = node.GetScene(), node.GetDisplayNode()
            for part in (node, display):
                if mrml_scene is not None and part is not None:
                    mrml_scene.RemoveNode(part)

    def _then(self, linear: np.ndarray, by) -> None:
        centre, step = self.centre, np.eye(4)
        step[:3, :3] = linear
        step[:3, 3] = centre - linear @ centre + by
        self.transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(step @ self.matrix))


def _hidden(mrml_scene, kind: str, name: str):
    """A node that the user does not choose from lists, and that is not saved."""
    node = mrml_scene.CreateNodeByClass(kind)
    node.UnRegister(None)
    node.SetName(name)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    return mrml_scene.AddNode(node)
