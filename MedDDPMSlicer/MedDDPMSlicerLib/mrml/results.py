"""Files to volumes: synthetic images as MRML nodes, with display and provenance."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import vtk_to_numpy

from MedDDPMCore.base.errors import VolumeError

from . import nifti
from .grids import NodeGrid
from .scene import nodes_of

PREFIX = "MedDDPM."
NOTICE = "Synthetic image made by a generative model. Research only, not for diagnosis."
_TOLERANCE = 1e-2  # mm over the whole grid: NIfTI keeps its affine in single precision
_WINDOW_SAMPLES = 400_000


@dataclass(frozen=True)
class ResultFile:
    """One image that the worker has written."""

    path: str
    seed: int
    modality: str = ""
    sidecar: str = ""


def result_name(title: str, samples: int, modality: str = "") -> str:
    """“<title> <modality> (N samples)”, without what there is only one of; seeds and model are in the attributes."""
    return " ".join(part for part in (title, modality, f"({samples} samples)" if samples > 1 else "") if part)


def set_image(node, image: nifti.Image, geometry: NodeGrid | None = None) -> None:
    """Put an image into a volume node, exactly on `geometry` if one is given.

    geometry: the grid that the image was made on; an image that lies elsewhere is refused.
    """
    if geometry is None:
        geometry = NodeGrid(image.vtk_image.GetDimensions(), image.ijk_to_ras, node.GetTransformNodeID())
    else:
        _require_on(geometry, image)
    place(node, image.vtk_image, geometry)


def place(node, vtk_image, geometry: NodeGrid) -> None:
    """Put voxels into a volume node on a grid."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(list(geometry.ijk_to_ras.ravel()))
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveTransformNodeID(geometry.transform_id)
    node.SetAndObserveImageData(vtk_image)


def _require_on(geometry: NodeGrid, image: nifti.Image) -> None:
    far = np.array([*(size - 1 for size in geometry.dimensions), 1.0])
    corners = (far, np.array([0, 0, 0, 1.0]))
    shift = max(np.abs((image.ijk_to_ras - geometry.ijk_to_ras) @ corner).max() for corner in corners)
    if tuple(image.vtk_image.GetDimensions()) != geometry.dimensions or shift > _TOLERANCE:
        raise VolumeError(
            _("The result does not lie on the grid of the mask."), _("Copy the error report and send it to us.")
        )


def set_window(node, low_percent: float = 0.5, high_percent: float = 99.98) -> None:
    """Window and level from the voxels above air: readable at first sight, the inside of a bright lesion too."""
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


def share_window(node, like) -> None:
    """The window and level of another volume, in whose intensities this one is."""
    own, other = node.GetDisplayNode(), like.GetDisplayNode()
    if own is not None and other is not None:
        own.SetWindowLevelMinMax(other.GetWindowLevelMin(), other.GetWindowLevelMax())


def _add_display(node):
    """A grey display without automatic window and level, which would look at every voxel."""
    display = slicer.vtkMRMLScalarVolumeDisplayNode()
    display.SetAutoWindowLevel(0)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    node.GetScene().AddNode(display)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return display


def set_provenance(node, sidecar: str, extra: dict[str, str]) -> None:
    """Write where the image comes from into the node's attributes, and in its description what it is."""
    facts = {}
    if sidecar:
        with open(sidecar, encoding="utf-8") as file:
            facts = json.load(file)
    for key, value in {**facts, **extra, "synthetic": "true"}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        node.SetAttribute(PREFIX + key, text)
    node.SetDescription(facts.get("statement", NOTICE))  # of an edited scan: that a part of it is the patient's


def is_synthetic(node) -> bool:
    return node.GetAttribute(PREFIX + "synthetic") == "true"


