"""Result files to volumes, sequences and folders, under slicer-core alone."""

import json

import numpy as np
import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import phantom
import SimpleITK
import slicer
import slicer.util
from MedDDPMSlicerLib.mrml import grids, nifti, results, views

from MedDDPMCore.base.errors import VolumeError


@pytest.fixture(autouse=True)
def empty_scene(host):
    """The host gives every test an empty scene."""


def written(tmp_path, array, ijk_to_ras, name="result.nii.gz"):
    """Write an array with SimpleITK, as the worker does."""
    image = SimpleITK.GetImageFromArray(array)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ijk_to_ras
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    path = str(tmp_path / name)
    SimpleITK.WriteImage(image, path)
    return path


def added(*arguments):
    """What `add_results` returns, all its pieces in one go."""
    pieces = results.add_results(slicer.mrmlScene, *arguments)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def random_image(seed=0):
    return np.random.default_rng(seed).uniform(0, 1, phantom.SHAPE).astype(np.float32)


def bounds_of(node):
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    return bounds


@pytest.mark.parametrize("left_handed", [True, False])
@pytest.mark.parametrize("extension", [".nii.gz", ".nii"])
def test_a_result_lies_on_the_mask_voxel_for_voxel(tmp_path, left_handed, extension):
    matrix, array = phantom.oblique(left_handed), random_image()
    mri = phantom.volume(matrix)
    path = written(tmp_path, array, matrix, "result" + extension)
    file = results.ResultFile(path, 7)
    (node,) = added([file], grids.geometry_of_volume(mri), "Case synthetic", {})
    assert np.array_equal(slicer.util.arrayFromVolume(node), array)
    read = slicer.util.vtkMatrixFromArray(np.eye(4))
    node.GetIJKToRASMatrix(read)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(read), matrix, atol=1e-9)
    assert node.GetName() == "Case synthetic"
    assert node.GetStorageNode() is None


def test_a_result_follows_the_transform_of_the_mask(tmp_path):
    mri = phantom.volume()
    shift = phantom.transform(phantom.oblique())
    mri.SetAndObserveTransformNodeID(shift.GetID())
    path = written(tmp_path, random_image(), phantom.oblique())
    (node,) = added([results.ResultFile(path, 1)], grids.geometry_of_volume(mri), "S synthetic", {})
    assert bounds_of(node) == pytest.approx(bounds_of(mri))


def test_samples_follow_the_transform_of_the_mask_from_the_first_to_the_last(tmp_path):
    mri = phantom.volume()
    mri.SetAndObserveTransformNodeID(phantom.transform(phantom.oblique()).GetID())
    files = [
        results.ResultFile(written(tmp_path, random_image(s), phantom.oblique(), f"{s}{name}.nii.gz"), s, name)
        for s in range(3)
        for name in ("T1", "T2")
    ]
    shown = added(files, grids.geometry_of_volume(mri), "S synthetic", {})
    browser = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode")
    for number in range(3):
        browser.SetSelectedItemNumber(number)
        assert [node.GetTransformNodeID() for node in shown] == [mri.GetTransformNodeID()] * 2
        assert [bounds_of(node) for node in shown] == [pytest.approx(bounds_of(mri))] * 2


@pytest.mark.parametrize("samples", [1, 2])
def test_results_on_a_grid_of_their_own_follow_the_transform_of_the_mask(tmp_path, samples):
    """That of the model reaches beyond the mask, here by a voxel on each side of the third axis."""
    matrix, shift = phantom.oblique(), phantom.transform(phantom.oblique())
    matrix[:3, 3] -= matrix[:3, 2]
    array = np.pad(random_image(), ((1, 1), (0, 0), (0, 0)))
    files = [results.ResultFile(written(tmp_path, array, matrix, f"{n}.nii.gz"), n) for n in range(samples)]
    [node] = added(files, None, "S synthetic", {}, shift.GetID())
    same = phantom.volume(matrix, array.shape, "same")
    same.SetAndObserveTransformNodeID(shift.GetID())
    assert bounds_of(node) == pytest.approx(bounds_of(same), abs=1e-3)


@pytest.mark.parametrize("spoil", ["shifted", "other size"])
def test_a_result_that_lies_elsewhere_is_refused_and_leaves_nothing(tmp_path, spoil):
    mri = phantom.volume()
    matrix, array = phantom.oblique(), random_image()
    if spoil == "shifted":
        matrix[0, 3] += 0.5
    else:
        array = array[1:]
    good = results.ResultFile(written(tmp_path, random_image(), phantom.oblique(), "good.nii.gz"), 1)
    bad = results.ResultFile(written(tmp_path, array, matrix), 2)
    count = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(VolumeError, match="grid of the mask"):
        added([good, bad], grids.geometry_of_volume(mri), "S synthetic", {})
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_loading_that_is_left_in_the_middle_leaves_nothing(tmp_path):
    mri = phantom.volume()
    paths = [written(tmp_path, random_image(), phantom.oblique(), f"{seed}.nii.gz") for seed in (1, 2)]
    files = [results.ResultFile(path, seed) for seed, path in enumerate(paths)]
    pieces = results.add_results(slicer.mrmlScene, files, grids.geometry_of_volume(mri), "S synthetic", {})
    while not slicer.util.getNodes("S synthetic*"):
        next(pieces)
    pieces.close()
    assert not slicer.util.getNodes("S synthetic*")


