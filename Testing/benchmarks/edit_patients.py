"""How editing does on patients' MRI with contrast agent, of other scanners and voxels than the model was trained on.

    python Testing/benchmarks/edit_patients.py FOLDER... [--model default] [--sheet s.png]

A FOLDER holds NAME_t1c.nii.gz and NAME_tumor.nii.gz. For each patient: a ball of healthy brain, 30 mm or more from the
tumour, is taken out and filled (PSNR, SSIM within it; of thick slices, SSIM slice by slice), beside harmonic fill and
the mirrored hemisphere; a lesion of 6 ml is put in across the midline, the tumour enlarged to 1.4 times its diameter,
and removed. bias: the mean difference, in hundredths of the data range. detail: the median magnitude of what a Gaussian
of one voxel in the plane takes off, relative to the same place in the scan. contrast: mean in the lesion over that 1 to
7 mm around it, counted from air, beside that of the patient's own. level: mean where the tumour was over that in the
mirrored place. changed: voxels outside the region that differ (must be 0).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from edit import RADIUS_MM, seam
from skimage.metrics import structural_similarity

from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.editing.check import check_edit
from MedDDPMCore.editing.match import contrast, harmonic, matched
from MedDDPMCore.editing.plan import plan_edit
from MedDDPMCore.editing.run import run_edit
from MedDDPMCore.evaluation.metrics.bootstrap import mean_interval
from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.lesions.placement import brain_in_head, midsagittal_plane, random_points
from MedDDPMCore.lesions.shapes import bounding_box, shifted, transformed
from MedDDPMCore.lesions.tools import place, scale
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.volumes.volume import Volume, resample_image, resample_labels

LESION_ML, ENLARGED, AWAY_MM = 6.0, 1.4, 30.0
THICK_MM = 3.0
COLUMNS = ("PSNR", "SSIM", "PSNR harmonic", "SSIM harmonic", "PSNR mirror", "SSIM mirror", "bias", "detail", "seam",
           "contrast own", "contrast new", "contrast enlarged", "level removed", "changed", "s")  # fmt: skip


def agreement(image: np.ndarray, real: np.ndarray, region: np.ndarray, full: float, spacing) -> list[float]:
    """PSNR and SSIM within a region."""
    error = float(((image - real)[region] ** 2).mean())
    box = bounding_box(region, 8)
    if spacing[2] > THICK_MM:
        pairs = zip(image[box], real[box], strict=True)
        local = np.stack([structural_similarity(a, b, data_range=full, full=True)[1] for a, b in pairs])
    else:
        local = structural_similarity(image[box], real[box], data_range=full, full=True)[1]
    return [10 * np.log10(full**2 / max(error, 1e-12)), float(local[region[box]].mean())]


def fineness(image: np.ndarray, where: np.ndarray, spacing) -> float:
    variance = [1.0, 1.0, 0.0 if spacing[2] > THICK_MM else 1.0]
    smooth = sitk.DiscreteGaussian(sitk.GetImageFromArray(image), variance, 32, [0.01] * 3, False)
    return float(np.median(np.abs(image - sitk.GetArrayFromImage(smooth))[where]))


def masks(mri: Volume, tumor: Volume, seed: int) -> dict[str, tuple[Volume, Volume | None, Volume | None]]:
    """What is edited: name -> mask, source, edit mask."""
    body, geometry = head_mask(mri).array, mri.geometry
    own = Volume(np.where((tumor.array > 0) & (body > 0), 2, body).astype(np.uint8), geometry)
    healthy = Volume((body > 0).astype(np.uint8), geometry)
    points = geometry.to_world(np.argwhere(own.array == 2)[:, ::-1])
    points = points[:: max(1, len(points) // 800)]
    generator = np.random.default_rng(seed)
    places = random_points(brain_in_head(healthy), np.zeros((0, 4)), 16.0, 400, generator)
    centre = next(p for p in places if np.linalg.norm(points - p, axis=1).min() > AWAY_MM)
    everywhere = geometry.to_world(np.argwhere(np.ones(geometry.shape, bool))[:, ::-1])
    ball = (np.linalg.norm(everywhere - centre, axis=1) < RADIUS_MM).reshape(geometry.shape)
    across = (midsagittal_plane(healthy).reflection @ np.append(points.mean(axis=0), 1))[:3]
    return {
        "healthy": (own, None, Volume(ball.astype(np.uint8), geometry)),
        "remove": (healthy, own, None),
        "insert": (place(own, simulated_shape(LESION_ML, seed, 2), at=across).mask, own, None),
        "enlarge": (scale(own, ENLARGED).mask, own, None),
    }


def figures(mri: Volume, wanted: dict, results: dict) -> list[float]:
    """One row of COLUMNS but the seconds. results: name -> (plan, image float32)."""
    real, spacing = mri.array.astype(np.float32), mri.geometry.spacing
    own, head = wanted["remove"][1].array == 2, wanted["healthy"][0].array > 0
    full, air = float(np.percentile(real[head], 99.5)), float(np.percentile(real[~head], 1))
    plan, image = results["healthy"]
    region, inside = plan.region, plan.weight > 0.5
    reflection = midsagittal_plane(wanted["remove"][0]).reflection
    box = bounding_box(region, 1)
    smooth = real.copy()
    smooth[box] = harmonic(real[box], region[box])
    known = np.clip((real - air) / (full - air) * 1.6 - 1, -1, 1)
    box = bounding_box(region, 16)
    part = shifted(mri.geometry, np.array([side.start for side in box[::-1]]), region[box].shape)
    other = resample_image(transformed(Volume(known, mri.geometry), reflection), part, -1.0).array
    other = matched(other, known[box], region[box].astype(np.float32), head[box], spacing)
    mirrored = real.copy()
    mirrored[box] = np.where(region[box], (other + 1) / 1.6 * (full - air) + air, real[box])
    row = [v for i in (image, smooth, mirrored) for v in agreement(i, real, region, full, spacing)]
    row.append(100 * float((image - real)[region].mean()) / full)
    row.append(fineness(image, inside, spacing) / fineness(real, inside, spacing))
    row.append(seam(image, region) / seam(real, region))
    for name, lesion in (("remove", own), ("insert", wanted["insert"][0].array == 2), ("enlarge", None)):
        lesion = wanted["enlarge"][0].array == 2 if lesion is None else lesion & ~own if name == "insert" else lesion
        shown = real if name == "remove" else results[name][1]
        row.append(contrast(shown - air, lesion, head & ~lesion, spacing)[0])
    mirrored = Volume(own.astype(np.uint8), mri.geometry)
    mirrored = resample_labels(transformed(mirrored, reflection), mri.geometry).array > 0
    row.append(float((results["remove"][1][own].mean() - air) / (real[mirrored & ~own].mean() - air)))
    row.append(sum(int((made != real)[~plan.region].sum()) for plan, made in results.values()))
    return row


def picture(mri: Volume, results: dict) -> np.ndarray:
    """Each edit's fullest slice: the scan beside what became of it."""
    real = mri.array.astype(np.float32)
    low, high = np.percentile(real, (1, 99.5))
    shown = []
    for plan, made in results.values():
        z = int(np.argmax(plan.region.sum(axis=(1, 2))))
        shown += [np.clip((image[z] - low) / (high - low), 0, 1) * 255 for image in (real, made)]
    return np.concatenate(shown, axis=1).astype(np.uint8)


