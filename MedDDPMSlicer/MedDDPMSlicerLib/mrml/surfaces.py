"""Segments that are surfaces, made into voxels of a grid in pieces.

As in Slicer's own conversion, inside is what vtkPolyDataToImageStencil finds. That looks at every triangle for every
plane of voxels; here it is shown the triangles near the plane only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy

from MedDDPMCore.base.errors import LabelError

from .grids import NodeGrid, between, divided, image_to_world, oriented

BINARY_LABELMAP = "Binary labelmap"
_LONGEST_MM = 2.0
_PLANES, _MANY = 8, 200_000  # planes of voxels, points or triangles in a piece


def is_made_of_voxels(segmentation_node) -> bool:
    return segmentation_node.GetSegmentation().GetSourceRepresentationName() == BINARY_LABELMAP


def require_voxels(segmentation_node) -> None:
    """LabelError where segments cannot be changed because they are surfaces."""
    if not is_made_of_voxels(segmentation_node):
        raise LabelError(
            _("“{name}” is made of surfaces.").format(name=segmentation_node.GetName()),
            _("In the Segmentations module, make the binary labelmap the source representation."),
        )


def with_voxels(segmentation_node, ids: Iterable[str], geometry: NodeGrid) -> Generator[None, None, object]:
    """The node itself if it is made of voxels; else a node outside the scene that holds these segments as voxels of the
    grid, made in pieces; where those are long, of parts of them, as small lesions lie between their centres. Its
    segments have the ids of the originals."""
    if is_made_of_voxels(segmentation_node):
        return segmentation_node
    grid = divided(geometry, _LONGEST_MM)
    copy, to_local = slicer.vtkMRMLSegmentationNode(), between(segmentation_node, grid)
    copy.SetName(segmentation_node.GetName())
    copy.GetSegmentation().SetSourceRepresentationName(BINARY_LABELMAP)
    for segment_id in ids:
        surface = segmentation_node.GetClosedSurfaceInternalRepresentation(segment_id)
        image = yield from _voxels(surface, oriented(grid, to_local))
        segment = slicer.vtkSegment()
        segment.SetLabelValue(1)
        segment.AddRepresentation(BINARY_LABELMAP, image)
        copy.GetSegmentation().AddSegment(segment, segment_id)
    return copy


def _voxels(surface, target) -> Generator[None, None, object]:
    """The part of the target that the surface may fill, 1 within it and 0 without."""
    whole = vtk.vtkTriangleFilter()
    whole.SetInputData(surface)
    whole.Update()
    surface = whole.GetOutput()
    yield
    to_index = np.linalg.inv(image_to_world(target))
    given = vtk_to_numpy(surface.GetPoints().GetData())
    points = np.empty((len(given), 3))
    for start in range(0, len(given), _MANY):
        part = slice(start, start + _MANY)
        points[part] = given[part] @ to_index[:3, :3].T + to_index[:3, 3]
        yield
    triangles = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    extent = np.array(target.GetExtent())
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), extent[::2])
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int), extent[1::2])
    if (high < low).any():
        target.SetExtent(0, -1, 0, -1, 0, -1)
        return target
    target.SetExtent(*(int(bound) for axis in range(3) for bound in (low[axis], high[axis])))
    target.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    array = vtk_to_numpy(target.GetPointData().GetScalars()).reshape(target.GetDimensions()[::-1])
    yield
    lowest, highest = (np.empty(len(triangles), points.dtype) for _ in range(2))
    for start in range(0, len(triangles), _MANY):
        part = slice(start, start + _MANY)
        heights = points[:, 2][triangles[part]]
        lowest[part], highest[part] = heights.min(axis=1), heights.max(axis=1)
        yield
    shared = vtk.vtkPoints()
    shared.SetData(numpy_to_vtk(points, deep=True))
    yield
    for start in range(0, len(array), _PLANES):
        stop = min(start + _PLANES, len(array))
        first, last = int(low[2]) + start, int(low[2]) + stop - 1
        cut = triangles[(highest >= first) & (lowest <= last)]
        array[start:stop] = _inside(shared, cut, (*target.GetExtent()[:4], first, last))
        yield
    return target


def _inside(points, triangles: np.ndarray, extent: tuple[int, ...]) -> np.ndarray:
    """Which voxels (k, j, i) of an extent in index space lie within a surface."""
    cells, surface = vtk.vtkCellArray(), vtk.vtkPolyData()
    ends = np.arange(0, triangles.size + 1, 3, dtype=np.int64)
    corners = np.ascontiguousarray(triangles, np.int64).ravel()
    cells.SetData(numpy_to_vtkIdTypeArray(ends, deep=True), numpy_to_vtkIdTypeArray(corners, deep=True))
    surface.SetPoints(points)
    surface.SetPolys(cells)
    stencil, image, drawn = vtk.vtkPolyDataToImageStencil(), vtk.vtkImageData(), vtk.vtkImageStencil()
    stencil.SetInputData(surface)
    stencil.SetOutputWholeExtent(*extent)
    image.SetExtent(*extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    drawn.SetInputData(image)
    drawn.SetStencilConnection(stencil.GetOutputPort())
    drawn.SetBackgroundValue(0)
    drawn.Update()
    made = drawn.GetOutput()
    return vtk_to_numpy(made.GetPointData().GetScalars()).reshape(made.GetDimensions()[::-1])
