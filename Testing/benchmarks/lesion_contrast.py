"""Do simulated lesions look like real ones? The same measurements on real T1c scans and on simulated lesions.

    python Testing/benchmarks/lesion_contrast.py PACKED_SET --real FOLDER [FOLDER ...] [--heads 60] [--sheet sheet.png]

FOLDER holds <case>_t1c.nii.gz and <case>_tumor.nii.gz (1 = enhancing tumour, with or without its core). PACKED_SET is
what `medddpm prepare` made of heads without lesions: a lesion of the training's settings is simulated in each of
`--heads` of them. Every image is brought to 2 mm; the simulated ones are averaged over 6 mm slices first where
`--thick` is given, as most real scans of the set are.

Definitions. Lesion: the mask, closed by 6 mm and its holes filled, in three dimensions and in each axial slice; so a
core that the mask leaves out belongs to it, as in simulated masks. White matter: the 80th percentile of the smoothed
image, at least 35 mm under the skin and 15 mm from the lesion. All intensities are counted from air and divided by
white matter. Percentiles are those of the lesion's voxels; "hole" is what the mask left out; shells are the brain at a
distance from the lesion's surface, "far" 25 to 45 mm. Printed are median and range (10th to 90th percentile) over the
lesions of 0.2 ml and more; of a patient with several visits, each visit counts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from MedDDPMCore.anatomy.brain import brain_region
from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.anatomy.intensity import robust
from MedDDPMCore.base.distance import signed_distance
from MedDDPMCore.base.errors import TrainingError
from MedDDPMCore.base.pictures import save_png, three_planes
from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.lesions.simulation import LesionSettings
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.samples import NO_AUGMENTATION, Samples
from MedDDPMCore.volumes.grid import ModelGrid
from MedDDPMCore.volumes.volume import Volume, resample_image, resample_labels

SHELLS = {"-12..-6": (-12, -6), "-6..-3": (-6, -3), "-3..0": (-3, 0), "0..3": (0, 3), "3..6": (3, 6),
          "6..10": (6, 10), "10..15": (10, 15), "15..20": (15, 20), "far": (25, 45)}  # fmt: skip
"""Distances in mm from the lesion's surface, negative inside."""
SMALLEST_ML = 0.2
TILE = 32
"""Half the side, in voxels of 2 mm, of what the sheet shows around a lesion."""
Measured = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--real", nargs="+", required=True)
    parser.add_argument("--heads", type=int, default=60)
    parser.add_argument("--thick", action="store_true")
    parser.add_argument("--sheet")
    args = parser.parse_args()
    data = PackedDataset.open(args.data)
    simulated, tiles = [], {"real": [], "simulated": []}
    real = real_lesions(args.real, data.grid, tiles["real"])
    samples = Samples(data, NO_AUGMENTATION, LesionSettings(probability=1.0))
    for case in range(min(args.heads, len(data.cases))):
        image, channels, _ = samples.draw(case, generator_for(5, case))
        picture, mask = image[0].numpy(), (channels[1] > 0).numpy()
        if args.thick:
            picture = thick_slices(picture)
        collect(picture, mask, mask | (channels[0] > 0).numpy(), data.grid.spacing, simulated, tiles["simulated"])
    print(table({"real": real, "simulated": simulated}))
    if args.sheet:
        save_png(args.sheet, sheet(tiles["real"], tiles["simulated"]))


