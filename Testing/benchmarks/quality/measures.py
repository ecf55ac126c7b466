"""The figures of the quality report, each of one set of images against the real held-out heads of the same masks."""

from __future__ import annotations

import numpy as np
from default_model import contrast, dice

from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.evaluation.metrics.bootstrap import Interval, half_interval, mean_interval, pair_interval
from MedDDPMCore.evaluation.metrics.metrics import (
    frechet_distance,
    median_bandwidth,
    mmd,
    ms_ssim,
    random_pairs,
    rbf_kernels,
)
from MedDDPMCore.volumes.volume import Geometry, Volume

from .images import TUMOR, Heads, blurred

PAIRS = 24
QUANTILES = np.linspace(0.005, 0.995, 200)


def head_dice(heads: Heads, geometry: Geometry) -> list[float]:
    """Dice of the head found in each image against its mask; 0 where none is seen."""
    found = []
    for image, mask in zip(heads.images, heads.masks, strict=True):
        try:
            found.append(dice(head_mask(Volume(image + 1, geometry)).array > 0, mask > 0))
        except VolumeError:
            found.append(0.0)
    return found


def contrasts(heads: Heads, tumors: np.ndarray) -> list[float]:
    """Mean intensity in each tumour (n, z, y, x) over that in the 6 mm around it, counted from air."""
    return [
        float(np.divide(*contrast(image, tumor, mask > 0)))
        for image, mask, tumor in zip(heads.images, heads.masks, tumors, strict=True)
    ]


def histogram_distances(heads: Heads, real: Heads) -> list[float]:
    """1-Wasserstein distance of the intensities inside the head, in intensity units of -1..1."""
    return [
        float(np.abs(np.quantile(a[m > 0], QUANTILES) - np.quantile(b[n > 0], QUANTILES)).mean())
        for a, m, b, n in zip(heads.images, heads.masks, real.images, real.masks, strict=True)
    ]


def sharpness(heads: Heads) -> list[float]:
    """Mean size of the intensity's gradient a voxel, 3 voxels and more inside the head."""
    found = []
    for image, mask in zip(heads.images, heads.masks, strict=True):
        inner = mask > 0
        for axis in range(3):
            inner = inner & np.roll(mask > 0, 3, axis) & np.roll(mask > 0, -3, axis)
        found.append(float(np.sqrt(sum(g**2 for g in np.gradient(image)))[inner].mean()))
    return found


def likeness(heads: Heads, real: Heads) -> list[float]:
    """Pearson correlation inside the head with the real head of the same mask, both blurred by 2 voxels: whether
    large structures (ventricles, brainstem, air spaces) are there and in their places. Grain does not count."""
    found = []
    for image, mask, other in zip(heads.images, heads.masks, real.images, strict=True):
        found.append(float(np.corrcoef(*(blurred(v, 2.0)[mask > 0] for v in (image, other)))[0, 1]))
    return found


def similarity(heads: Heads) -> Interval:
    """MS-SSIM between different images of the set: lower is more diverse. Over at most PAIRS pairs."""
    pairs = random_pairs(len(heads), PAIRS)
    return pair_interval(pairs, [ms_ssim(heads.images[i], heads.images[j]) for i, j in pairs])


def distribution_distances(features: np.ndarray, real: np.ndarray, scale: np.ndarray) -> dict[str, Interval]:
    """MMD (Gaussian kernel, median bandwidth) and Fréchet distance (shrunk covariances); features count by scale."""
    a, b = features / scale, real / scale
    bandwidth = median_bandwidth(b, b)
    return {
        "MMD": half_interval(lambda i, j: mmd(*rbf_kernels(a[i], b[j], bandwidth)), len(a), len(b)),
        "Fréchet distance": half_interval(lambda i, j: frechet_distance(a[i], b[j], True), len(a), len(b)),
    }


def measured(heads: Heads, real: Heads, geometry: Geometry) -> dict[str, Interval]:
    """All figures of a set that need neither the judge nor the model; the k-th image is held against the k-th real."""
    found = {
        "head mask Dice": mean_interval(head_dice(heads, geometry)),
        "tumour over surroundings": mean_interval(contrasts(heads, heads.masks == TUMOR)),
        "histogram distance": mean_interval(histogram_distances(heads, real)),
        "sharpness": mean_interval(sharpness(heads)),
        "sharpness over the real": mean_interval(np.divide(sharpness(heads), sharpness(real))),
    }
    return found | ({"MS-SSIM between heads": similarity(heads)} if len(heads) > 1 else {})
