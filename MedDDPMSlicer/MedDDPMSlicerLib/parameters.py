"""The module's settings, kept in the scene, and what is done with values that cannot be right."""

from __future__ import annotations

import json
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

LARGEST_SEED = 2**31 - 1
GRIDS = ("mask", "model")


@parameterNodeWrapper
class MedDDPMParameters:
    """All that a scene remembers of the module.

    segments: JSON object, label -> id of the segment chosen by hand. model: a name, or the folder of an imported model.
    device, sampler: "" lets the worker and the model choose. steps: 0 means as many as the model recommends.
    """

    mri: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    result: vtkMRMLScalarVolumeNode
    segments: str = "{}"
    model: str = "default"
    device: str = ""
    sampler: str = ""
    steps: Annotated[int, WithinRange(0, 1000)] = 0
    newSeed: bool = True
    seed: Annotated[int, WithinRange(0, LARGEST_SEED)] = 1
    samples: Annotated[int, WithinRange(1, 32)] = 1
    grid: Annotated[str, Choice(list(GRIDS))] = "mask"
    preview: bool = True
    fade: Annotated[float, WithinRange(0.0, 1.0)] = 1.0
    trainingData: str = ""
    trainingRun: str = ""
    trainingSteps: Annotated[int, WithinRange(1, 10_000_000)] = 3000
    trainingBatch: Annotated[int, WithinRange(1, 64)] = 2
    trainingFineTune: bool = False


def repair(node) -> list[str]:
    """Put defaults in place of values that are not of their type or out of range; returns the parameters' names.

    A scene comes from anywhere: its values are read here once, before a widget or a run sees them.
    """
    repaired = []
    for name, parameter in MedDDPMParameters.allParameters.items():
        if not parameter.serializer.isIn(node, name):
            continue
        try:
            parameter.serializer.write(node, name, parameter.serializer.read(node, name))
        except (ValueError, TypeError, OverflowError):
            node.UnsetParameter(name)
            node.RemoveNodeReferenceIDs(name)
            repaired.append(name)
    return repaired


def chosen_segments(parameters: MedDDPMParameters) -> dict[str, str]:
    """The segments chosen by hand; anything but a JSON object of texts counts as no choice."""
    try:
        chosen = json.loads(parameters.segments)
    except ValueError:
        return {}
    if not isinstance(chosen, dict):
        return {}
    return {label: identity for label, identity in chosen.items() if isinstance(identity, str)}


def choose_segment(parameters: MedDDPMParameters, label: str, identity: str) -> None:
    """Remember a choice; "" goes back to finding the segment."""
    chosen = {**chosen_segments(parameters), label: identity}
    parameters.segments = json.dumps({key: value for key, value in chosen.items() if value})