def load_real(path: Path, grid: ModelGrid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (z, y, x) -1..1, tumour mask and head (bool) on the model's grid."""
    volume = Volume.read(path)
    head = head_mask(volume)
    geometry = grid.geometry_for(head, [1])
    mask = Volume.read(path.with_name(path.name.replace("_t1c", "_tumor")), labels=True)
    inside = resample_labels(head, geometry).array > 0
    return robust(resample_image(volume, geometry).array, inside), resample_labels(mask, geometry).array > 0, inside


def thick_slices(image: np.ndarray, voxels: int = 3) -> np.ndarray:
    """The image (z, y, x) as a scan of thicker slices shows it."""
    slices = image.shape[0] // voxels * voxels
    means = image[:slices].reshape(-1, voxels, *image.shape[1:]).mean(axis=1).repeat(voxels, axis=0)
    return np.concatenate([means, image[slices:]])


def collect(image, mask, head, spacing, measured: list[Measured], tiles: list[np.ndarray]) -> None:
    if not mask.any():
        return
    try:
        brain, _ = brain_region(image + 1, head, spacing)
    except TrainingError:
        return
    lesion = filled(mask, spacing)
    white = white_matter(image + 1, head, lesion, spacing)
    ratio = (image + 1) / white
    tiles.append(tile(ratio - 1, lesion, spacing))
    parts = sitk.GetArrayFromImage(sitk.RelabelComponent(sitk.ConnectedComponent(as_image(lesion, spacing))))
    whole = measure(ratio, lesion, mask, brain | lesion, spacing)
    whole["parts"] = float(sum((parts == k).sum() * np.prod(spacing) / 1000 > 0.05 for k in range(1, parts.max() + 1)))
    if whole["ml"] >= SMALLEST_ML:
        measured.append(whole)


def measure(ratio: np.ndarray, lesion, mask, brain, spacing) -> Measured:
    """What is measured of one image's lesions; ratio (z, y, x): intensity over white matter."""
    inside = ratio[lesion]
    hole = lesion & ~mask
    found = {"ml": lesion.sum() * float(np.prod(spacing)) / 1000}
    found |= {f"p{p}": float(np.percentile(inside, p)) for p in (5, 25, 50, 75, 95)}
    found["SD inside"] = float(inside.std())
    found["share below 0.9"] = float((inside < 0.9).mean())
    found["mask"] = float(ratio[mask].mean())
    found["hole"] = float(ratio[hole].mean()) if hole.sum() > 20 else float("nan")
    distance = signed_distance(lesion, spacing)
    for name, (low, high) in SHELLS.items():
        shell = (distance > low) & (distance <= high) & brain
        found[name] = float(ratio[shell].mean()) if shell.sum() > 20 else float("nan")
    return found


def filled(mask: np.ndarray, spacing) -> np.ndarray:
    """The mask closed by 6 mm, with its holes filled in space and in each axial slice."""
    radius = [max(1, round(6 / s)) for s in spacing]
    padded = np.pad(mask, 8).astype(np.uint8)
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(sitk.GetImageFromArray(padded), radius, sitk.sitkBall))
    slices = [sitk.GetArrayFromImage(sitk.BinaryFillhole(closed[:, :, z])) for z in range(closed.GetSize()[2])]
    return np.stack(slices)[8:-8, 8:-8, 8:-8] > 0


def white_matter(image: np.ndarray, head: np.ndarray, lesion: np.ndarray, spacing) -> float:
    smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(as_image(image.astype(np.float32), spacing), 4.0))
    below_top = (np.flatnonzero(head.any(axis=(1, 2)))[-1] - np.arange(head.shape[0])[:, None, None]) * spacing[2]
    deep = (signed_distance(head, spacing) < -35) & (below_top > 40) & (below_top < 110)
    return float(np.percentile(smooth[deep & (signed_distance(lesion, spacing) > 15)], 80))


def as_image(array: np.ndarray, spacing) -> sitk.Image:
    image = sitk.GetImageFromArray(array.astype(np.uint8) if array.dtype == bool else array)
    image.SetSpacing(spacing)
    return image


def table(columns: dict[str, list[Measured]]) -> str:
    """Markdown: a column for each set of lesions measured."""
    lines = ["| | " + " | ".join(f"{name} ({len(rows)})" for name, rows in columns.items()) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name in next(rows for rows in columns.values() if rows)[0]:
        lines.append(f"| {name} | " + " | ".join(spread([row[name] for row in r]) for r in columns.values()) + " |")
    return "\n".join(lines)


def real_lesions(folders: list[str], grid: ModelGrid, tiles: list[np.ndarray]) -> list[Measured]:
    """Measured of each real scan of the folders."""
    found: list[Measured] = []
    for path in sorted(path for folder in folders for path in Path(folder).glob("*_t1c.nii.gz")):
        collect(*load_real(path, grid), grid.spacing, found, tiles)
    return found


def spread(values: list[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return "-"
    low, middle, high = np.percentile(known, (10, 50, 90))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def tile(image: np.ndarray, lesion: np.ndarray, spacing) -> np.ndarray:
    """Three planes through a lesion, uint8; white matter is mid-grey, 2.0 times that is white."""
    z = int(np.argmax(lesion.sum(axis=(1, 2))))
    centre = (z, *(int(np.median(indices)) for indices in np.nonzero(lesion[z])))
    around = tuple(slice(c, c + 2 * TILE) for c in centre)
    return three_planes(np.pad(image, TILE, constant_values=-1)[around], spacing, (TILE,) * 3, sides="")


def sheet(real: list[np.ndarray], simulated: list[np.ndarray], rows: int = 18) -> np.ndarray:
    """Real ones in the first column, simulated ones in the other three."""
    blank = np.zeros_like(real[0])
    columns = [real[:rows], *(simulated[k * rows : (k + 1) * rows] for k in range(3))]
    full = [np.concatenate(column + [blank] * (rows - len(column))) for column in columns]
    return np.concatenate([np.pad(column, ((0, 0), (0, 6)), constant_values=255) for column in full], axis=1)


if __name__ == "__main__":
    main()
