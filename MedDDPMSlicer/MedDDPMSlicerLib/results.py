"""Files to volumes: synthetic images as MRML nodes, with display and provenance. MRML only, no Qt."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from MedDDPMCore.errors import VolumeError

from .scene import Geometry

PREFIX = "MedDDPM."
NOTICE = "Synthetic image made by a generative model. Research only, not for diagnosis."
_TOLERANCE = 1e-2  # mm over the whole grid: NIfTI keeps its affine in single precision
_WINDOW_SAMPLES = 200_000
_PIECE = 1 << 21  # bytes that are unpacked in one go


@dataclass(frozen=True)
class ResultFile:
    """One image that the worker has written."""

    path: str
    seed: int
    modality: str = ""
    sidecar: str = ""


def result_name(segmentation: str, model: str, seeds: list[int], modality: str = "") -> str:
    """“<segmentation> synthetic (<model>, seed N)”, the modality before the bracket if there are several."""
    text = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    return f"{segmentation} synthetic {modality + ' ' if modality else ''}({model}, {text})"


def load_image(path: str, node, geometry: Geometry | None = None) -> None:
    """Read an image file into a volume node, voxel for voxel on `geometry` if one is given.

    geometry: the grid that the file was made on; a file that lies elsewhere is refused.
    """
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(path)
    storage.SetForceRightHandedIJKCoordinateSystem(False)
    if not storage.ReadData(node) or node.GetImageData() is None:
        raise VolumeError(f"The result file {path} could not be read.", "Look at the log, then run again.")
    if geometry is not None:
        _place(node, geometry)


def _place(node, geometry: Geometry) -> None:
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    read = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    far = np.array([*(size - 1 for size in geometry.dimensions), 1.0])
    shift = max(np.abs((read - geometry.ijk_to_ras) @ corner).max() for corner in (far, np.array([0, 0, 0, 1.0])))
    if tuple(node.GetImageData().GetDimensions()) != geometry.dimensions or shift > _TOLERANCE:
        raise VolumeError(
            "The result does not lie on the grid of the mask.", "Copy the error report and send it to us."
        )
    matrix.DeepCopy(list(geometry.ijk_to_ras.ravel()))
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveTransformNodeID(geometry.transform_id)


def set_window(node, low_percent: float = 0.5, high_percent: float = 99.8) -> None:
    """Window and level from the voxels above air, so that every result is readable at first sight."""
    display = node.GetDisplayNode() or _add_display(node)
    values = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars())
    values = values[:: max(1, values.size // _WINDOW_SAMPLES)]
    inside = values[values > values.min()]
    if inside.size:
        low, high = np.percentile(inside, (low_percent, high_percent))
    else:
        low, high = float(values.min()), float(values.min()) + 1.0
    display.SetAutoWindowLevel(0)
    display.SetWindowLevelMinMax(float(min(low, values.min())), float(high))


def _add_display(node):
    """A grey display without automatic window and level, which would look at every voxel."""
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(0)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    node.GetScene().AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return display


def set_provenance(node, sidecar: str, extra: dict[str, str]) -> None:
    """Write where the image comes from into the node's attributes, and say in its description that it is synthetic."""
    facts = {}
    if sidecar:
        with open(sidecar, encoding="utf-8") as file:
            facts = json.load(file)
    for key, value in {**facts, **extra, "synthetic": "true"}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        node.SetAttribute(PREFIX + key, text)
    node.SetDescription(NOTICE)


def is_synthetic(node) -> bool:
    return node.GetAttribute(PREFIX + "synthetic") == "true"


