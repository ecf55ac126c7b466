"""How well `head_mask` finds the head: Dice against the masks given with the images in ../shared/data.

    python Testing/core/synthesis/head_mask_accuracy.py [--every N] [--sheet sheet.png]

Prints mean and worst Dice over the 160 heads of ixi_t1_2mm, then Dice and seconds for the other sets that have masks.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from MedDDPMCore.anatomy.head import head_mask  # noqa: E402
from MedDDPMCore.volumes.volume import Volume, reorient  # noqa: E402


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Overlap of two bool arrays, 0..1."""
    return 2 * float((first & second).sum()) / float(first.sum() + second.sum())


def draw(rows: list[tuple[str, Volume, Volume]], path: Path) -> None:
    """A contact sheet: middle sagittal, coronal and axial slices of each image with its mask's outline."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, len(rows), figsize=(2.4 * len(rows), 7.5), facecolor="black", squeeze=False)
    for column, (title, image, mask) in zip(axes.T, rows, strict=True):
        image, mask = reorient(image, "RAS"), reorient(mask, "RAS")
        spacing = image.geometry.spacing
        white = np.percentile(image.array, 99.5)
        for numpy_axis, axis in zip((2, 1, 0), column, strict=True):
            middle = image.array.shape[numpy_axis] // 2
            wide, tall = [2 - other for other in (2, 1, 0) if other != numpy_axis]
            axis.imshow(
                image.array.take(middle, numpy_axis), cmap="gray", origin="lower", vmax=white,
                aspect=spacing[max(wide, tall)] / spacing[min(wide, tall)],
            )  # fmt: skip
            axis.contour(mask.array.take(middle, numpy_axis), [0.5], colors="red", linewidths=0.7)
            axis.axis("off")
        column[0].set_title(title, color="white", fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="use every Nth head only")
    parser.add_argument("--sheet", type=Path, help="also draw the other sets to this PNG")
    options = parser.parse_args()
    data = ROOT.parent / "shared" / "data"

    scores = {}
    started = time.process_time()
    for image in sorted((data / "ixi_t1_2mm").glob("*_T1.nii.gz"))[:: options.every]:
        given = Volume.read(str(image).replace("_T1", "_head"), labels=True).array > 0
        scores[image.name] = dice(head_mask(Volume.read(image)).array > 0, given)
    worst = min(scores, key=scores.__getitem__)
    seconds = (time.process_time() - started) / len(scores)
    print(f"ixi_t1_2mm: {len(scores)} heads, mean Dice {np.mean(list(scores.values())):.4f}, ", end="")
    print(f"worst {scores[worst]:.4f} ({worst}), {seconds:.2f} CPU seconds each")

    rows = []
    brain = data / "brats_case" / "BraTS2021_01306_seg.nii.gz"
    others = [
        (data / "med_ddpm_whole_head" / "sample_3_image.nii.gz", data / "med_ddpm_whole_head" / "sample_3_mask.nii.gz"),
        *((path, brain) for path in sorted(data.glob("brats_case/*_[tf]*"))),
        *((path, None) for path in sorted(data.glob("btp_t1c/*_v1_t1c.nii.gz"))),
        *((path, None) for path in sorted(data.glob("remind_t1c/*_t1c.nii.gz"))),
    ]
    for path, given in others:
        image = Volume.read(path)
        started = time.process_time()
        mask = head_mask(image)
        seconds = time.process_time() - started
        litres = float(mask.array.sum()) * float(np.prod(image.geometry.spacing)) / 1e6
        score = f"Dice {dice(mask.array > 0, Volume.read(given, labels=True).array > 0):.4f}, " if given else ""
        print(f"{path.name}: {score}{litres:.2f} litres, {seconds:.2f} CPU seconds")
        rows.append((f"{path.name[:20]} {score}", image, mask))
    if options.sheet:
        draw(rows, options.sheet)


if __name__ == "__main__":
    main()
