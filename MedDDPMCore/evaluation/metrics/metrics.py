"""Image metrics: MSE, MMD, Fréchet distance and 3D MS-SSIM. Documentation/evaluation.md says how to read them.

Images are (z, y, x) in -1..1; features are (samples, features). Computed in float64, MS-SSIM in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import avg_pool3d, conv3d

from ...base.errors import EvaluationError
from ...volumes.geometry import triple

DATA_RANGE = 2.0
"""Largest less smallest intensity of images in -1..1."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of MS-SSIM's five scales, fine to coarse (Wang et al., Asilomar 2003)."""
WINDOW, SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03


def mean_squared_error(first: np.ndarray, second: np.ndarray) -> float:
    """Mean of the squared differences of two images of one shape, whose intensities are -1..1 (so 0..4)."""
    _check_pair(first, second)
    return float(np.mean(np.square(first.astype(np.float64) - second.astype(np.float64))))


def mmd(within_first: np.ndarray, within_second: np.ndarray, between: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy from three kernel matrices (n, n), (m, m), (n, m).

    Gretton et al., JMLR 2012, lemma 6; the diagonals are left out, so it is about 0, or slightly below, for two samples
    of one distribution. EvaluationError for fewer than two samples a side.
    """
    n, m = between.shape
    if min(n, m) < 2:
        raise EvaluationError(f"MMD needs two samples or more on each side, not {n} and {m}.")
    first = (within_first.sum() - np.trace(within_first)) / (n * (n - 1))
    second = (within_second.sum() - np.trace(within_second)) / (m * (m - 1))
    return float(first + second - 2 * between.mean())


def rbf_kernels(
    first: np.ndarray, second: np.ndarray, bandwidth: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `mmd` takes, of two samples (n, …), (m, …): exp(-|a - b|² / (2 bandwidth²)) within each and between them.

    bandwidth: in the samples' units; None: `median_bandwidth` of the two.
    """
    a, b = _as_rows(first), _as_rows(second)
    _check_width(a, b)
    bandwidth = bandwidth or median_bandwidth(a, b)
    scale = -2 * bandwidth**2
    return triple(np.exp(squared_distances(p, q) / scale) for p, q in ((a, a), (b, b), (a, b)))


def median_bandwidth(first: np.ndarray, second: np.ndarray) -> float:
    """The median distance between two different ones of all samples taken together: the "median heuristic" (Gretton et
    al. 2012, section 8). 1 where all samples are the same.
    """
    rows = np.concatenate([_as_rows(first), _as_rows(second)])
    distances = np.sqrt(squared_distances(rows, rows)[np.triu_indices(len(rows), 1)])
    return float(np.median(distances)) or 1.0


def squared_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (n, m) of rows (n, d), (m, d); never below 0."""
    lengths = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)[None]
    return np.maximum(lengths - 2 * first @ second.T, 0)


def frechet_distance(first: np.ndarray, second: np.ndarray, shrink: bool = False) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two feature sets (n, d), (m, d): the FID formula
    (Heusel et al., NeurIPS 2017; Dowson & Landau 1982).

    |μ1 - μ2|² + tr(C1 + C2 - 2 (C1 C2)^½), the covariances with n - 1. Without `shrink`, tr (C1 C2)^½ is the sum of the
    singular values of A Bᵀ, with A and B the centred features over √(n - 1) and √(m - 1): exact, for singular
    covariances too, and no matrix is larger than min(n, d). It is biased upwards by about 1/n, strongly where n ≤ d
    (`has_too_few` says so): compare equal n only.
    shrink: covariances shrunk towards a multiple of the identity by Ledoit & Wolf's rule (JMVA 2004).
    """
    a, b = _as_rows(first), _as_rows(second)
    _check_width(a, b)
    if min(len(a), len(b)) < 2:
        raise EvaluationError(f"A Fréchet distance needs two samples or more on each side, not {len(a)} and {len(b)}.")
    shift = float(np.square(a.mean(axis=0) - b.mean(axis=0)).sum())
    a, b = ((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1) for rows in (a, b))
    if shrink:
        return max(shift + _shrunk_covariance_term(a, b), 0.0)
    small_a, small_b = (np.asarray(np.linalg.qr(rows, "r")) if len(rows) > rows.shape[1] else rows for rows in (a, b))
    cross = np.linalg.svd(small_a @ small_b.T, compute_uv=False).sum()
    return float(max(shift + np.square(a).sum() + np.square(b).sum() - 2 * cross, 0.0))


def has_too_few(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether a side has no more samples than features, so that its covariance is singular."""
    return min(len(first), len(second)) <= first.shape[1]


def _shrunk_covariance_term(a: np.ndarray, b: np.ndarray) -> float:
    """tr(C1 + C2 - 2 (C1 C2)^½) of shrunk covariances; a, b: centred features (n, d) over √(n - 1).

    In the span of both the matrices are full; on the rest of the d dimensions each is a multiple of the identity.
    """
    width = a.shape[1]
    both = np.concatenate([a, b])
    basis = np.eye(width) if len(both) > width else np.linalg.svd(both, full_matrices=False)[2]
    small, flat = [], []
    for rows in (a, b):
        share, level = ledoit_wolf(rows * np.sqrt(len(rows) - 1))
        inner = rows @ basis.T
        small.append((1 - share) * inner.T @ inner + share * level * np.eye(len(basis)))
        flat.append(share * level)
    values, vectors = np.linalg.eigh(small[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ small[1] @ root), 0)).sum()
    rest = (width - len(basis)) * (np.sqrt(flat[0]) - np.sqrt(flat[1])) ** 2
    return float(np.trace(small[0]) + np.trace(small[1]) - 2 * cross + rest)


def ledoit_wolf(centred: np.ndarray) -> tuple[float, float]:
    """The share (0..1) by which a covariance goes towards level x identity, and the level; Ledoit & Wolf 2004.

    centred: (n, d) rows less their mean. The level is the mean variance of the n - 1 covariance.
    """
    n, d = centred.shape
    lengths = np.square(centred).sum(axis=1) / n
    squares = float(np.square(centred @ centred.T if n <= d else centred.T @ centred).sum()) / n**2
    mean_variance = lengths.sum() / d
    spread = squares / d - mean_variance**2
    noise = (np.square(lengths).sum() - squares / n) / d
    share = float(np.clip(noise / spread, 0, 1)) if spread > 0 else 1.0
    return share, float(mean_variance * n / (n - 1))


def scales_for(shape: tuple[int, ...]) -> int:
    """How many of MS-SSIM's scales an image of this shape has room for: each holds one window at least; at most 5."""
    scales = 0
    while scales < len(SCALE_WEIGHTS) and min(shape) // 2**scales >= WINDOW:
        scales += 1
    if scales == 0:
        raise EvaluationError(f"MS-SSIM needs images of {WINDOW} voxels or more a side, not {tuple(shape)}.")
    return scales


def ms_ssim(first: np.ndarray, second: np.ndarray, scales: int | None = None) -> float:
    """Multi-scale structural similarity of two images (z, y, x), -1..1, of one shape: 0..1 (Wang et al. 2003).

    Gaussian window of 11 voxels, sigma 1.5, K1 0.01, K2 0.03, range 2; whole windows only; halved by averaging 2x2x2
    voxels. scales: None takes as many of the five as fit (`scales_for`: four of a 128³ image), their weights rescaled
    to the sum of all five (1.0001). A negative similarity of a scale counts as 0, as in MONAI.
    """
    _check_pair(first, second)
    scales = scales or scales_for(first.shape)
    weights = np.array(SCALE_WEIGHTS[:scales]) * (sum(SCALE_WEIGHTS) / sum(SCALE_WEIGHTS[:scales]))
    a, b = (torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None] for image in (first, second))
    result = 1.0
    with torch.inference_mode():
        for scale, weight in enumerate(weights):
            luminance, structure = _similarity(a, b)
            last = scale == scales - 1
            value = float((luminance * structure if last else structure).mean())
            result *= max(value, 0.0) ** float(weight)
            if not last:
                a, b = avg_pool3d(a, 2), avg_pool3d(b, 2)
    return result


def random_pairs(count: int, wanted: int, seed: int = 0) -> list[tuple[int, int]]:
    """At most `wanted` different pairs i < j of range(count), drawn evenly; all of them where there are no more."""
    total = count * (count - 1) // 2
    if total <= wanted:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    random = np.random.default_rng(seed)
    chosen: dict[tuple[int, int], None] = {}
    while len(chosen) < wanted:
        i, j = (int(v) for v in random.integers(count, size=2))
        if i != j:
            chosen[min(i, j), max(i, j)] = None
    return list(chosen)


def _similarity(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SSIM's luminance, and contrast times structure, of (1, 1, z, y, x) at each whole window."""
    mean_a, mean_b, aa, bb, ab = _windowed(torch.cat([a, b, a * a, b * b, a * b]))
    c1, c2 = (K1 * DATA_RANGE) ** 2, (K2 * DATA_RANGE) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    variances = aa - mean_a.square() + bb - mean_b.square()
    return luminance, (2 * (ab - mean_a * mean_b) + c2) / (variances + c2)


def _windowed(images: torch.Tensor) -> Iterator[torch.Tensor]:
    """Gaussian-weighted means (batch, 1, z, y, x) over whole windows, an axis at a time."""
    places = torch.arange(WINDOW) - (WINDOW - 1) / 2
    window = torch.exp(-places.square() / (2 * SIGMA**2))
    window = window / window.sum()
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[2 + axis] = WINDOW
        images = conv3d(images, window.reshape(shape))
    return iter(images)


def _as_rows(samples: np.ndarray) -> np.ndarray:
    """(samples, …) -> float64 (samples, values); EvaluationError for values that are not finite."""
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim < 2 or not np.isfinite(samples).all():
        raise EvaluationError(f"Samples must be finite and have rows, not of shape {samples.shape}.")
    return samples.reshape(len(samples), -1)


def _check_width(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape[1] != b.shape[1]:
        raise EvaluationError(f"The two sides differ in their number of values a sample: {a.shape[1]}, {b.shape[1]}.")


def _check_pair(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape or first.ndim != 3:
        raise EvaluationError(f"Two images of one 3D shape are needed, not {first.shape} and {second.shape}.")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise EvaluationError("An image holds values that are not finite.")
