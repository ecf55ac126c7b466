"""Is there a brain in the head, and are its parts of a brain's sizes? Judged by deepbet, a public network, and by a
mixture of three intensities inside the brain that it finds; neither is trained here.

The mixture is no network: three Gaussians, fitted to the intensities of the brain without its tumour, are taken as
fluid, grey and white matter, dark to bright, as in a T1. It knows nothing of place. Fluid that lies deep in the brain
is called ventricles; it holds the deep sulci, too. So these volumes compare images with each other and are no
measurement of a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
import torch.nn.functional as F

from MedDDPMCore.base.distance import signed_distance
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Geometry, Volume, direction_of_axes, reorient

from .images import TUMOR
from .public import DEEPBET, Published

SIDE = 128
"""Voxels a side of what the network sees."""
DEEP_MM, CORTEX_MM = 15.0, 10.0
CLASSES = ("fluid", "grey matter", "white matter")
ROUNDS = 60
PLAUSIBLE_LITRES = (0.9, 2.2)
"""Of an adult's brain with the fluid around it, the smallest and largest that anyone would believe."""


@dataclass(frozen=True)
class Anatomy:
    """Of one image: the brain (z, y, x) bool, its volume in litres, and the shares of it that CLASSES and ventricles
    have (0..1, the tumour left out)."""

    brain: np.ndarray
    litres: float
    shares: dict[str, float]
    ventricles: np.ndarray

    @property
    def plausible(self) -> bool:
        return PLAUSIBLE_LITRES[0] <= self.litres <= PLAUSIBLE_LITRES[1]


class BrainFinder:
    """deepbet's first network, by its own preparation of the image, at 128³ voxels: about the models' own 2 mm."""

    def __init__(self, folder: Path, published: Published = DEEPBET):
        self.network = torch.jit.load(published.open(folder), map_location="cpu").eval()

    def find(self, image: np.ndarray, grid: ModelGrid) -> np.ndarray:
        """The brain (z, y, x) bool in an image (z, y, x): its largest piece, holes filled; empty where none is."""
        geometry = Geometry(image.shape, grid.spacing, (0.0, 0.0, 0.0), direction_of_axes(grid.axes))
        upright = reorient(Volume(image.astype(np.float32), geometry), "RAS")
        x = torch.from_numpy(np.ascontiguousarray(upright.array.transpose(2, 1, 0)))[None, None]
        x = F.interpolate(x, (SIDE, SIDE, SIDE), mode="nearest-exact")
        low, high = (x.quantile(share) for share in (0.005, 0.995))
        x = ((x - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        with torch.inference_mode():
            found = self.network(0.226 * (x - x.mean()) / x.std().clamp(min=1e-6) + 0.449)[:, 1:2]
        size = upright.array.shape[::-1]
        brain = F.interpolate(found, size, mode="nearest-exact")[0, 0].numpy().transpose(2, 1, 0) > 0.5
        return reorient(Volume(_one_piece(brain), upright.geometry), grid.axes).array > 0


def anatomy(image: np.ndarray, mask: np.ndarray, brain: np.ndarray, grid: ModelGrid) -> Anatomy:
    """The parts of a brain (z, y, x) bool in an image (z, y, x), -1..1; mask (z, y, x): 0 air, 1 head, 2 tumour."""
    tissue = brain & (mask != TUMOR)
    litres = float(brain.sum() * np.prod(grid.spacing)) / 1e6
    if tissue.sum() < 1000:
        nothing = dict.fromkeys((*CLASSES, "ventricles"), float("nan"))
        return Anatomy(brain, litres, nothing, np.zeros_like(brain))
    parts = three_tissues(image[tissue])
    ventricles = np.zeros_like(brain)
    ventricles[tissue] = parts == 0
    ventricles &= signed_distance(brain, grid.spacing) < -DEEP_MM
    shares = {name: float((parts == k).mean()) for k, name in enumerate(CLASSES)}
    shares["ventricles"] = float(ventricles.sum() / tissue.sum())
    return Anatomy(brain, litres, shares, ventricles)


def three_tissues(values: np.ndarray) -> np.ndarray:
    """0, 1 or 2 for each of the intensities (n): the likeliest of three Gaussians, dark to bright, fitted to all.

    Expectation maximisation (Dempster, Laird & Rubin 1977) on a histogram, from the 10th, 45th and 80th percentile.
    """
    counts, edges = np.histogram(values, 256)
    x = (edges[:-1] + edges[1:]) / 2
    means = np.percentile(values, (10, 45, 80))
    deviations, weights = np.full(3, max(float(values.std()) / 3, 1e-6)), np.full(3, 1 / 3)
    for _ in range(ROUNDS):
        likely = weights * np.exp(-0.5 * ((x[:, None] - means) / deviations) ** 2) / deviations + 1e-300
        belongs = likely / likely.sum(axis=1, keepdims=True)
        mass = (belongs * counts[:, None]).sum(axis=0) + 1e-9
        means = (belongs * (counts * x)[:, None]).sum(axis=0) / mass
        squares = (belongs * counts[:, None] * (x[:, None] - means) ** 2).sum(axis=0) / mass
        deviations, weights = np.maximum(np.sqrt(squares), (edges[1] - edges[0]) / 2), mass / mass.sum()
    order = np.argsort(means)
    cuts = np.searchsorted(edges[1:-1], values, side="right")
    return np.argsort(order)[belongs.argmax(axis=1)][cuts]


def cortex(brain: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """The outermost CORTEX_MM of a brain (z, y, x)."""
    return brain & (signed_distance(brain, spacing) > -CORTEX_MM)


def _one_piece(brain: np.ndarray) -> np.ndarray:
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(brain.astype(np.uint8))))
    return sitk.GetArrayFromImage(sitk.BinaryFillhole(parts == 1))
