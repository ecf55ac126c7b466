"""One case -> the model's grid: registered where asked for, resampled, scaled to -1..1, its labels checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ...anatomy.brain import TISSUE, brain_labels, brain_region, white_matter_level
from ...anatomy.completed import completed, tumor_in
from ...anatomy.head import head_mask, head_with_lesions
from ...anatomy.intensity import CONVENTIONS, min_max, per_slice, robust
from ...anatomy.registration import moved, registration
from ...base.errors import TrainingError
from ...volumes.brats import mapping_of, numbering_of
from ...volumes.geometry import Geometry
from ...volumes.grid import ModelGrid
from ...volumes.labels import LabelMapping, LabelScheme
from ...volumes.plausible import doubt_image
from ...volumes.same_world import require_together
from ...volumes.volume import Volume, reorient, resample_image, resample_labels
from .cases import Case
from .dataset import LARGEST_LABEL

TRACES = ("head size", "mean intensity", "contrast", "white matter intensity")
"""What outliers are found by; see `PackedCase.traces`."""


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """How cases become a training set.

    grid, scheme, modalities: of the model that is to be trained. mapping: label name -> the values that the cases'
    masks use for it, where not the scheme's own. convention: of intensities, "robust", "per_slice" or "min_max" (see
    `anatomy.intensity`). hold_out: every hold_out-th case that names no split is for validation, and of fewer cases the
    last; 0: none. template: a head mask (not 0 is head) that every head is registered to, and then stands in for the
    case's own where the grid is placed; None: none. registration: "rigid" or "affine". remove_outliers: whether cases
    that are unlike the rest are taken out. relabel: (mask, first image, numbering) -> mask, before labels are looked
    at. numbering: of BraTS' labels (see `volumes.brats`); None: what a mask's file name tells. about: what is said of
    the images (`dataset.ABOUT`). TrainingError where they do not go together.
    """

    grid: ModelGrid
    scheme: LabelScheme
    modalities: tuple[str, ...]
    mapping: LabelMapping | None = None
    convention: str = "robust"
    hold_out: int = 8
    template: Volume | None = None
    registration: str = "affine"
    remove_outliers: bool = False
    relabel: Callable[[Volume, Volume, str | None], Volume] | None = None
    numbering: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise TrainingError(
                f"There is no intensity convention {self.convention!r}: use {' or '.join(CONVENTIONS)}."
            )
        if self.hold_out == 1 or self.hold_out < 0:
            raise TrainingError(f"hold_out must be 2 or more, or 0 for none, not {self.hold_out}.")
        if max(self.scheme.values.values()) > LARGEST_LABEL:
            raise TrainingError(f"A training set packs label values up to {LARGEST_LABEL}, not {self.scheme.values}.")


@dataclass(frozen=True)
class PackedCase:
    """One case on the grid: image (modality, z, y, x) -1..1, labels and brain (z, y, x) uint8, and the level of white
    matter, -1..1.

    remark: why the case is unlike what is wanted; "" where nothing is to be said. notes: what else is to be known of
    it.
    """

    image: np.ndarray
    labels: np.ndarray
    brain: np.ndarray
    white_matter: float
    remark: str = ""
    notes: tuple[str, ...] = ()

    def traces(self) -> tuple[float, float, float, float]:
        """What outliers are found by, as named in TRACES; white matter is not a number where none was looked for."""
        inside = self.image[0][self.labels > 0]
        white_matter = self.white_matter if self.brain.any() else float("nan")
        return float((self.labels > 0).mean()), float(inside.mean()), float(inside.std()), white_matter


@dataclass(frozen=True)
class ReadCase:
    """A case's files: volumes, one a modality, labels in the scheme's values and the brain mask given, if any, in the
    world of the first; and what is to be known of them."""

    volumes: list[Volume]
    labels: Volume
    brain: Volume | None
    notes: list[str]


def read_case(case: Case, options: PrepareOptions) -> ReadCase:
    """Reads a case's files; MedDDPMError where they do not fit the options or one another, or an image is none."""
    if len(case.images) != len(options.modalities):
        raise TrainingError(f"{len(case.images)} images were given for {len(options.modalities)} modalities.")
    notes: list[str] = []
    first, *others = options.modalities
    volumes = [Volume.read(path) for path in case.images]
    for path, volume in zip(case.images, volumes, strict=True):
        if doubted := doubt_image(volume):
            raise TrainingError(
                f"{path.name}: {doubted}",
                "Say what masks are called with --mask-suffix and the like, or name the files in a CSV.",
            )
    for name, volume in zip(others, volumes[1:], strict=True):
        notes.append(require_together(f"{name} image", volume, f"{first} image", volumes[0], labels=False))
    labels = _labels(case, volumes[0], options, notes)
    brain = None if case.brain is None else _mask("brain mask", case.brain, volumes[0], notes)
    return ReadCase(volumes, labels, brain, list(filter(None, notes)))


