"""Are synthetic heads copies of real ones? Nearest distances, against those from one real head to the next.

Every head is brought to a coarse common grid, laid rigidly on a symmetric mean head, and compared inside the head by
1 - r, r the correlation of the voxels, as it is and mirrored: brightness, contrast, place and side do not hide a copy.
A synthetic head is called a copy if it is nearer to a real one than half of what all but one in twenty real heads keep
from each other. Beyond copies, the distances as a whole are compared: the chance that a synthetic head lies closer to a
real one than a further real head does, and the share that is closer than the closest twentieth of real heads.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EvaluationError, VolumeError
from ..grid import ModelGrid
from ..synthesis.deface import find_nasion
from ..synthesis.preview import three_planes
from ..volume import Volume
from .agreement import area_under_curve, by_cases, wilson
from .alignment import Aligner
from .bootstrap import Interval
from .nearest import Nearest, nearest
from .standard_head import central_voxel, read_standard_head, to_ras

CLOSE_PERCENT = 5.0
COPY_SHARE = 0.5
FEWEST_REAL = 4


@dataclass(frozen=True)
class PrivacyReport:
    """synthetic, real: file names. found: synthetic to real. usual: held-out real heads (or each real head) to the
    other real ones. faces: in how many synthetic images a face is seen."""

    synthetic: list[Path]
    real: list[Path]
    found: Nearest
    usual: Nearest
    held_out: bool
    faces: int

    @property
    def close(self) -> float:
        """The distance below which CLOSE_PERCENT of real heads lie."""
        return float(np.percentile(self.usual.distance, CLOSE_PERCENT))

    @property
    def copies(self) -> np.ndarray:
        """Which synthetic images (n,) are copies of a real one."""
        return self.found.distance < COPY_SHARE * self.close

    @property
    def share_close(self) -> Interval:
        """The share of synthetic images that are closer than `close`; 5 % is usual."""
        return wilson(int((self.found.distance < self.close).sum()), len(self.synthetic))

    def closer(self, relative: bool = False) -> Interval:
        """The chance that a synthetic head is closer to its nearest real one than a real head is; 0.5 is usual.

        relative: of the distance over that to the next nearest ones, which an image that is close to all, such as a
        blurred or an average one, does not shorten; a copy does.
        """
        values = [n.distance / n.others if relative else n.distance for n in (self.usual, self.found)]
        every = np.concatenate(values)
        is_real = np.arange(len(every)) < len(values[0])
        return by_cases(lambda n: area_under_curve(every[n][is_real[n]], every[n][~is_real[n]]), len(every))

    @property
    def verdict(self) -> str:
        """In one sentence or two."""
        count, share = int(self.copies.sum()), self.share_close
        if count:
            return (
                f"{count} of {len(self.synthetic)} synthetic images are copies, or nearly, of a real one. "
                "Do not share them, nor the model."
            )
        if share.low > CLOSE_PERCENT / 100:
            relative = self.closer(relative=True)
            if relative.low > 0.5:
                return (
                    "No copy, but the synthetic images lie closer to single real ones than real heads lie to each "
                    "other: the model may remember parts of its training images. Look at the closest pairs."
                )
            return (
                "No copy. The synthetic images lie closer to the real ones than these do to each other, but to all of "
                "them and not to single ones, as images with less of their own do. Look at the closest pairs."
            )
        return "No copy, and the synthetic images lie no closer to the real ones than real heads lie to each other."


def compare(
    synthetic: Sequence[Path],
    real: Sequence[Path],
    grid: ModelGrid,
    held_out: Sequence[Path] = (),
    report: Callable[[], None] | None = None,
    scratch: str | Path | None = None,
) -> PrivacyReport:
    """Compares files. held_out: real heads that the model has not seen, as the measure of what is usual; without, each
    of `real` is measured against the others.

    Memory does not grow with the number of images: what is compared lies in a file in `scratch`, 0.3 MB an image.
    report hears of each image that is read.
    EvaluationError for fewer than FEWEST_REAL real heads, or an image without a head.
    """
    if len(real) < FEWEST_REAL:
        raise EvaluationError(f"{len(real)} real images are too few; it takes {FEWEST_REAL}, better hundreds.")
    aligner = Aligner(real, grid)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        sets, faces = {}, 0
        for name, paths in (("real", real), ("synthetic", synthetic), ("held_out", held_out)):
            shape = (2, max(1, len(paths)), int(aligner.region.sum()))
            sets[name] = np.memmap(Path(folder) / name, np.float32, "w+", shape=shape)
            for number, path in enumerate(paths):
                head = read_standard_head(path, aligner.grid)
                sets[name][:, number] = aligner.vectors(aligner.align(head))
                if name == "synthetic":
                    faces += has_face(Volume(head.head.astype(np.uint8), head.geometry))
                if report:
                    report()
        references = sets["real"][0]
        found = nearest(*sets["synthetic"], references)
        usual = nearest(*sets["held_out"], references) if held_out else nearest(*sets["real"], references, same=True)
        del references
        sets.clear()
    return PrivacyReport(list(synthetic), list(real), found, usual, bool(held_out), faces)


def has_face(head_mask: Volume) -> bool:
    """Whether the profile of a head mask shows the bridge of a nose."""
    try:
        find_nasion(head_mask)
    except VolumeError:
        return False
    return True


def markdown(report: PrivacyReport) -> str:
    """The findings as a page."""
    measured = "held-out real heads" if report.held_out else "real heads"
    rows = [
        ("median distance of a synthetic head to its nearest real one", f"{np.median(report.found.distance):.4f}"),
        (f"median distance of {measured} to their nearest (other) real one", f"{np.median(report.usual.distance):.4f}"),
        (f"distance below which {CLOSE_PERCENT:.0f} % of {measured} lie", f"{report.close:.4f}"),
        ("share of synthetic heads below it", report.share_close.text(3)),
        ("chance that a synthetic head is the closer one (0.5: no difference)", report.closer().text(3)),
        ("the same, relative to the distance to the next nearest ones", report.closer(relative=True).text(3)),
        ("copies", str(int(report.copies.sum()))),
    ]
    return "\n".join(
        [
            "# Privacy",
            "",
            f"{len(report.synthetic)} synthetic against {len(report.real)} real images. {report.verdict}",
            "",
            "| finding | value |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in rows),
            "",
            "Distance: 1 less the correlation inside the head, at 4 mm, after rigid alignment, the nearer of the image",
            "and its mirror image. In brackets: 95 % intervals.",
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
    """Each synthetic image with its nearest real one, the closest first, as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("synthetic", "nearest_real", "distance", "distance_to_next_ones", "mirrored", "copy"))
    found = report.found
    for n in np.argsort(found.distance, kind="stable"):
        values = (f"{found.distance[n]:.6f}", f"{found.others[n]:.6f}", int(found.mirrored[n]), int(report.copies[n]))
        writer.writerow((report.synthetic[n].name, report.real[found.index[n]].name, *values))
    return stream.getvalue()


def closest_pairs(report: PrivacyReport, grid: ModelGrid, count: int = 5) -> np.ndarray:
    """A uint8 picture (rows, columns): a row a pair, the closest first, synthetic left and its nearest real right, in
    three planes; the real is mirrored where that is how it is near."""
    rows = []
    for n in np.argsort(report.found.distance, kind="stable")[:count]:
        pair = []
        for path in (report.synthetic[n], report.real[report.found.index[n]]):
            found = read_standard_head(path, grid)
            image, head = to_ras(found.image, grid.axes), to_ras(found.head, grid.axes)
            if len(pair) and report.found.mirrored[n]:
                image, head = image[..., ::-1], head[..., ::-1]
            pair.append(three_planes(image, grid.spacing, central_voxel(head, grid.spacing)))
        gap = np.full((len(pair[0]), 6), 128, np.uint8)
        rows.append(np.concatenate([pair[0], gap, pair[1]], axis=1))
    return np.concatenate(rows)