@pytest.mark.parametrize("spoil", [b"no archive at all", b"\x1f\x8b\x08\0\0\0\0\0\0\0cut off"])
def test_a_damaged_file_is_said_in_words(tmp_path, spoil):
    path = tmp_path / "result.nii.gz"
    path.write_bytes(spoil)
    with pytest.raises(VolumeError, match="could not be read"):
        added([results.ResultFile(str(path), 1)], None, "S synthetic", {})


def test_a_missing_file_is_said_in_words():
    with pytest.raises(VolumeError, match="could not be read"):
        nifti.read("/nowhere/at/all.nii.gz")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64, np.uint16])
def test_an_image_is_read_as_another_reader_reads_it(tmp_path, dtype, ending):
    array = (random_image() * 200).astype(dtype)
    path = written(tmp_path, array, phantom.oblique(), f"image{ending}")
    image, other = nifti.read(path), SimpleITK.ReadImage(path)
    node = slicer.vtkMRMLScalarVolumeNode()
    results.set_image(node, image)
    assert np.array_equal(slicer.util.arrayFromVolume(node), SimpleITK.GetArrayFromImage(other))
    for index in ((0, 0, 0), (3, 5, 7)):
        lps = other.TransformIndexToPhysicalPoint(index)
        assert (image.ijk_to_ras @ [*index, 1])[:3] == pytest.approx([-lps[0], -lps[1], lps[2]], abs=1e-4)


def test_an_image_that_is_not_a_plain_volume_is_refused(tmp_path):
    path = written(tmp_path, random_image(), phantom.oblique(), "image.nii")
    for place, value in ((112, b"\0\0\0\x40"), (40, b"\2\0"), (70, b"\x80\0"), (344, b"ni1\0"), (42, b"\0\0")):
        spoilt = bytearray(open(path, "rb").read())  # noqa: SIM115
        spoilt[place : place + len(value)] = value
        (tmp_path / "spoilt.nii").write_bytes(bytes(spoilt))
        with pytest.raises(VolumeError, match="plain 3D image"):
            nifti.read(str(tmp_path / "spoilt.nii"))
    with open(path, "rb") as file:
        (tmp_path / "cut.nii").write_bytes(file.read()[:-10])
    with pytest.raises(VolumeError, match="cut off"):
        nifti.read(str(tmp_path / "cut.nii"))


@pytest.mark.parametrize(
    "array, low, high",
    [
        (np.where(phantom.head_array(), 0.5, 0.0), 0.0, 0.5),
        (np.zeros(phantom.SHAPE), 0.0, 1.0),
        (np.linspace(0, 100, int(np.prod(phantom.SHAPE))).reshape(phantom.SHAPE), 0.0, 99.98),
    ],
)
def test_window_and_level_fit_the_image(array, low, high):
    node = phantom.volume(dtype=np.float32)
    slicer.util.updateVolumeFromArray(node, array.astype(np.float32))
    results.set_window(node)
    display = node.GetDisplayNode()
    assert not display.GetAutoWindowLevel()
    assert display.GetWindowLevelMin() == pytest.approx(low, abs=0.3)
    assert display.GetWindowLevelMax() == pytest.approx(high, abs=0.3)


def test_provenance_is_in_the_attributes_and_the_description(tmp_path):
    sidecar = tmp_path / "result.json"
    sidecar.write_text(json.dumps({"model_sha256": "abc", "steps": 15, "versions": {"torch": "2"}}), encoding="utf-8")
    mri = phantom.volume()
    path = written(tmp_path, random_image(), phantom.oblique())
    file = results.ResultFile(path, 3, "", str(sidecar))
    (node,) = added([file], grids.geometry_of_volume(mri), "S synthetic", {"mask": "Seg"})
    assert results.is_synthetic(node) and not results.is_synthetic(mri)
    assert node.GetAttribute("MedDDPM.model_sha256") == "abc"
    assert node.GetAttribute("MedDDPM.steps") == "15"
    assert json.loads(node.GetAttribute("MedDDPM.versions")) == {"torch": "2"}
    assert node.GetAttribute("MedDDPM.seed") == "3" and node.GetAttribute("MedDDPM.mask") == "Seg"
    assert "not for diagnosis" in node.GetDescription()


