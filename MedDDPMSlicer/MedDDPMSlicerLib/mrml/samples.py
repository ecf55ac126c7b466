"""Sample heads that come with the extension, and a canvas to paint on where there is no MRI."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from .. import paths
from ..roles import WHOLE_HEAD, roles_for
from . import grids, nifti, results, scene

CANVAS_REFERENCE = "MedDDPM.canvas"


def sample_files() -> list[Path]:
    """The sample masks, the one with a single tumor first."""
    return sorted(paths.masks_folder().glob("*.nii.gz"), key=lambda path: (path.name != "one_tumor.nii.gz", path.name))


def title(path: Path) -> str:
    """ "head_one_tumor.nii.gz" -> "Head one tumor"."""
    return path.name.removesuffix(".nii.gz").replace("_", " ").replace("-", " ").capitalize()


def checksum(path: Path) -> str:
    """As the Sample Data module wants it."""
    return "SHA256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def register(picture: str) -> None:
    """List the bundled heads in the Sample Data module; picture: what it shows of each."""
    import SampleData

    for path in sample_files():
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="MedDDPM",
            sampleName=title(path),
            uris=path.as_uri(),
            fileNames=path.name,
            nodeNames=title(path),
            checksums=checksum(path),
            thumbnailFileName=picture,
            customDownloader=lambda _source, path=path: load_sample(slicer.mrmlScene, path),
        )


def load_sample(mrml_scene, path: Path):
    """Add a sample as a segmentation with its canvas; returns the segmentation."""
    volume = slicer.vtkMRMLScalarVolumeNode()
    results.set_image(volume, nifti.read(str(path)))
    geometry = grids.geometry_of_volume(volume)
    labels = vtk_to_numpy(volume.GetImageData().GetPointData().GetScalars()).reshape(geometry.dimensions[::-1])
    node = mrml_scene.AddNewNodeByClass("vtkMRMLSegmentationNode", mrml_scene.GenerateUniqueName(title(path)))
    for role in (role for role in roles_for(WHOLE_HEAD) if (labels == role.value).any()):
        scene.set_segment_array(
            node, scene.create_segment(node, role), (labels == role.value).astype(np.uint8), geometry
        )
    make_canvas(node, geometry)
    return node


def canvas_of(segmentation_node):
    """The canvas made for a segmentation, or None."""
    return segmentation_node.GetNodeReference(CANVAS_REFERENCE) if segmentation_node is not None else None


def mri_of(segmentation_node):
    """The MRI that a segmentation was drawn on, if it is known and not a canvas."""
    if segmentation_node is None:
        return None
    drawn_on = segmentation_node.GetNodeReference(segmentation_node.GetReferenceImageGeometryReferenceRole())
    return None if drawn_on is canvas_of(segmentation_node) else drawn_on


def make_canvas(segmentation_node, geometry: grids.NodeGrid | None = None):
    """A plain grey volume on the segmentation's grid, so that the Segment Editor has something to paint on."""
    mrml_scene = segmentation_node.GetScene()
    geometry = geometry or grids.geometry_of_segmentation(segmentation_node)
    image = vtk.vtkImageData()
    image.SetDimensions(*geometry.dimensions)
    image.GetPointData().SetScalars(numpy_to_vtk(np.zeros(geometry.voxels, np.uint8), deep=True))
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(list(geometry.ijk_to_ras.ravel()))
    canvas = mrml_scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"{segmentation_node.GetName()} canvas")
    canvas.SetAndObserveImageData(image)
    canvas.SetIJKToRASMatrix(matrix)
    canvas.SetAndObserveTransformNodeID(geometry.transform_id)
    canvas.SetDescription(_("An empty image to paint on: there is no MRI."))
    results.set_window(canvas)
    segmentation_node.SetNodeReferenceID(CANVAS_REFERENCE, canvas.GetID())
    segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(canvas)
    return canvas
