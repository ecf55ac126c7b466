"""The module's settings, kept in the scene, and what is done with values that cannot be right."""

from __future__ import annotations

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

LARGEST_SEED = 2**31 - 1
GRIDS = ("mask", "model")
LAYOUTS = ("nnunet", "bids")
LIMITS = {
    "steps": (0, 1000),
    "seed": (0, LARGEST_SEED),
    "samples": (1, 32),
    "fade": (0.0, 1.0),
    "massEffect": (0.0, 1.0),
    "trainingSteps": (1, 10_000_000),
    "trainingBatch": (1, 64),
    "exportSamples": (1, 10_000),
}


@parameterNodeWrapper
class MedDDPMParameters:
    """All that a scene remembers of the module.

    model: a name, or the folder of an imported model.
    output: the earlier result that the next one replaces; none for a new volume.
    device, sampler: "" lets the worker and the model choose. steps: 0 means as many as the model recommends.
    """

    mri: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    result: vtkMRMLScalarVolumeNode
    output: vtkMRMLScalarVolumeNode
    model: str = "default"
    device: str = ""
    sampler: str = ""
    steps: Annotated[int, WithinRange(*LIMITS["steps"])] = 0
    newSeed: bool = True
    seed: Annotated[int, WithinRange(*LIMITS["seed"])] = 1
    samples: Annotated[int, WithinRange(*LIMITS["samples"])] = 1
    grid: Annotated[str, Choice(list(GRIDS))] = "mask"
    preview: bool = True
    fade: Annotated[float, WithinRange(*LIMITS["fade"])] = 1.0
    keepAnatomy: bool = False
    massEffect: Annotated[float, WithinRange(*LIMITS["massEffect"])] = 0.0
    trainingData: str = ""
    trainingRun: str = ""
    trainingSteps: Annotated[int, WithinRange(*LIMITS["trainingSteps"])] = 3000
    trainingBatch: Annotated[int, WithinRange(*LIMITS["trainingBatch"])] = 2
    trainingFineTune: bool = False
    exportMasks: str = ""
    exportSamples: Annotated[int, WithinRange(*LIMITS["exportSamples"])] = 10
    exportLayout: Annotated[str, Choice(list(LAYOUTS))] = "nnunet"
    exportMask: bool = True
    exportBurnIn: bool = False


def repair(node) -> list[str]:
    """Drop values that are not of their type or out of range, so that defaults take their place; returns their names.

    A scene comes from anywhere: its values are looked at here once, before a widget or a run sees them.
    """
    repaired = [name for name in _CHECKS if node.HasParameter(name) and not _is_right(node, name)]
    for name in repaired:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)
    return repaired


def _is_right(node, name: str) -> bool:
    try:
        return _CHECKS[name](node, name)
    except ValueError:
        return False


def _within(kind, limits):
    return lambda node, name: limits[0] <= kind(node.GetParameter(name)) <= limits[1]


def _one_of(texts):
    return lambda node, name: node.GetParameter(name) in texts


def _node_of(class_name: str):
    return lambda node, name: node.GetNodeReference(name) is None or node.GetNodeReference(name).IsA(class_name)


_CHECKS = {
    "mri": _node_of("vtkMRMLScalarVolumeNode"),
    "segmentation": _node_of("vtkMRMLSegmentationNode"),
    "result": _node_of("vtkMRMLScalarVolumeNode"),
    "output": _node_of("vtkMRMLScalarVolumeNode"),
    "grid": _one_of(GRIDS),
    "exportLayout": _one_of(LAYOUTS),
    **{
        name: _one_of(("True", "False"))
        for name in ("newSeed", "preview", "keepAnatomy", "trainingFineTune", "exportMask", "exportBurnIn")
    },
    **{name: _within(type(limits[0]), limits) for name, limits in LIMITS.items()},
}
