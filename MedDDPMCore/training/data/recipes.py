"""Named ways to prepare images, as Med-DDPM's paper (Dorjsembe et al., IEEE JBHI 2024) prepared its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import TrainingError
from ...base.resources import resource
from ...base.typed_json import read_json
from ...models.catalogue import find_model
from ...models.spec import ModelSpec
from ...volumes.brats import brats_mapping
from ...volumes.labels import BRATS
from ...volumes.volume import Volume, where_labels

TEMPLATE = resource("templates") / "head.nii.gz"
"""The mean head of the training heads, smoothed: a mask, 2 mm."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """config: the training configuration that says grid, labels and modalities, or "" for the bundled model.
    registration: "affine", "rigid" or "none". intensity: a convention of `anatomy.intensity`, for a model that says
    none. outliers: whether cases unlike the rest are taken out. suffixes: of the images, one a modality. mask_suffix:
    of the mask. relabel: (mask, first image, BraTS' numbering or None) -> mask, or None.
    """

    config: str
    registration: str
    intensity: str
    outliers: bool
    suffixes: tuple[str, ...]
    mask_suffix: str
    relabel: Callable[[Volume, Volume, str | None], Volume] | None = None

    def spec(self) -> ModelSpec:
        """The model that is prepared for."""
        if not self.config:
            return ModelSpec.read(find_model("default"))
        return ModelSpec.from_dict(read_json(resource("training") / self.config)["model"])


def brats_labels(mask: Volume, t1: Volume, numbering: str | None = None) -> Volume:
    """A BraTS segmentation -> 0 … 4 as Med-DDPM has them: its parts as the numbering says (see `volumes.brats`), and 4,
    brain, where the skull-stripped T1 is brighter than its least value. A resection cavity is neither.

    A mask whose 4 is all that is seen beside the tumour is taken as it is. TrainingError where what 4 is is not told, a
    label is not the numbering's, or the two differ in voxels.
    """
    if not mask.geometry.matches(t1.geometry):
        raise TrainingError("The segmentation and the T1 image have different voxels.", "Resample one to the other.")
    four, rest = mask.array == 4, (mask.array == 0) & (t1.array > t1.array.min())
    if four.any() and four.sum() >= rest.sum():
        return mask
    if four.any() and numbering is None:
        raise TrainingError(
            f"Label 4 ({four.sum()} voxels) is smaller than what else is seen of the brain ({rest.sum()}): up to BraTS "
            "2021 it is the enhancing tumour, from 2024 on the resection cavity, of children oedema.",
            "Say which with --brats-labels 2021, 2024 or ped.",
        )
    labels = np.where(rest, BRATS.values["brain"], 0).astype(np.uint8)
    parts = brats_mapping(numbering or "2023", BRATS)
    for name, values in parts.items():
        labels[where_labels(mask.array, np.atleast_1d(values))] = BRATS.values.get(name, 0)
    known = {0, *(value for values in parts.values() for value in np.atleast_1d(values).tolist())}
    if strange := sorted(set(np.unique(mask.array).tolist()) - known):
        raise TrainingError(
            f"BraTS' labels of {numbering or 2023} do not have {', '.join(map(str, strange))}.",
            "Say of which year they are with --brats-labels.",
        )
    return Volume(labels, mask.geometry)


BRATS_2023 = ("-t1n", "-t1c", "-t2w", "-t2f"), "-seg"
"""Suffixes of the images and the mask in BraTS from 2023 on."""


def has_brats_2023_names(folder: Path) -> bool:
    """Whether a folder, or one below it, holds images named as BraTS names them from 2023 on."""
    return next(folder.rglob(f"*{BRATS_2023[0][0]}.nii*"), None) is not None


RECIPES = {
    "whole-head": Recipe(
        config="whole_head_128.json",
        registration="affine",
        intensity="robust",
        outliers=True,
        suffixes=("",),
        mask_suffix="_mask",
    ),
    "brats": Recipe(
        config="brats.json",
        registration="none",
        intensity="min_max",
        outliers=False,
        suffixes=("_t1", "_t1ce", "_t2", "_flair"),
        mask_suffix="_seg",
        relabel=brats_labels,
    ),
    "bundled": Recipe(
        config="", registration="none", intensity="robust", outliers=False, suffixes=("",), mask_suffix="_mask"
    ),
}