def add_results(
    scene, files: list[ResultFile], geometry: Geometry | None, segmentation: str, model: str, extra: dict[str, str]
) -> Generator[None, None, list]:
    """Put the results into the scene in pieces, yielding between them; returns the volumes to show, one a modality.

    Whoever leaves it before its end, by `close()` or an error, finds the scene as it was.

    One sample gives plain volumes; several give a sequence a modality, browsed together. Several modalities lie in
    one folder of the subject hierarchy.
    """
    modalities = list(dict.fromkeys(file.modality for file in files))
    shown, sequences, made, complete = [], [], [], False
    try:
        for modality in modalities:
            of_modality = sorted((f for f in files if f.modality == modality), key=lambda f: f.seed)
            label = modality if len(modalities) > 1 else ""
            volumes = []
            for file in of_modality:
                path = yield from _unpack(file.path)
                name = result_name(segmentation, model, [file.seed], label)
                volumes.append(_add_volume(scene, file, path, geometry, name, extra))
                made.append(volumes[-1])
                yield
            if len(volumes) == 1:
                shown.append(volumes[0])
                continue
            seeds = [file.seed for file in of_modality]
            sequences.append(_add_sequence(scene, volumes, seeds, result_name(segmentation, model, seeds, label)))
            made.append(sequences[-1])
        complete = True
    finally:
        if not complete:
            _remove(scene, made)
    if sequences:
        shown = _browse(scene, sequences)
    if len(shown) > 1:
        _add_folder(scene, shown, result_name(segmentation, model, list(dict.fromkeys(f.seed for f in files))))
    return shown


def _remove(scene, nodes: list) -> None:
    for node in nodes:
        if scene.IsNodePresent(node):
            scene.RemoveNode(node)


def _unpack(path: str) -> Generator[None, None, str]:
    """Unpack a .nii.gz file beside itself, yielding between pieces; returns the path of what is to be read."""
    if not path.endswith(".gz"):
        return path
    plain = path.removesuffix(".gz")
    try:
        with gzip.open(path, "rb") as source, open(plain, "wb") as target:
            while piece := source.read(_PIECE):
                target.write(piece)
                yield
    except (OSError, EOFError, zlib.error) as error:
        raise VolumeError(f"The result file {path} could not be read: {error}.", "Run again.") from error
    return plain


def _add_volume(scene, file: ResultFile, path: str, geometry, name: str, extra: dict[str, str]):
    node = slicer.vtkMRMLScalarVolumeNode()
    load_image(path, node, geometry)
    node.SetName(scene.GenerateUniqueName(name) if scene.GetFirstNodeByName(name) else name)
    scene.AddNode(node)
    set_window(node)
    modality = {"modality": file.modality} if file.modality else {}
    set_provenance(node, file.sidecar, {**extra, **modality, "seed": str(file.seed)})
    return node


def _add_sequence(scene, volumes: list, seeds: list[int], name: str):
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    sequence.SetIndexName("sample")
    sequence.SetIndexUnit("")
    for number, (volume, seed) in enumerate(zip(volumes, seeds, strict=True), start=1):
        sequence.SetDataNodeAtValue(volume, str(number))
        sequence.SetAttribute(f"{PREFIX}seed.{number}", str(seed))
        scene.RemoveNode(volume)
    return sequence


def _browse(scene, sequences: list) -> list:
    """One browser over all sequences; its proxy volumes, showing the first sample."""
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{sequences[0].GetName()} browser")
    browser.SetAndObserveMasterSequenceNodeID(sequences[0].GetID())
    for sequence in sequences[1:]:
        browser.AddSynchronizedSequenceNode(sequence)
    browser.SetPlaybackActive(False)
    browser.SetSelectedItemNumber(0)
    proxies = []
    for sequence in sequences:
        proxy = browser.GetProxyNode(sequence)
        proxy.SetName(sequence.GetName())
        set_window(proxy)
        proxies.append(proxy)
    return proxies


def _add_folder(scene, nodes: list, name: str) -> int:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), name)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item == hierarchy.GetInvalidItemID():
            hierarchy.CreateItem(folder, node)
        else:
            hierarchy.SetItemParent(item, folder)
    return folder


def show_preview(scene, path: str, preview, transform_id: str | None, name: str):
    """Read a preview into its node (made on first use, never saved with the scene) and return the node.

    A preview may lie on any grid: that of the mask, or the coarser one of the model.
    """
    fresh = preview is None
    if fresh:
        preview = slicer.vtkMRMLScalarVolumeNode()
        preview.SetName(name)
        preview.SetSaveWithScene(False)
    load_image(path, preview)
    if fresh:
        scene.AddNode(preview)
        preview.SetAndObserveTransformNodeID(transform_id)
        preview.SetAttribute(PREFIX + "synthetic", "true")
        preview.SetDescription(NOTICE)
    set_window(preview)
    return preview