def test_several_samples_become_a_sequence_that_can_be_browsed(tmp_path):
    mri = phantom.volume()
    arrays = [random_image(seed) for seed in range(3)]
    files = [
        results.ResultFile(written(tmp_path, array, phantom.oblique(), f"{n}.nii.gz"), 10 + n)
        for n, array in enumerate(arrays)
    ]
    shown = added(files, grids.geometry_of_volume(mri), "Case synthetic", {})
    sequence = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    browser = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode")
    assert sequence.GetNumberOfDataNodes() == 3
    assert sequence.GetName() == "Case synthetic (3 samples)"
    for number, array in enumerate(arrays):
        browser.SetSelectedItemNumber(number)
        assert np.array_equal(slicer.util.arrayFromVolume(shown[0]), array)
        assert shown[0].GetAttribute("MedDDPM.seed") == str(10 + number)
    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert len(volumes) == 2  # the MRI and the proxy


def test_four_modalities_lie_in_one_folder(tmp_path):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    mri = phantom.volume()
    names = ["T1", "T1ce", "T2", "FLAIR"]
    files = [
        results.ResultFile(written(tmp_path, random_image(n), phantom.oblique(), f"{name}.nii.gz"), 5, name)
        for n, name in enumerate(names)
    ]
    shown = added(files, grids.geometry_of_volume(mri), "Case synthetic", {})
    assert [node.GetName() for node in shown] == [f"Case synthetic {name}" for name in names]
    folder = hierarchy.GetItemByName("Case synthetic")
    children = []
    hierarchy.GetItemChildren(folder, children)
    assert [hierarchy.GetItemDataNode(child).GetID() for child in children] == [node.GetID() for node in shown]


def test_two_samples_of_two_modalities_are_browsed_together(tmp_path):
    mri = phantom.volume()
    files = [
        results.ResultFile(written(tmp_path, random_image(10 * s + m), phantom.oblique(), f"{s}{name}.nii.gz"), s, name)
        for s in range(2)
        for m, name in enumerate(["T1", "T2"])
    ]
    shown = added(files, grids.geometry_of_volume(mri), "Case synthetic", {})
    browser = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSequenceBrowserNode")
    browser.SetSelectedItemNumber(1)
    assert np.array_equal(slicer.util.arrayFromVolume(shown[0]), random_image(10))
    assert np.array_equal(slicer.util.arrayFromVolume(shown[1]), random_image(11))


def test_a_second_run_with_the_same_seed_gets_a_name_of_its_own(tmp_path):
    mri = phantom.volume()
    file = results.ResultFile(written(tmp_path, random_image(), phantom.oblique()), 1)
    geometry = grids.geometry_of_volume(mri)
    names = [added([file], geometry, "S synthetic", {})[0].GetName() for _ in range(2)]
    assert names == ["S synthetic", "S synthetic_1"]


def test_a_preview_is_one_node_that_is_not_saved(tmp_path):
    mri = phantom.volume()
    count = slicer.mrmlScene.GetNumberOfNodes()
    preview = results.add_preview(slicer.mrmlScene, mri.GetTransformNodeID(), "preview")
    for seed in range(3):
        path = written(tmp_path, random_image(seed), phantom.oblique(), f"preview{seed}.nii")
        results.show_preview(path, preview)
        assert np.array_equal(slicer.util.arrayFromVolume(preview), random_image(seed))
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 2
    assert not preview.GetSaveWithScene()
    results.remove(slicer.mrmlScene, [preview])
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def slice_views(count=3):
    for color in ("Red", "Green", "Yellow")[:count]:
        node = slicer.vtkMRMLSliceCompositeNode()
        node.SetLayoutName(color)
        node.SetSingletonTag(color)
        slicer.mrmlScene.AddNode(node)
    return slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")


def test_the_views_show_source_and_result_with_a_fade_and_can_be_put_back():
    mri, old, new = phantom.volume(), phantom.volume(name="old"), phantom.volume(name="new")
    composites = slice_views()
    for composite in composites:
        composite.SetBackgroundVolumeID(old.GetID())
    saved = views.layers(slicer.mrmlScene)
    views.show(slicer.mrmlScene, new, mri, 0.5)
    for composite in composites:
        assert composite.GetBackgroundVolumeID() == mri.GetID()
        assert composite.GetForegroundVolumeID() == new.GetID()
        assert composite.GetForegroundOpacity() == 0.5 and composite.GetLinkedControl()
    views.set_fade(slicer.mrmlScene, 1.0)
    assert {composite.GetForegroundOpacity() for composite in composites} == {1.0}
    views.show(slicer.mrmlScene, new, None, 0.5)
    assert {composite.GetBackgroundVolumeID() for composite in composites} == {new.GetID()}
    views.restore(slicer.mrmlScene, saved)
    assert {composite.GetBackgroundVolumeID() for composite in composites} == {old.GetID()}
    slicer.mrmlScene.RemoveNode(old)
    views.restore(slicer.mrmlScene, saved)
    assert {composite.GetBackgroundVolumeID() for composite in composites} == {None}
