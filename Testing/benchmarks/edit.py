"""How editing does on heads that the model was not trained on: healthy tissue put back where it was taken out, beside
trivial rivals; and a lesion put in.

    python Testing/benchmarks/edit.py PACKED_SET [--cases 6] [--model default] [--steps N] [--rounds 1] [--sheet s.png]

PACKED_SET is what `medddpm prepare` made of the training images. For each held-out case a ball of the brain is taken
out and filled: PSNR and SSIM (scikit-image; the data range is the head's 99.5th percentile) are those of the ball
against the tissue removed. harmonic: the function without curvature that the ball's surface bounds. mirror: the other
hemisphere, across the estimated midsagittal plane. mean: the mean training head. mirror and mean are matched to the
surroundings as the model's image is. seam: the mean step between neighbouring voxels across the region's border,
relative to the steps at the same places in the real head (1: no more than there). Then a lesion is put in: contrast is
its mean intensity over that of a 6 mm shell, from air up. changed: voxels outside the region that differ (must be 0).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from default_model import contrast
from skimage.metrics import structural_similarity

from MedDDPMCore.base.pictures import save_png, three_planes
from MedDDPMCore.editing.check import EditOptions, check_edit
from MedDDPMCore.editing.match import harmonic, matched
from MedDDPMCore.editing.plan import plan_edit
from MedDDPMCore.editing.run import run_edit
from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.lesions.placement import midsagittal_plane
from MedDDPMCore.lesions.shapes import bounding_box, transformed
from MedDDPMCore.lesions.tools import place
from MedDDPMCore.synthesis.synthesize import Settings, load_model
from MedDDPMCore.training.data.dataset import PackedDataset, from_bytes
from MedDDPMCore.volumes.volume import Geometry, Volume, resample_image

RADIUS_MM = 14.0
LESION_ML = 6.0
SCALE = 500


def seam(image: np.ndarray, region: np.ndarray) -> float:
    """Mean absolute step between neighbours of which one lies in the region and one outside."""
    steps = []
    for axis in range(3):
        across = np.diff(region.astype(np.int8), axis=axis) != 0
        steps.append(np.abs(np.diff(image, axis=axis))[across])
    return float(np.concatenate(steps).mean())


def agreement(image: np.ndarray, real: np.ndarray, region: np.ndarray, full: float) -> tuple[float, float]:
    """PSNR and SSIM within a region, by a data range."""
    error = float(((image - real)[region] ** 2).mean())
    window = bounding_box(region, 6)
    _, local = structural_similarity(image[window], real[window], data_range=full, full=True)
    return 10 * np.log10(full**2 / max(error, 1e-12)), float(local[region[window]].mean())


def edit(model, mri: Volume, mask: Volume, source, region, args, seed: int):
    started = time.monotonic()
    plan = plan_edit(
        model,
        check_edit(model.spec, mri, mask, source=source, edit_mask=region, options=EditOptions(rounds=args.rounds)),
    )
    *_, (_, result) = run_edit(model, plan, Settings(seed=seed, sampler=args.sampler, steps=args.steps))
    return plan, result.volume.array.astype(np.float32), time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--model", default="default")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sampler")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sheet")
    args = parser.parse_args()
    data, model = PackedDataset.open(args.data), load_model(args.model)
    z, y, x = data.grid.shape
    geometry = Geometry(data.grid.shape, data.grid.spacing, (float(x), float(y), -float(z)), np.diag([-1.0, -1.0, 1.0]))
    mean = np.mean([from_bytes(data.images[case][0]) for case in data.indices("train")[::4]], axis=0)
    points = np.argwhere(np.ones(geometry.shape, bool))[:, ::-1]
    rows, pictures = [], []
    methods = ("model", "harmonic", "mirror", "mean")
    names = [f"{kind} {method}" for method in methods for kind in ("PSNR", "SSIM")]
    names += ["seam, healthy", "contrast", "seam, lesion", "changed", "s"]
    print("| case | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1), flush=True)
    for case in data.indices("validation")[: args.cases]:
        real = np.rint((from_bytes(data.images[case][0]) + 1) * SCALE).astype(np.int16)
        head = Volume((data.labels[case] > 0).astype(np.uint8), geometry)
        mri = Volume(real, geometry)
        full = float(np.percentile(real[head.array > 0], 99.5))
        generator = np.random.default_rng(case)
        brain = np.argwhere(data.brain[case])[:, ::-1]
        centre = geometry.to_world(brain[generator.integers(len(brain))])
        near = np.linalg.norm(geometry.to_world(points) - centre, axis=1) < RADIUS_MM
        ball = Volume(near.reshape(geometry.shape).astype(np.uint8), geometry)
        plan, image, seconds = edit(model, mri, head, None, ball, args, case)
        region, inside = plan.region, head.array > 0
        known = real / np.float32(SCALE) - 1
        box = bounding_box(region, 1)
        filled = known.copy()
        filled[box] = harmonic(known[box], region[box])
        plane = midsagittal_plane(head)
        other = resample_image(transformed(Volume(known, geometry), plane.reflection), geometry, -1.0).array
        images = [image, (filled + 1) * SCALE]
        for rival in (other, mean.astype(np.float32)):
            images.append((matched(rival, known, region.astype(np.float32), inside, data.grid.spacing) + 1) * SCALE)
        row = [v for i in images for v in agreement(i.astype(np.float32), real.astype(np.float32), region, full)]
        row.append(seam(image, region) / seam(real.astype(np.float32), region))
        changed = int((image != real)[~region].sum())
        new = place(head, simulated_shape(LESION_ML, case, 2), seed=case).mask
        plan, sick, more = edit(model, mri, new, head, None, args, case)
        tumor = new.array == 2
        row.append(float(np.divide(*contrast(sick / SCALE - 1, tumor, inside))))
        row.append(seam(sick, plan.region) / seam(real.astype(np.float32), plan.region))
        row += [changed + int((sick != real)[~plan.region].sum()), (seconds + more) / 2]
        rows.append(row)
        print(f"| {data.cases[case].id} | " + " | ".join(f"{value:.3f}" for value in row) + " |", flush=True)
        for shown, where in (((real, image, images[1], images[2]), region), ((real, sick), tumor)):
            middle = tuple(int(v) for v in np.argwhere(where).mean(axis=0))
            shades = [three_planes(np.clip(v / full, 0, 1) * 1.8 - 1, data.grid.spacing, middle) for v in shown]
            pictures += shades
    spread = np.std(rows, axis=0, ddof=1) if len(rows) > 1 else np.zeros(len(names))
    print("| mean | " + " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)) + " |")
    print("| SD | " + " | ".join(f"{value:.3f}" for value in spread) + " |")
    print(f"\nmodel {model.spec.name} {model.spec.weights_sha256[:8]}, steps {args.steps or model.spec.steps}, "
          f"rounds {args.rounds}, {torch.get_num_threads()} threads, {model.device}")  # fmt: skip
    if args.sheet:
        save_png(args.sheet, np.concatenate(pictures, axis=0))


if __name__ == "__main__":
    main()
