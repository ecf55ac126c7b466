"""Volumes and segmentations for the tests: small heads on awkward grids."""

import numpy as np
import slicer
import slicer.util
import vtk

SHAPE = (20, 40, 30)  # k, j, i


def oblique(left_handed: bool = True, spacing=(1.1, 0.9, 2.0), origin=(-40.0, 30.0, 12.0)) -> np.ndarray:
    """An IJK to RAS matrix that no axis of the scanner agrees with."""
    a, b = 0.3, 0.2
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    directions = turn @ tilt
    if left_handed:
        directions[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = directions * np.array(spacing)
    matrix[:3, 3] = origin
    return matrix


def volume(ijk_to_ras=None, shape=SHAPE, name="MRI", dtype=np.int16):
    """A volume node with a ramp in it."""
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape) % 1000
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array.astype(dtype))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(oblique() if ijk_to_ras is None else ijk_to_ras))
    node.CreateDefaultDisplayNodes()
    return node


def head_array(shape=SHAPE) -> np.ndarray:
    """An ellipsoid, 1 inside, that fills most of the grid."""
    k, j, i = (
        np.linspace(-1, 1, size).reshape([-1 if axis == n else 1 for n in range(3)]) for axis, size in enumerate(shape)
    )
    return (k**2 + j**2 + i**2 < 0.8).astype(np.uint8)


def tumor_array(shape=SHAPE) -> np.ndarray:
    """A small box inside the head, off centre in every axis."""
    array = np.zeros(shape, np.uint8)
    array[tuple(slice(int(size * 0.5), max(int(size * 0.6), int(size * 0.5) + 2)) for size in shape)] = 1
    return array


def segmentation(reference, segments: dict[str, np.ndarray], name="Segmentation"):
    """A segmentation node on a reference volume, its ids as in many files; returns (node, {segment name: id})."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    ids = {}
    for number, (segment_name, array) in enumerate(segments.items(), start=1):
        ids[segment_name] = node.GetSegmentation().AddEmptySegment(f"Segment_{number}", segment_name)
        if array.any():
            slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, ids[segment_name], reference)
    return node, ids


def transform(matrix: np.ndarray, name="Transform"):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


def surface(center, radius=8.0) -> vtk.vtkPolyData:
    sphere = vtk.vtkSphereSource()
    sphere.SetCenter(*center)
    sphere.SetRadius(radius)
    sphere.SetThetaResolution(24)
    sphere.SetPhiResolution(24)
    sphere.Update()
    return sphere.GetOutput()


def state_of(node) -> dict:
    """All that a user could lose: names, order, tags' text, colours and voxels of every segment."""
    segmentation = node.GetSegmentation()
    state = {}
    for index in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(index)
        segment_id = segmentation.GetNthSegmentID(index)
        image = node.GetBinaryLabelmapInternalRepresentation(segment_id)
        array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segment_id).copy() if image else None
        state[segment_id] = (
            index,
            segment.GetName(),
            segment.GetColor(),
            segment.GetLabelValue(),
            segmentation.GetLayerIndex(segment_id),
            None if array is None else array.tobytes(),
        )
    return state
