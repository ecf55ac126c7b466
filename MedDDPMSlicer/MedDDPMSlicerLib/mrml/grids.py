"""Voxel grids in MRML terms: those of volumes and segmentations, and how one lies in another's space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import VolumeError

_EQUAL = 1e-3  # by how much of it a voxel may be longer than another and counts as no longer


@dataclass(frozen=True)
class NodeGrid:
    """A voxel grid in MRML terms.

    dimensions: (i, j, k). ijk_to_ras: 4x4 array, millimetres, in the space of `transform_id`'s node (None: world).
    """

    dimensions: tuple[int, int, int]
    ijk_to_ras: np.ndarray
    transform_id: str | None = None

    @property
    def voxels(self) -> int:
        return int(np.prod(self.dimensions))


def geometry_of_volume(volume_node) -> NodeGrid:
    if volume_node.GetImageData() is None:
        raise VolumeError(
            _("The volume “{name}” holds no image.").format(name=volume_node.GetName()), _("Choose another volume.")
        )
    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return NodeGrid(tuple(volume_node.GetImageData().GetDimensions()), _array(matrix), volume_node.GetTransformNodeID())


def array_of_volume(volume_node) -> np.ndarray:
    """Its voxels (k, j, i), not copied; VolumeError where a voxel holds more than one value."""
    array = slicer.util.arrayFromVolume(volume_node)
    if array.ndim != 3:
        raise VolumeError(
            _("The volume “{name}” holds several values a voxel, as a colour image does.").format(
                name=volume_node.GetName()
            ),
            _("Choose an MRI of one contrast."),
        )
    return array


def geometry_of_segmentation(segmentation_node) -> NodeGrid:
    """The grid on which the segmentation was made, with its first voxel at index 0."""
    segmentation = segmentation_node.GetSegmentation()
    converter = slicer.vtkSegmentationConverter
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    if not text or not converter.DeserializeImageGeometry(text, image, False) or 0 in image.GetDimensions():
        raise VolumeError(
            _("The segmentation “{name}” does not say which voxel grid it lies on.").format(
                name=segmentation_node.GetName()
            ),
            _("Choose the MRI it was drawn on, or paint something in it first."),
        )
    return NodeGrid(tuple(image.GetDimensions()), first_to_world(image), segmentation_node.GetTransformNodeID())


def finer_grid(segmentation_node, ids: list[str], target):
    """The grid of the segments' own voxels, as an image without any, where one of them could lie between the target's.

    None where each of them has the centre of a voxel of the target in it, or where nothing of them is in view. It
    reaches as far as both segments and target, and as far beyond as filters look.
    """
    own, names = slicer.vtkOrientedImageData(), vtk.vtkStringArray()
    for segment_id in ids:
        names.InsertNextValue(segment_id)
    segmentation = segmentation_node.GetSegmentation()
    mode = slicer.vtkSegmentation.EXTENT_UNION_OF_SEGMENTS
    if not ids or not segmentation.SetImageGeometryFromCommonLabelmapGeometry(own, names, mode):
        return None
    to_own = np.linalg.inv(image_to_world(own)) @ image_to_world(target)
    reach = np.abs(to_own[:3, :3]).sum(axis=1)
    if reach.max() <= 1 + _EQUAL:
        return None
    first, last = (np.array(target.GetExtent(), float)[start::2] for start in (0, 1))
    middle = to_own[:3, :3] @ (first + last) / 2 + to_own[:3, 3]
    half = np.abs(to_own[:3, :3]) @ (last - first + 1) / 2
    extent, border = np.array(own.GetExtent()), 2 + np.ceil(2 * reach)
    low = np.maximum(extent[::2], np.floor(middle - half))
    high = np.minimum(extent[1::2], np.ceil(middle + half))
    if (low > high).any():
        return None
    own.SetExtent(*(int(n) for pair in zip(low - border, high + border, strict=True) for n in pair))
    return own


def divided(geometry: NodeGrid, longest_mm: float) -> NodeGrid:
    """A grid of the same box whose voxels are parts of the given ones, none of them longer than so much."""
    parts = np.ceil(np.linalg.norm(geometry.ijk_to_ras[:3, :3], axis=0) / longest_mm - _EQUAL).clip(1)
    to_given = np.diag([*(1 / parts), 1.0])
    to_given[:3, 3] = (1 / parts - 1) / 2
    dimensions = tuple(int(n * size) for n, size in zip(parts, geometry.dimensions, strict=True))
    return NodeGrid(dimensions, geometry.ijk_to_ras @ to_given, geometry.transform_id)


def _array(matrix) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def oriented(geometry: NodeGrid, ijk_to_local: np.ndarray):
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(list(ijk_to_local.ravel()))
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*(bound for size in geometry.dimensions for bound in (0, size - 1)))
    image.SetGeometryFromImageToWorldMatrix(matrix)
    return image


def between(segmentation_node, geometry: NodeGrid) -> np.ndarray:
    """The grid's IJK to RAS in the segmentation's own space; parent transforms must be linear."""
    if geometry.transform_id == segmentation_node.GetTransformNodeID():
        return geometry.ijk_to_ras
    scene = segmentation_node.GetScene()
    source = scene.GetNodeByID(geometry.transform_id) if geometry.transform_id else None
    general, linear = vtk.vtkGeneralTransform(), vtk.vtkTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, segmentation_node.GetParentTransformNode(), general)
    if not slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(general, linear):
        raise VolumeError(
            _("The segmentation and the MRI are related by a warping transform."),
            _("Harden the transform first (Transforms module)."),
        )
    return _array(linear.GetMatrix()) @ geometry.ijk_to_ras


def first_to_world(image) -> np.ndarray:
    """Indices counted from an image's first voxel to millimetres."""
    matrix = image_to_world(image)
    matrix[:3, 3] += matrix[:3, :3] @ np.array(image.GetExtent()[0::2], float)
    return matrix


def image_to_world(image) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return _array(matrix)
