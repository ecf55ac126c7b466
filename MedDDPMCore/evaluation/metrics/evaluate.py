"""A folder of real images against a folder of synthetic ones: every metric, with its interval and what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...anatomy.intensity import ROBUST
from ...volumes.grid import ModelGrid
from .bootstrap import Interval, half_interval, mean_interval, pair_interval
from .features import FeatureNetwork
from .images import ImageCache, ImageFile, PairValues, list_images
from .metrics import (
    frechet_distance,
    has_too_few,
    mean_squared_error,
    mmd,
    ms_ssim,
    random_pairs,
    rbf_kernels,
    scales_for,
)

BLOCKS = 16
"""Groups of images whose sums stand for them in the linear MMD of voxels: no more than these are held in memory."""
SPLITS = 50
Distance = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How images are compared.

    grid: what all are brought to. pairs: random pairs of MS-SSIM within a set. real_suffix, synthetic_suffix: what the
    names of the images end with. seed: of all that is drawn.
    """

    grid: ModelGrid
    pairs: int = 200
    real_suffix: str = ""
    synthetic_suffix: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One figure. floor: the same between two halves of the real images; equal: real against synthetic with as many
    images as the floor (both not numbers where they do not apply). images: (real, synthetic) that it rests on. pairs:
    of images, where it is a mean over pairs, else 0.
    """

    metric: str
    interval: Interval
    images: tuple[int, int]
    better: str
    floor: float = float("nan")
    equal: float = float("nan")
    pairs: int = 0


@dataclass
class Evaluation:
    """All that a report shows. values: MS-SSIM of pairs by set; features: (images, d) real, synthetic; files: the
    report's, where it was written."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pairs: list[dict] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    features: tuple[np.ndarray, np.ndarray] | None = None
    files: list[Path] = field(default_factory=list)


def evaluate(
    real_folder: str | Path,
    synthetic_folder: str | Path,
    work: Path,
    network: FeatureNetwork,
    settings: EvaluationSettings,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,  # noqa: ARG005
) -> Evaluation:
    """Compares two folders. work: where prepared images are kept; what is there from an earlier call is used.

    progress: called with steps done, steps in all, and a word. EvaluationError names the image or folder that is wrong;
    ResourceError on a full disk.
    """
    real = list_images(real_folder, settings.real_suffix)
    synthetic = list_images(synthetic_folder, settings.synthetic_suffix)
    cache = ImageCache(work, settings.grid, network)
    matched = match(real, synthetic)
    within = {
        name: [(files[i], files[j]) for i, j in random_pairs(len(files), settings.pairs, settings.seed)]
        for name, files in (("real", real), ("synthetic", synthetic))
    }
    total = len(real) + len(synthetic) + len(within["real"]) + len(within["synthetic"]) + len(matched)
    done = 0
    for file in real + synthetic:
        progress(done, total, file.name)
        cache.add(file)
        done += 1
    known = PairValues(cache.images / "pairs.jsonl")
    for first, second in [*within["real"], *within["synthetic"], *matched]:
        progress(done, total, "similarity")
        _compare(known, cache, first, second)
        done += 1
    progress(done, total, "done")

    result = Evaluation()
    result.notes = _notes(network, settings, real, synthetic, matched)
    _add_distances(result, cache, real, synthetic, settings.seed)
    _add_similarities(result, known, within, matched, real, synthetic)
    return result


def match(real: list[ImageFile], synthetic: list[ImageFile]) -> list[tuple[ImageFile, ImageFile]]:
    """Pairs (real, synthetic): a synthetic image belongs to the real one whose name its own is or goes on from.

    "IXI012_head_synthetic_T1_seed0" belongs to "IXI012", not to "IXI01": what follows must not be a letter or digit. Of
    several the longest name counts.
    """
    pairs = []
    for other in synthetic:
        fitting = [
            file
            for file in real
            if other.name.startswith(file.name) and not other.name[len(file.name) : len(file.name) + 1].isalnum()
        ]
        if fitting:
            pairs.append((max(fitting, key=lambda file: len(file.name)), other))
    return pairs


def _compare(known: PairValues, cache: ImageCache, first: ImageFile, second: ImageFile) -> None:
    key = (first.sha256, second.sha256)
    if key not in known.known:
        a, b = cache.image(first), cache.image(second)
        known.add(key, ms_ssim(a, b), mean_squared_error(a, b))


def _add_distances(
    result: Evaluation, cache: ImageCache, real: list[ImageFile], synthetic: list[ImageFile], seed: int
) -> None:
    """Fréchet distances and MMD; first, second in a distance are image numbers: real from 0, synthetic after them."""
    count, images = len(real), (len(real), len(synthetic))
    for name, title in (("features", "3D-FID"), ("equalised", "3D-FID, histogram equalised")):
        rows = cache.features(real + synthetic, name)
        if name == "features":
            result.features = rows[:count], rows[count:]
        few = has_too_few(rows[:count], rows[count:])
        if few and name == "features":
            result.notes.append(
                f"Warning: there are {images[0]} real and {images[1]} synthetic images and {rows.shape[1]} features. "
                "With no more images than features a 3D-FID is strongly biased upwards: read the shrunk one, and "
                "compare only with the column of halves."
            )
        for shrink, ending in ((False, ""), (True, ", shrunk covariances")):
            result.rows.append(_distance_row(title + ending, _frechet(rows, shrink), images, images, seed))
    rows = cache.features(real + synthetic)
    kernel = _joined(rbf_kernels(rows[:count], rows[count:]))
    result.rows.append(_distance_row("MMD², RBF on features", _kernel_mmd(kernel), images, images, seed))
    gram, sizes, groups = _voxel_gram(cache, real, synthetic)
    result.rows.append(_distance_row("MMD², linear on voxels, a voxel", _block_mmd(gram, sizes), groups, images, seed))


