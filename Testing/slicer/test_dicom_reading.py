"""Exported DICOM series, read by the reader that Slicer's scalar volumes are loaded with."""

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
pytest.importorskip("highdicom", reason="needs highdicom (pip install pydicom highdicom)")
import phantom
import slicer
import slicer.util
import vtk

from MedDDPMCore.export.dicom import export_dicom
from MedDDPMCore.export.record import Record
from MedDDPMCore.volumes.volume import Geometry, Volume


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("left_handed", [False, True])
def test_slicer_reads_every_voxel_of_an_oblique_series_at_its_place(tmp_path, left_handed):
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ phantom.oblique(left_handed)
    array = np.random.default_rng(1).permutation(np.prod(phantom.SHAPE)).reshape(phantom.SHAPE).astype(np.uint16)
    image = Volume(array, Geometry.from_affine_lps(affine, phantom.SHAPE))
    export_dicom([(image, Record(model="small", model_sha256="ab" * 32, seed=7, modality="T1"))], tmp_path / "out")
    storage, node = slicer.vtkMRMLVolumeArchetypeStorageNode(), slicer.vtkMRMLScalarVolumeNode()
    slicer.mrmlScene.AddNode(node)
    storage.SetSingleFile(0)
    files = sorted(map(str, (tmp_path / "out" / "MR").iterdir()))
    storage.SetFileName(files[0])
    storage.ResetFileNameList()
    for file in files:
        storage.AddFileName(file)
    assert storage.ReadData(node)
    read = slicer.util.arrayFromVolume(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    ijk_to_ras = slicer.util.arrayFromVTKMatrix(matrix)
    index = np.argwhere(array >= 0)[:, ::-1]
    world = index @ affine[:3, :3].T + affine[:3, 3]
    own = (world * (-1, -1, 1) - ijk_to_ras[:3, 3]) @ np.linalg.inv(ijk_to_ras[:3, :3]).T
    assert np.abs(own - np.rint(own)).max() < 1e-4
    k, j, i = np.rint(own).astype(int).T[::-1]
    assert np.array_equal(read[k, j, i], array.ravel())
