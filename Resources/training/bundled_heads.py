"""Lists the heads that the bundled model is trained on, with their brains, for `medddpm prepare`.

    python Resources/training/bundled_heads.py DATA OUT
    medddpm prepare OUT/heads.csv packed --config Resources/training/default.json --training-data … --licence …

The second command is printed whole: it holds what the bundled model says of its training.

DATA holds ixi_t1_2mm (IXI heads at 2 mm, ID_T1.nii.gz and ID_head.nii.gz), ixi_dlmuse (their DLMUSE labels,
ID_dlmuse.nii.gz) and t1_other (T1 heads of other scanners, ID_T1.nii.gz). OUT gets brain/ID.nii.gz, made of the labels:
1 where lesions may be simulated, 2 in ventricles, cerebrospinal fluid and brain stem; and heads.csv. Every eighth IXI
head and every sixth of the others, in the order of their names, are held out.
"""

from __future__ import annotations

import csv
import shlex
import sys
from pathlib import Path

import numpy as np

from MedDDPMCore.volumes.volume import Volume

WITHOUT_LESIONS = (1, 4, 11, 35, 49, 50, 51, 52)
"""DLMUSE: cortical CSF, third and fourth ventricle, brain stem, inferior lateral and lateral ventricles."""
ABOUT = {
    "training_data": "T1 heads of healthy adults (IXI, Hammersmith 3T) and of other scanners, openly licensed, at 2 "
    "mm, with simulated enhancing lesions",
    "licence": "CC BY-SA 4.0. Trained on the IXI dataset (brain-development.org, CC BY-SA 3.0) and openly licensed "
    "heads. Research only, not for diagnosis.",
    "notes": "T1-like contrast, simulated lesions, healthy adults. See Documentation/model_card.md.",
}
IXI_HELD_OUT, OTHER_HELD_OUT = 8, 6


def main(data: Path, out: Path) -> None:
    (out / "brain").mkdir(parents=True, exist_ok=True)
    rows = []
    for folder, every in (("ixi_t1_2mm", IXI_HELD_OUT), ("t1_other", OTHER_HELD_OUT)):
        for k, image in enumerate(sorted((data / folder).resolve().glob("*_T1.nii.gz"))):
            case = image.name.removesuffix("_T1.nii.gz")
            head = image.with_name(f"{case}_head.nii.gz")
            split = "validation" if k % every == every - 1 else "train"
            brain = _brain(data / "ixi_dlmuse" / f"{case}_dlmuse.nii.gz", out / "brain" / f"{case}.nii.gz")
            rows.append([case, image, head if head.exists() else "", brain, split])
    with open(out / "heads.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "image", "head", "brain", "split"], *rows])
    print(f"{len(rows)} heads, {sum(row[-1] == 'validation' for row in rows)} held out: {out / 'heads.csv'}")
    command = [
        "medddpm",
        "prepare",
        str(out / "heads.csv"),
        "packed",
        "--config",
        "Resources/training/default.json",
    ]
    for name, text in ABOUT.items():
        command += [f"--{name.replace('_', '-')}", text]
    print(shlex.join(command))


def _brain(labels: Path, target: Path) -> Path | str:
    """Writes the brain that the labels tell of, and returns its path; "" where there are none."""
    if not labels.exists():
        return ""
    volume = Volume.read(labels, labels=True)
    brain = np.where(np.isin(volume.array, WITHOUT_LESIONS), 2, volume.array > 0).astype(np.uint8)
    Volume(brain, volume.geometry).write(target)
    return target.resolve()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
