"""Are synthetic heads copies of real ones? Nearest distances, against those from one real head to the next.

Every head is brought to a coarse common grid, laid rigidly on a symmetric mean head, and compared inside the head by
1 - r, r the correlation of the voxels, as it is and mirrored: brightness, contrast, place and side do not hide a copy.
A synthetic head is called a copy if it is nearer to a real one than half of what all but one in twenty real heads keep
from each other. Beyond copies, the distances as a whole are compared: the chance that a synthetic head lies closer to a
real one than a further real head does, and the share that is closer than the closest twentieth of real heads.

The same is done by features: 1 - the cosine of the angle between the features of a network, each less its mean over the
real images and over its standard deviation. Features say what a head is like where its voxels do not lie on another's;
what a copy was altered by, such as blur, they see as well, so that copies are called by the image alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import EvaluationError
from ...base.pictures import three_planes
from ...base.tables import csv_text
from ...volumes.grid import ModelGrid
from ..metrics.agreement import area_under_curve, by_cases, wilson
from ..metrics.bootstrap import Interval
from ..metrics.features import FeatureNetwork
from ..metrics.images import load_array
from ..metrics.standard_head import central_voxel, read_standard_head
from .alignment import Aligner
from .nearest import Nearest, nearest
from .vectors import FACE, SPACES, Spaces, VectorCache

CLOSE_PERCENT = 5.0
COPY_SHARE = 0.5
FEWEST_REAL = 4


@dataclass(frozen=True)
class Distances:
    """Distances in one space. synthetic: to real. usual: held-out real heads (or each real head) to the other
    real ones."""

    synthetic: Nearest
    usual: Nearest

    @property
    def close(self) -> float:
        """The distance below which CLOSE_PERCENT of real heads lie."""
        return float(np.percentile(self.usual.distance, CLOSE_PERCENT))

    @property
    def share_close(self) -> Interval:
        """The share of synthetic images that are closer than `close`; 5 % is usual."""
        return wilson(int((self.synthetic.distance < self.close).sum()), len(self.synthetic.distance))

    def closer(self, relative: bool = False) -> Interval:
        """The chance that a synthetic head is closer to its nearest real one than a real head is; 0.5 is usual.

        relative: of the distance over that to the next nearest ones, which an image that is close to all, such as a
        blurred or an average one, does not shorten; a copy does.
        """
        values = [n.distance / n.others if relative else n.distance for n in (self.usual, self.synthetic)]
        every = np.concatenate(values)
        is_real = np.arange(len(every)) < len(values[0])
        return by_cases(lambda n: area_under_curve(every[n][is_real[n]], every[n][~is_real[n]]), len(every))

    @property
    def too_close(self) -> bool:
        """Whether more synthetic images are close than is usual."""
        return self.share_close.low > CLOSE_PERCENT / 100

    @property
    def to_single_ones(self) -> bool:
        """Whether they are so to single real images, and not to many alike."""
        return self.closer(relative=True).low > 0.5


@dataclass(frozen=True)
class PrivacyReport:
    """synthetic, real: file names. image, features: distances by voxels and by features of `network`. faces: in how
    many synthetic images a face is seen."""

    synthetic: list[Path]
    real: list[Path]
    image: Distances
    features: Distances
    network: str
    held_out: bool
    faces: int

    @property
    def copies(self) -> np.ndarray:
        """Which synthetic images (n,) are copies of a real one."""
        return self.image.synthetic.distance < COPY_SHARE * self.image.close

    @property
    def verdict(self) -> str:
        """What was found, in one sentence or two."""
        count = int(self.copies.sum())
        if count:
            return (
                f"{count} of {len(self.synthetic)} synthetic images are copies, or nearly, of a real one. "
                "Do not share them, nor the model."
            )
        near = {name: space for name, space in (("voxels", self.image), ("features", self.features)) if space.too_close}
        if not near:
            return "No copy, and the synthetic images lie no closer to the real ones than real heads lie to each other."
        single = " and ".join(name for name, space in near.items() if space.to_single_ones)
        if single:
            return (
                f"No copy, but by their {single} the synthetic images lie closer to single real ones than real heads "
                "lie to each other: the model may remember parts of its training images. Look at the closest pairs."
            )
        return (
            f"No copy. By their {' and '.join(near)} the synthetic images lie closer to the real ones than these do to "
            "each other, but to all of them and not to single ones, as images with less of their own do. Look at the "
            "closest pairs."
        )


def compare(
    synthetic: Sequence[Path],
    real: Sequence[Path],
    grid: ModelGrid,
    network: FeatureNetwork,
    held_out: Sequence[Path] = (),
    report: Callable[[], object] | None = None,
    cache: str | Path | None = None,
) -> PrivacyReport:
    """Compares files. held_out: real heads that the model has not seen, as the measure of what is usual; without, each
    of `real` is measured against the others.

    cache: folder that keeps what images are compared by (0.3 MB an image), so that a comparison that was stopped goes
    on; None: none is kept. Memory does not grow with the number of images. report hears of each image that is done.
    EvaluationError for fewer than FEWEST_REAL real heads, or an image without a head.
    """
    if len(real) < FEWEST_REAL:
        raise EvaluationError(f"{len(real)} real images are too few; it takes {FEWEST_REAL}, better hundreds.")
    sets = {"real": real, "synthetic": synthetic, **({"held_out": held_out} if held_out else {})}
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        vectors = VectorCache(Path(cache or scratch), Spaces(grid, Aligner(real, grid), network))
        files: dict[str, list[Path]] = {}
        for name, paths in sets.items():
            files[name] = []
            for path in paths:
                files[name].append(vectors.add(path))
                if report:
                    report()
        distances = {}
        for space in SPACES:
            arrays = {
                name: vectors.gather(kept, space, Path(scratch) / f"{space}-{name}") for name, kept in files.items()
            }
            distances[space] = _distances(arrays, scaled=space == "features")
            del arrays
        faces = sum(bool(load_array(file, FACE)) for file in files["synthetic"])
    return PrivacyReport(
        list(synthetic), list(real), **distances, network=network.name, held_out=bool(held_out), faces=faces
    )


def _distances(arrays: dict[str, np.ndarray], scaled: bool) -> Distances:
    """arrays: (2, n, d) as they are and mirrored, of "real", "synthetic" and, where there are any, "held_out".

    scaled: they are not unit vectors yet, but features, to be counted from the real ones' mean in their deviations.
    """
    if scaled:
        mean, deviation = arrays["real"][0].mean(axis=0), arrays["real"][0].std(axis=0)
        telling = deviation > 1e-6 * max(float(deviation.max()), 1e-30)
        for name, array in arrays.items():
            rows = (array[..., telling] - mean[telling]) / deviation[telling]
            arrays[name] = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    (own, mirrored), (real, real_mirrored) = arrays["synthetic"], arrays["real"]
    synthetic = nearest(own, mirrored, real)
    if "held_out" in arrays:
        own, mirrored = arrays["held_out"]
        return Distances(synthetic, nearest(own, mirrored, real))
    return Distances(synthetic, nearest(real, real_mirrored, real, same=True))


def markdown(report: PrivacyReport) -> str:
    """The findings as a page."""
    measured = "held-out real heads" if report.held_out else "real heads"
    spaces = (report.image, report.features)
    rows = [
        (
            "median distance of a synthetic head to its nearest real one",
            *(f"{np.median(s.synthetic.distance):.4f}" for s in spaces),
        ),
        (
            f"median distance of {measured} to their nearest (other) real one",
            *(f"{np.median(s.usual.distance):.4f}" for s in spaces),
        ),
        (f"distance below which {CLOSE_PERCENT:.0f} % of {measured} lie", *(f"{s.close:.4f}" for s in spaces)),
        ("share of synthetic heads below it", *(s.share_close.text(3) for s in spaces)),
        ("chance that a synthetic head is the closer one (0.5: no difference)", *(s.closer().text(3) for s in spaces)),
        (
            "the same, relative to the distance to the next nearest ones",
            *(s.closer(relative=True).text(3) for s in spaces),
        ),
        ("copies", str(int(report.copies.sum())), ""),
    ]
    return "\n".join(
        [
            "# Privacy",
            "",
            f"{len(report.synthetic)} synthetic against {len(report.real)} real images. {report.verdict}",
            "",
            "| finding | by voxels | by features |",
            "| --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            "By voxels: 1 less the correlation inside the head, at 4 mm, after rigid alignment. By features: 1 less",
            "the cosine of their angle, each counted from its mean over the real images in standard deviations",
            f"({report.network}). Of an image and its mirror image the nearer counts. In brackets: 95 % intervals.",
            "",
            f"A face is seen in {report.faces} of {len(report.synthetic)} synthetic images. A face that the model made",
            "is nobody's; but its outline is that of the mask. Where masks or edited MRIs are of patients, remove it",
            "with `medddpm deface` before an image is shared.",
            "",
            "No distance proves that nothing is remembered: look at the closest pairs.",
            "",
        ]
    )


def table(report: PrivacyReport) -> str:
    """Each synthetic image with its nearest real ones, the closest by voxels first, as CSV."""
    header = ["synthetic", "nearest_real", "distance", "distance_to_next_ones", "mirrored", "copy"]
    header += ["nearest_by_features", "feature_distance", "feature_distance_to_next_ones"]
    rows = []
    by_voxels, by_features = report.image.synthetic, report.features.synthetic
    for n in np.argsort(by_voxels.distance, kind="stable"):
        values = (
            f"{by_voxels.distance[n]:.6f}",
            f"{by_voxels.others[n]:.6f}",
            int(by_voxels.mirrored[n]),
            int(report.copies[n]),
        )
        features = (
            report.real[by_features.index[n]].name,
            f"{by_features.distance[n]:.6f}",
            f"{by_features.others[n]:.6f}",
        )
        rows.append((report.synthetic[n].name, report.real[by_voxels.index[n]].name, *values, *features))
    return csv_text(header, rows)


def closest_pairs(report: PrivacyReport, nearest: Nearest, grid: ModelGrid, count: int = 5) -> np.ndarray:
    """A uint8 picture (rows, columns): a row a pair, the closest in one space first, synthetic left and its nearest
    real right, in three planes; the real is mirrored where that is how it is near."""
    rows = []
    for n in np.argsort(nearest.distance, kind="stable")[:count]:
        pair: list[np.ndarray] = []
        for path in (report.synthetic[n], report.real[nearest.index[n]]):
            head = read_standard_head(path, grid)
            image, inside, sides = head.image, head.head, "RL"
            if len(pair) and nearest.mirrored[n]:
                image, inside, sides = image[..., ::-1], inside[..., ::-1], "LR"
            pair.append(three_planes(image, grid.spacing, central_voxel(inside, grid), grid.axes, sides))
        gap = np.full((len(pair[0]), 6), 128, np.uint8)
        rows.append(np.concatenate([pair[0], gap, pair[1]], axis=1))
    return np.concatenate(rows)