def add_results(
    scene,
    files: list[ResultFile],
    geometry: NodeGrid | None,
    title: str,
    extra: dict[str, str],
    transform_id: str | None = None,
) -> Generator[None, None, list]:
    """Put the results into the scene in pieces, yielding between them; returns the volumes to show, one a modality.

    transform_id: what the mask lies under, for results of any grid; `geometry`, if one is given, says it of itself.

    Whoever leaves it before its end, by `close()` or an error, finds the scene as it was.

    One sample gives plain volumes; several give a sequence a modality, browsed together. Several modalities lie in
    one folder of the subject hierarchy.
    """
    modalities = list(dict.fromkeys(file.modality for file in files))
    shown, sequences, made, complete = [], [], [], False
    transform_id = transform_id if geometry is None else geometry.transform_id
    try:
        for modality in modalities:
            of_modality = sorted((f for f in files if f.modality == modality), key=lambda f: f.seed)
            label = modality if len(modalities) > 1 else ""
            volumes = []
            for file in of_modality:
                image = yield from nifti.read_in_pieces(file.path)
                name = result_name(title, 1, label)
                volumes.append(_add_volume(scene, file, image, geometry, name, extra, transform_id))
                made.append(volumes[-1])
                yield
            if len(volumes) == 1:
                shown.append(volumes[0])
                continue
            seeds = [file.seed for file in of_modality]
            sequences.append(_add_sequence(scene, volumes, seeds, result_name(title, len(seeds), label)))
            made.append(sequences[-1])
        complete = True
    finally:
        if not complete:
            remove(scene, made)
    if sequences:
        shown = _browse(scene, sequences, transform_id)
    if len(shown) > 1:
        _add_folder(scene, shown, result_name(title, len({f.seed for f in files})))
    return shown


def browser_of(scene, volume):
    """The browser that steps a volume through its samples, or None."""
    browsers = nodes_of(scene, "vtkMRMLSequenceBrowserNode")
    return next((browser for browser in browsers if browser.GetSequenceNode(volume) is not None), None)


def replace(scene, made: list, old) -> list:
    """Let results take the place of an earlier one, which goes; returns the volumes to show.

    A single image goes into the earlier one's node, so that views and whatever else refers to that show it.
    """
    browser = browser_of(scene, old)
    if len(made) == 1 and browser is None and browser_of(scene, made[0]) is None:
        [new] = made
        matrix = vtk.vtkMatrix4x4()
        new.GetIJKToRASMatrix(matrix)
        old.SetIJKToRASMatrix(matrix)
        old.SetAndObserveTransformNodeID(new.GetTransformNodeID())
        old.SetAndObserveImageData(new.GetImageData())
        for name in [name for name in old.GetAttributeNames() if name.startswith(PREFIX)]:
            old.RemoveAttribute(name)
        for name in new.GetAttributeNames():
            old.SetAttribute(name, new.GetAttribute(name))
        old.SetDescription(new.GetDescription())
        share_window(old, new)
        remove(scene, made)
        return [old]
    sequences = vtk.vtkCollection()
    if browser is not None:
        browser.GetSynchronizedSequenceNodes(sequences, True)
    of_old = [sequences.GetItemAsObject(index) for index in range(sequences.GetNumberOfItems())]
    proxies = [browser.GetProxyNode(sequence) for sequence in of_old]
    remove(scene, [*(proxies or [old]), *of_old, *([browser] if browser is not None else [])])
    return made


def remove(scene, nodes: list) -> None:
    """Take volumes and sequences out of the scene, each with its display."""
    for node in nodes:
        display = node.GetDisplayNode() if node.IsA("vtkMRMLDisplayableNode") else None
        for gone in (node, display):
            if gone is not None and scene.IsNodePresent(gone):
                scene.RemoveNode(gone)


def _add_volume(scene, file: ResultFile, image: nifti.Image, geometry, name: str, extra: dict[str, str], transform_id):
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetAndObserveTransformNodeID(transform_id)
    set_image(node, image, geometry)
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


def _browse(scene, sequences: list, transform_id: str | None) -> list:
    """One browser over all sequences; its proxy volumes, under a transform, showing the first sample.

    What a sequence keeps of a volume does not say which transform it lay under.
    """
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
        proxy.SetAndObserveTransformNodeID(transform_id)
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


def add_preview(scene, transform_id: str | None, name: str):
    """A volume for previews, with its display but no voxels yet; it is never saved with the scene."""
    preview = slicer.vtkMRMLScalarVolumeNode()
    preview.SetName(name)
    preview.SetSaveWithScene(False)
    preview.SetHideFromEditors(True)
    preview.SetAttribute(PREFIX + "synthetic", "true")
    preview.SetDescription(NOTICE)
    scene.AddNode(preview)
    _add_display(preview).SetSaveWithScene(False)
    preview.SetAndObserveTransformNodeID(transform_id)
    return preview


def show_preview(path: str, preview) -> None:
    """Read a preview into its volume. It may lie on any grid: that of the mask, or the coarser one of the model."""
    set_image(preview, nifti.read(path))
    set_window(preview)
    preview.SetHideFromEditors(False)
