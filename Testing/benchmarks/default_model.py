"""How the bundled model does on heads that it was not trained on: does the head fill its mask, does the tumour
enhance, how long it takes.

    python Testing/benchmarks/default_model.py PACKED_SET [--cases 6] [--model default] [--sheet sheet.png]

PACKED_SET is what `medddpm prepare` made of the training images. For each held-out case it synthesizes from the
case's own head mask
with one simulated lesion, and prints a Markdown table: Dice of a head mask found in the synthetic image against the
mask given; mean
intensity (air 0, white 2) in the tumour, in a 6 mm shell around it, and the ratio of the two, beside the same ratio
in the image that
the lesion was simulated in; seconds. The sheet shows each synthetic image above the real head of the same outline.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import SimpleITK as sitk
import torch

from MedDDPMCore.anatomy.head import head_mask
from MedDDPMCore.base.pictures import save_png, three_planes
from MedDDPMCore.base.randomness import generator_for
from MedDDPMCore.lesions.simulation import LesionSettings
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.training.data.samples import NO_AUGMENTATION, Samples
from MedDDPMCore.volumes.volume import Geometry, Volume

SHELL_VOXELS = 3


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def contrast(image: np.ndarray, tumor: np.ndarray, head: np.ndarray) -> tuple[float, float]:
    """Mean intensity, counted from air, in the tumour and in the shell of head around it."""
    grown = sitk.BinaryDilate(sitk.GetImageFromArray(tumor.astype(np.uint8)), [SHELL_VOXELS] * 3, sitk.sitkBall)
    shell = (sitk.GetArrayFromImage(grown) > 0) & ~tumor & head
    return float(image[tumor].mean() + 1), float(image[shell].mean() + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--model", default="default")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--sampler")
    parser.add_argument("--sheet")
    args = parser.parse_args()
    data = PackedDataset.open(args.data)
    model = load_model(args.model)
    samples = Samples(data, NO_AUGMENTATION, LesionSettings(probability=1.0, several=0.0, smallest_ml=2.0))
    z, y, x = data.grid.shape
    geometry = Geometry(data.grid.shape, data.grid.spacing, (float(x), float(y), -float(z)), np.diag([-1.0, -1.0, 1.0]))
    rows, pictures = [], []
    print(
        "| case | head Dice | tumour ml | tumour | shell | ratio | ratio in the simulated image | s |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for case in data.indices("validation")[: args.cases]:
        real, channels, _ = samples.draw(case, generator_for(11, case))
        labels = (channels[0] > 0).numpy().astype(np.uint8) + 2 * (channels[1] > 0).numpy().astype(np.uint8)
        started = time.monotonic()
        [result] = model.synthesize(Volume(labels, geometry), seed=case, steps=args.steps, sampler=args.sampler)
        seconds = time.monotonic() - started
        image = result.volumes[model.spec.modalities[0]].array
        tumor, head = labels == 2, labels > 0
        found = head_mask(Volume(image + 1, geometry)).array > 0
        inside, outside = contrast(image, tumor, head)
        simulated = np.divide(*contrast(real[0].numpy(), tumor, head))
        millilitres = tumor.sum() * np.prod(data.grid.spacing) / 1000
        rows.append([dice(found, head), millilitres, inside, outside, inside / outside, simulated, seconds])
        print(f"| {data.cases[case].id} | " + " | ".join(f"{value:.3f}" for value in rows[-1]) + " |", flush=True)
        centre = tuple(int(v) for v in np.argwhere(tumor).mean(axis=0))
        pictures.append(np.concatenate([three_planes(v, data.grid.spacing, centre) for v in (image, real[0].numpy())]))
    print("| mean | " + " | ".join(f"{value:.3f}" for value in np.mean(rows, axis=0)) + " |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"\npeak memory {peak:.2f} GB, {torch.get_num_threads()} threads, {model.device}, {model.precision}, "
        f"torch {torch.__version__}"
    )
    if args.sheet:
        save_png(args.sheet, np.concatenate(pictures, axis=0))


if __name__ == "__main__":
    main()