def _distance_row(metric: str, distance: Distance, units: tuple[int, int], images: tuple[int, int], seed: int) -> Row:
    """units: how many real and synthetic ones `distance` takes numbers of (images, or groups of them)."""
    first, second = units
    interval = half_interval(lambda a, b: distance(a, b + first), first, second, seed=seed)
    size = min(first // 2, second)
    floor = equal = float("nan")
    if size >= 2:
        random, floors, equals = np.random.default_rng(seed), [], []
        for _ in range(SPLITS):
            order = random.permutation(first)
            floors.append(distance(order[:size], order[size : 2 * size]))
            equals.append(distance(order[:size], first + random.permutation(second)[:size]))
        floor, equal = float(np.mean(floors)), float(np.mean(equals))
    return Row(metric, interval, images, "lower", floor, equal)


def _frechet(rows: np.ndarray, shrink: bool) -> Distance:
    def distance(first: np.ndarray, second: np.ndarray) -> float:
        return frechet_distance(rows[first], rows[second], shrink)

    return distance


def _joined(kernels: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Within first, within second and between -> one matrix of all samples."""
    first, second, between = kernels
    return np.block([[first, between], [between.T, second]])


def _kernel_mmd(kernel: np.ndarray) -> Distance:
    def distance(first: np.ndarray, second: np.ndarray) -> float:
        return mmd(kernel[np.ix_(first, first)], kernel[np.ix_(second, second)], kernel[np.ix_(first, second)])

    return distance


def _voxel_gram(
    cache: ImageCache, real: list[ImageFile], synthetic: list[ImageFile]
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Scalar products, a voxel, of sums over groups of images; (images, sum of |image|²) of each; groups a side."""
    sums, sizes = [], []
    groups = min(BLOCKS, len(real)), min(BLOCKS, len(synthetic))
    for files, count in zip((real, synthetic), groups, strict=True):
        for part in range(count):
            total, squares = np.zeros(1, np.float32), 0.0
            for file in files[part::count]:
                image = cache.image(file)
                total = total + image
                squares += float(np.vdot(image, image)) / image.size
            sums.append(total.ravel())
            sizes.append((len(files[part::count]), squares))
    voxels = sums[0].size
    gram = np.array([[np.dot(a, b) for b in sums] for a in sums], float) / voxels
    return gram, np.array(sizes), groups


def _block_mmd(gram: np.ndarray, sizes: np.ndarray) -> Distance:
    """The linear MMD², as MONAI's MMDMetric has it, of all images of some groups: sums of images hold all it needs."""

    def within(groups: np.ndarray) -> float:
        count, squares = sizes[groups].sum(axis=0)
        return (gram[np.ix_(groups, groups)].sum() - squares) / (count * (count - 1))

    def distance(first: np.ndarray, second: np.ndarray) -> float:
        pairs = sizes[first, 0].sum() * sizes[second, 0].sum()
        return float(within(first) + within(second) - 2 * gram[np.ix_(first, second)].sum() / pairs)

    return distance


def _add_similarities(
    result: Evaluation,
    known: PairValues,
    within: dict[str, list[tuple[ImageFile, ImageFile]]],
    matched: list[tuple[ImageFile, ImageFile]],
    real: list[ImageFile],
    synthetic: list[ImageFile],
) -> None:
    for name, files in (("real", real), ("synthetic", synthetic)):
        number = {file.path: i for i, file in enumerate(files)}
        values = [known.known[a.sha256, b.sha256][0] for a, b in within[name]]
        result.values[name] = values
        interval = pair_interval([(number[a.path], number[b.path]) for a, b in within[name]], values)
        images = (len(files), 0) if name == "real" else (0, len(files))
        title = f"MS-SSIM between different {name} images"
        better = "as real" if name == "synthetic" else ""
        result.rows.append(Row(title, interval, images, better, pairs=len(values)))
    if not matched:
        return
    both = [known.known[a.sha256, b.sha256] for a, b in matched]
    images = (len({a.path for a, _ in matched}), len(matched))
    for title, place, better in (("MS-SSIM of matched images", 0, "higher"), ("MSE of matched images", 1, "lower")):
        interval = mean_interval([value[place] for value in both])
        result.rows.append(Row(title, interval, images, better, pairs=len(both)))
    result.pairs = [
        {"real": a.name, "synthetic": b.name, "ms_ssim": similarity, "mse": error}
        for (a, b), (similarity, error) in zip(matched, both, strict=True)
    ]


def _notes(
    network: FeatureNetwork,
    settings: EvaluationSettings,
    real: list[ImageFile],
    synthetic: list[ImageFile],
    matched: list[tuple[ImageFile, ImageFile]],
) -> list[str]:
    grid = settings.grid
    size = " x ".join(str(n) for n in grid.shape[::-1])
    spacing = " x ".join(f"{mm:g}" for mm in grid.spacing)
    notes = [
        f"Images: {len(real)} real, {len(synthetic)} synthetic, {len(matched)} of them matched by name.",
        f"Features: {network.name}; weights sha256 {network.sha256}.",
        f"Grid: {size} voxels (x, y, z), {spacing} mm, placed by the head. Intensities: {ROBUST}; -1 outside the head.",
        f"MS-SSIM: {scales_for(grid.shape)} scales; at most {settings.pairs} random pairs within a set. Seed "
        f"{settings.seed}.",
    ]
    if shared := {f.sha256 for f in real} & {f.sha256 for f in synthetic}:
        notes.append(f"Warning: {len(shared)} files are in both folders.")
    if not matched:
        notes.append("No synthetic image's name begins with that of a real one: MSE and matched MS-SSIM are left out.")
    return notes
