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
from ...volumes.volume import Volume

TEMPLATE = resource("templates") / "head.nii.gz"
"""The mean head of the training heads, smoothed: a mask, 2 mm."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """config: the training configuration that says grid, labels and modalities, or "" for the bundled model.
    registration: "affine", "rigid" or "none". intensity: a convention of `training.intensity`. outliers: whether cases
    unlike the rest are taken out. suffixes: of the images, one a modality. mask_suffix: of the mask. relabel: (mask,
    first image) -> mask, or None.
    """

    config: str
    registration: str
    intensity: str
    outliers: bool
    suffixes: tuple[str, ...]
    mask_suffix: str
    relabel: Callable[[Volume, Volume], Volume] | None = None

    def spec(self) -> ModelSpec:
        """The model that is prepared for."""
        if not self.config:
            return ModelSpec.read(find_model("default"))
        return ModelSpec.from_dict(read_json(resource("training") / self.config)["model"])


def brats_labels(mask: Volume, t1: Volume) -> Volume:
    """A BraTS segmentation (0, 1, 2 and 4, or 3 as newer ones have it) -> 0 … 4 as Med-DDPM has them.

    Label 4, enhancing tumour, becomes 3; what is not tumour and brighter than the least value of the skull-stripped T1
    becomes 4, brain. A mask that has 3 and 4 is taken as it is where 4 is all that is seen beside the tumour.
    TrainingError where it is not (from BraTS 2024 on, 4 is a resection cavity), or where the two differ in voxels.
    """
    if not mask.geometry.matches(t1.geometry):
        raise TrainingError("The segmentation and the T1 image have different voxels.", "Resample one to the other.")
    labels = mask.array.astype(np.uint8)
    if (labels == 4).any() and (labels == 3).any():
        four, seen = np.count_nonzero(labels == 4), np.count_nonzero((labels == 0) & (t1.array > t1.array.min()))
        if four < seen:
            raise TrainingError(
                f"Label 4 ({four} voxels) is smaller than what else is seen of the brain ({seen}): from BraTS 2024 on "
                "it is the resection cavity, which this model does not know.",
                "Leave cases with a cavity out; or label the brain as 4 and the cavity as what it shall be.",
            )
        return mask
    labels[labels == 4] = 3
    labels[(labels == 0) & (t1.array > t1.array.min())] = 4
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