def main() -> None:
    from MedDDPMCore.base.pictures import save_png

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--suffix", default="_t1c.nii.gz", help="of the images to take, such as _v1_t1c.nii.gz")
    parser.add_argument("--sheet")
    args = parser.parse_args()
    model, rows, pictures = load_model(args.model), [], []
    paths = [path for folder in args.folders for path in sorted(folder.glob(f"*{args.suffix}"))]
    print("| patient | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1), flush=True)
    for number, path in enumerate(paths):
        mri = Volume.read(path)
        tumor = Volume.read(str(path).replace("_t1c.", "_tumor."), labels=True)
        wanted, results, started = masks(mri, tumor, number), {}, time.monotonic()
        for name, (mask, source, region) in wanted.items():
            plan = plan_edit(model, check_edit(model.spec, mri, mask, source=source, edit_mask=region))
            *_, (_, made) = run_edit(model, plan, Settings(seed=number))
            results[name] = plan, made.volume.array.astype(np.float32)
        rows.append([*figures(mri, wanted, results), (time.monotonic() - started) / len(wanted)])
        print(f"| {path.name} | " + " | ".join(f"{value:.3f}" for value in rows[-1]) + " |", flush=True)
        pictures.append(picture(mri, results))
    report(rows)
    if args.sheet:
        widest = max(p.shape[1] for p in pictures)
        save_png(args.sheet, np.concatenate([np.pad(p, ((0, 4), (0, widest - p.shape[1]))) for p in pictures]))


def report(rows: list[list[float]]) -> None:
    """Mean of the patients with its 95 % bootstrap interval."""
    for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True):
        found = mean_interval(values)
        print(f"{name}: {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), n = {len(values)}")


if __name__ == "__main__":
    main()