def pack_case(case: Case, options: PrepareOptions) -> PackedCase:
    """Reads a case's files and brings them to the grid. Errors as of `read_case`, and where nothing lies in it."""
    read = read_case(case, options)
    volumes, labels, brain = read.volumes, read.labels, read.brain
    if options.template is None:
        geometry = options.grid.geometry_for(labels, options.scheme.head_values)
    else:
        matrix = registration(labels, options.template, options.registration)
        labels, *volumes = (moved(volume, matrix) for volume in (labels, *volumes))
        brain = None if brain is None else moved(brain, matrix)
        geometry = options.grid.geometry_for(options.template, range(1, int(options.template.array.max()) + 1))
    on_grid = resample_labels(labels, geometry).array.astype(np.uint8)
    if not on_grid.any():
        raise TrainingError("No part of the head lies in the model's grid.")
    image = np.stack([_scaled(volume, geometry, on_grid > 0, options) for volume in volumes])
    image = image.astype(np.float32)
    region, white_matter, remark = _brain(image[0], on_grid, brain, geometry, options)
    return PackedCase(image, on_grid, region, white_matter, remark, tuple(read.notes))


def _scaled(volume: Volume, geometry: Geometry, head: np.ndarray, options: PrepareOptions) -> np.ndarray:
    """An image (z, y, x) on the grid, -1..1 by the convention; head: where the head is on the grid."""
    if options.convention == "robust":
        return robust(resample_image(volume, geometry).array, head)
    scale = {"per_slice": per_slice, "min_max": min_max}[options.convention]
    upright = reorient(volume, options.grid.axes)
    return resample_image(Volume(scale(upright.array), upright.geometry), geometry, -1.0).array


def _brain(
    image: np.ndarray, labels: np.ndarray, given: Volume | None, geometry: Geometry, options: PrepareOptions
) -> tuple[np.ndarray, float, str]:
    """Where lesions may be simulated (z, y, x) uint8, how bright white matter is there, and why there is no such place.

    image, labels: (z, y, x) on the grid. given: the case's own brain mask. None is looked for beside a real tumour.
    """
    grid, tumor = options.grid, options.scheme.values.get("tumor")
    nowhere = np.zeros(grid.shape, np.uint8)
    if tumor is None or (labels == tumor).any():
        return nowhere, 0.0, ""
    head = labels > 0
    try:
        if given is None:
            region, white = brain_region(image + 1, head, grid.spacing, grid.axes)
        else:
            region = brain_labels(resample_labels(given, geometry).array, head)
            white = white_matter_level(image + 1, region == TISSUE, grid.spacing)
    except TrainingError as error:
        return nowhere, 0.0, f"no lesion will be simulated in it: {error}"
    return region, white - 1, ""


def _mask(name: str, path: Path, image: Volume, notes: list[str]) -> Volume:
    """A mask of the image, which it must lie on."""
    mask = Volume.read(path, labels=True)
    notes.append(require_together(name, mask, "image", image))
    return mask


def _tumor(path: Path, image: Volume, options: PrepareOptions, notes: list[str]) -> Volume | None:
    """A tumour mask of the image, in the scheme's value; None where it is empty: a healthy head."""
    mask = _mask("tumour mask", path, image, notes)
    if not mask.array.any():
        return None
    stated = mapping_of(path.name, options.scheme, options.numbering) or {}
    marked = tumor_in(mask, stated.get("tumor", ()))
    return replace(marked, array=marked.array * np.uint8(options.scheme.values["tumor"]))


def _labels(case: Case, image: Volume, options: PrepareOptions, notes: list[str]) -> Volume:
    """The case's labels (z, y, x) in the scheme's values, examined, on its mask's own geometry.

    A mask of a tumour alone gets the head that is seen in the first image (see `anatomy.completed`).
    """
    scheme, mapping = options.scheme, options.mapping
    body = scheme.values[scheme.required[0]]
    if case.mask is not None:
        mask = _mask("mask", case.mask, image, notes)
        if options.relabel:
            numbering = options.numbering or numbering_of(case.mask.name, scheme)
            mask = options.relabel(mask, image, numbering)
    elif case.tumor is not None and "tumor" not in scheme.values:
        raise TrainingError(f"A tumour mask alone does not make {scheme.name} labels: give a whole segmentation.")
    else:
        tumor = None if case.tumor is None else _tumor(case.tumor, image, options, notes)
        if case.head is not None:
            head = _mask("head mask", case.head, image, notes)
            mask = Volume((head.array > 0).astype(np.uint8) * body, head.geometry)
            if tumor is not None:
                mask.array[resample_labels(tumor, head.geometry).array > 0] = scheme.values["tumor"]
        elif tumor is None:
            mask = Volume(head_mask(image).array * np.uint8(body), image.geometry)
        else:
            mask = head_with_lesions(image, tumor, body)[0]
        said = options.mapping or {}
        mapping = {scheme.required[0]: body} if scheme.required[0] in said else None
    labels, report = completed(mask, scheme, mapping, image)
    notes += [*report.warnings, *(note for note in report.notes if "made from the MRI" in note)]
    return labels
