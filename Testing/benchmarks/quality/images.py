"""What the quality report compares: held-out heads, what the model makes of their masks, and trivial rivals.

Everything is kept in the report's folder as it is made, whole or not at all, so that a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.lesions.simulation import LesionSettings
from MedDDPMCore.synthesis.synthesize import Model
from MedDDPMCore.training.data.atlas import build_atlas, read_atlas, write_atlas
from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes
from MedDDPMCore.training.data.samples import NO_AUGMENTATION, Samples
from MedDDPMCore.volumes.volume import Geometry, Volume

HEAD, TUMOR = 1, 2
LESIONS = LesionSettings(probability=1.0, several=0.0, smallest_ml=2.0)


@dataclass(frozen=True)
class Heads:
    """Images (n, z, y, x) float32 -1..1 and their masks (n, z, y, x) uint8: 0 air, 1 head, 2 tumour; their ids."""

    images: np.ndarray
    masks: np.ndarray
    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def kept(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in a .npy file; made and written first where it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with open(part, "wb") as file:
            np.save(file, make())
        os.replace(part, path)
    return np.load(path, allow_pickle=False)


def with_lesions(data: PackedDataset, cases: list[int]) -> Heads:
    """Real heads, each with one simulated lesion, the same every time."""
    samples, images, masks = Samples(data, NO_AUGMENTATION, LESIONS), [], []
    for case in cases:
        image, channels, _ = samples.draw(case, generator_for(11, case))
        tumor = (channels[1] > 0).numpy()
        images.append(image[0].numpy())
        masks.append(np.where(tumor, TUMOR, np.where(data.labels[case] > 0, HEAD, 0)).astype(np.uint8))
    return Heads(np.stack(images), np.stack(masks), tuple(data.cases[case].id for case in cases))


def geometry_of(data: PackedDataset) -> Geometry:
    """A place in the world for the packed set's grid, so that a mask on it needs no resampling."""
    z, y, x = data.grid.shape
    flips = np.diag([-1.0 if letter in "RA" else 1.0 for letter in data.grid.axes])
    return Geometry((z, y, x), data.grid.spacing, (float(x), float(y), -float(z)), flips)


def made(model: Model, mask: Volume, folder: Path, seed: int, sampler: str | None = None, steps: int | None = None):
    """What the model makes of a mask, (z, y, x) float32 on the model's grid, and the seconds it took."""
    tag = f"{sampler or model.spec.sampler}-{steps or model.spec.steps}"
    digest = hashlib.sha256(np.ascontiguousarray(mask.array.astype(np.uint8))).hexdigest()[:10]
    seconds = {}

    def synthesize() -> np.ndarray:
        started = time.monotonic()
        [result] = model.synthesize(mask, seed=seed, sampler=sampler, steps=steps, output_grid="model")
        seconds["taken"] = time.monotonic() - started
        return result.volumes[model.spec.modalities[0]].array.astype(np.float16)

    path = folder / f"{digest}-{tag}-{seed}.npy"
    image = kept(path, synthesize).astype(np.float32)
    took = kept(path.with_suffix(".seconds.npy"), lambda: np.array(seconds.get("taken", np.nan)))
    return image, float(took)


def synthetic(
    model: Model, heads: Heads, geometry: Geometry, folder: Path, say, first_seed: int = 0, **settings
) -> tuple[Heads, list[float]]:
    """What the model makes of each head's mask, seed first_seed + k for the k-th, and the seconds."""
    images, seconds = [], []
    for k, mask in enumerate(heads.masks):
        image, took = made(model, Volume(mask, geometry), folder, first_seed + k, **settings)
        images.append(image)
        seconds.append(took)
        say(f"synthesized {k + 1} of {len(heads)}")
    return Heads(np.stack(images), heads.masks, heads.ids), seconds


def without_tumor(heads: Heads) -> Heads:
    """The same with masks of the head alone."""
    return Heads(heads.images, np.minimum(heads.masks, HEAD), heads.ids)


def blurred(image: np.ndarray, deviation: float) -> np.ndarray:
    """An image (z, y, x) under a Gaussian blur of this standard deviation, in voxels."""
    return sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.GetImageFromArray(image), deviation**2, 32, 0.01, False))


def smoothed(heads: Heads, wanted: float, sharpness: Callable[[Heads], list[float]]) -> Heads:
    """The heads under the Gaussian blur that leaves a mean sharpness of `wanted`; or as they are."""

    def under(deviation: float) -> Heads:
        return Heads(np.stack([blurred(image, deviation) for image in heads.images]), heads.masks, heads.ids)

    if np.mean(sharpness(heads)) <= wanted:
        return heads
    low, high = 0.0, 4.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(sharpness(under(middle))) > wanted else (low, middle)
    return under(high)


def mean_head(data: PackedDataset, heads: Heads, folder: Path) -> Heads:
    """Trivial rival: the mean training head bent into each head's mask (`models.atlas`), without any tumour."""
    folder.mkdir(parents=True, exist_ok=True)
    if read_atlas(folder) is None:
        write_atlas(folder, build_atlas(data))
    atlas = read_atlas(folder)
    images = [
        kept(folder / f"mean-{name}.npy", lambda mask=mask: atlas.onto(torch.from_numpy(mask > 0))[0].numpy())
        for name, mask in zip(heads.ids, heads.masks, strict=True)
    ]
    return Heads(np.stack(images), heads.masks, heads.ids)


def nearest_head(data: PackedDataset, heads: Heads) -> Heads:
    """Trivial rival: the training head whose mask overlaps most with each head's (by Dice), as it is."""
    cases = data.indices("train")
    shrunk = (
        np.stack([data.labels[case][::2, ::2, ::2] > 0 for case in cases]).reshape(len(cases), -1).astype(np.float32)
    )
    images = []
    for mask in heads.masks:
        own = (mask[::2, ::2, ::2] > 0).ravel().astype(np.float32)
        overlap = 2 * (shrunk @ own) / (shrunk.sum(axis=1) + own.sum())
        images.append(from_bytes(data.images[cases[int(overlap.argmax())], 0]))
    return Heads(np.stack(images), heads.masks, heads.ids)
