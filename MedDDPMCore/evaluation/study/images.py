"""The image sets of a segmentation study: real ones, masks for synthetic ones, and what was made for these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...anatomy.brain import brain_region
from ...base.errors import TrainingError
from ...base.files import make_folder, together, write_json
from ...base.randomness import generator_for
from ...base.reading import map_array, read_json
from ...lesions.simulation import LesionSettings
from ...synthesis.output import model_units
from ...training.data.augment import Augmentation
from ...training.data.dataset import PackedDataset, from_bytes, to_bytes
from ...training.data.samples import NO_AUGMENTATION, Samples
from ...volumes.geometry import Geometry, direction_of_axes, triple
from ...volumes.labels import LabelScheme
from ...volumes.volume import Volume, where_labels

_TESTED, _TRAINED, _MASKS = 11, 12, 13


@dataclass(frozen=True)
class ImageSet:
    """images (n, modality, z, y, x) uint8, 0..255 for -1..1; masks (n, z, y, x) uint8, 1 in lesions; an id for each."""

    images: np.ndarray
    masks: np.ndarray
    ids: tuple[str, ...]

    def first(self, count: int) -> ImageSet:
        """The first images."""
        return ImageSet(self.images[:count], self.masks[:count], self.ids[:count])

    @classmethod
    def open(cls, folder: Path) -> ImageSet:
        """A set that `write_set` has written, memory-mapped."""
        images, masks = (map_array(folder / f"{name}.npy") for name in ("images", "masks"))
        return cls(images, masks, tuple(read_json(folder / "ids.json")))


def write_set(folder: Path, count: int, pairs: Iterable[tuple[np.ndarray, np.ndarray, str]]) -> None:
    """Writes a set of images -1..1, lesion masks and ids one by one; it is whole once its ids.json is there."""
    arrays, ids = {}, []
    with together(folder, "ids.json") as part:
        for k, (image, mask, name) in enumerate(pairs):
            for kind, array in (("images", to_bytes(image)), ("masks", mask.astype(np.uint8))):
                if k == 0:
                    shape = (count, *array.shape)
                    arrays[kind] = np.lib.format.open_memmap(part / f"{kind}.npy", "w+", np.uint8, shape)
                arrays[kind][k] = array
            ids.append(name)
        for array in arrays.values():
            array.flush()
        arrays.clear()
        write_json(part / "ids.json", ids)


def is_whole(folder: Path) -> bool:
    """Whether `write_set` has come to its end there."""
    return (folder / "ids.json").exists()


def real_pairs(
    data: PackedDataset, cases: list[int], count: int, lesions: LesionSettings, seed: int, trained: bool
) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
    """Real images as they are, with a lesion simulated into each that has none; cases are used in turn."""
    samples = Samples(data, NO_AUGMENTATION, lesions)
    for k in range(count):
        case = cases[k % len(cases)]
        image, channels, _ = samples.draw(case, generator_for(seed, _TRAINED if trained else _TESTED, k))
        yield image.numpy(), lesion_of(channels.numpy(), data.labels_scheme), data.cases[case].id


def matched_pairs(
    pairs: Iterable[tuple[np.ndarray, np.ndarray, str]], data: PackedDataset, cases: list[int], white_matter: float
) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
    """What `real_pairs` gives for these cases, each image scaled to a white matter of this level, -1..1.

    After the white stripe normalisation of Shinohara et al. (2014). What becomes brighter than 1 is 1. An image in
    which no brain is found stays as it is.
    """
    for k, (image, mask, name) in enumerate(pairs):
        case = cases[k % len(cases)]
        head, first = np.array(data.labels[case]) > 0, from_bytes(data.images[case][0])
        try:
            _, own = brain_region(first + 1, head, data.grid.spacing, data.grid.axes)
        except TrainingError:
            yield image, mask, name
            continue
        yield np.clip((image + 1) * ((white_matter + 1) / own) - 1, -1, 1), mask, name


def lesion_of(channels: np.ndarray, scheme: LabelScheme) -> np.ndarray:
    """Where any lesion label is, bool (z, y, x), in condition channels (channel, z, y, x)."""
    return (channels[scheme.lesion_channels] == scheme.high).any(axis=0)


def mask_path(folder: Path, k: int) -> Path:
    """The file of the k-th mask."""
    return folder / f"mask-{k:05d}.nii.gz"


def write_masks(
    folder: Path, data: PackedDataset, count: int, lesions: LesionSettings, augmentation: Augmentation, seed: int
) -> None:
    """Masks for synthetic images, one file each; those that are there already stay.

    The head of a training case, varied; the lesion is simulated, or, where cases have their own, another case's, moved
    and mirrored in half of them.
    """
    if not data.labels_scheme.lesions:
        raise TrainingError("A segmentation study needs a label scheme with lesions.")
    make_folder(folder)
    cases, samples = data.indices("train"), Samples(data, augmentation, lesions)
    scheme = data.labels_scheme
    for k in range(count):
        path = mask_path(folder, k)
        if path.exists():
            continue
        generator = generator_for(seed, _MASKS, k)
        _, channels, _ = samples.draw(cases[k % len(cases)], generator)
        labels = np.zeros(data.grid.shape, np.uint8)
        for name, channel in zip(scheme.channels, channels.numpy(), strict=True):
            labels[channel == scheme.high] = scheme.values[name]
        other = cases[int(torch.randint(len(cases), (), generator=generator))]
        labels = _with_moved_lesion(labels, data, cases[k % len(cases)], other, generator)
        Volume(labels, _grid_geometry(data)).write(path)


def _with_moved_lesion(
    labels: np.ndarray, data: PackedDataset, case: int, other: int, generator: torch.Generator
) -> np.ndarray:
    """The labels with their own lesion filled and the other case's in its place; unchanged if either has none."""
    scheme = data.labels_scheme
    lesions = scheme.lesion_values
    theirs = np.array(data.labels[other])
    if not where_labels(data.labels[case], lesions).any() or not where_labels(theirs, lesions).any():
        return labels
    body = scheme.values[scheme.required[0]]
    axis = next(axis for axis, letter in enumerate(data.grid.axes) if letter in "LR")
    if torch.rand((), generator=generator) < 0.5:
        theirs = np.flip(theirs, 2 - axis)
    for axis, size in enumerate(theirs.shape):
        reach = max(1, size // 16)
        theirs = np.roll(theirs, int(torch.randint(-reach, reach + 1, (), generator=generator)), axis)
    filled = np.where(where_labels(labels, lesions), body, labels)
    moved = np.where(where_labels(theirs, lesions) & (filled == body), theirs, filled)
    return (moved if where_labels(moved, lesions).any() else labels).astype(np.uint8)


def _grid_geometry(data: PackedDataset) -> Geometry:
    """The data's grid around the world's origin."""
    direction = direction_of_axes(data.grid.axes)
    corner = direction @ (-(np.array(data.grid.shape[::-1]) - 1) / 2 * data.grid.spacing)
    return Geometry(data.grid.shape, data.grid.spacing, triple(corner), direction)


def synthetic_pairs(
    files: list[list[Path]], masks: list[Path], scheme: LabelScheme
) -> Iterable[tuple[np.ndarray, np.ndarray, str]]:
    """What was made for each mask: files[k] holds one path a modality for masks[k]."""
    lesions = scheme.lesion_values
    for paths, mask in zip(files, masks, strict=True):
        image = model_units(np.stack([Volume.read(path).array for path in paths]))
        yield image, where_labels(Volume.read(mask, labels=True).array, lesions), mask.name
