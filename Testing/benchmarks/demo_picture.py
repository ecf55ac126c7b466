"""The README's picture: the sample masks above, what the bundled model makes of them below.

python Testing/benchmarks/demo_picture.py Resources/Screenshots/demo.png [--seed 0]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from MedDDPMCore.base.pictures import overview, save_png
from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.volumes.volume import Volume

MASKS = Path(__file__).resolve().parents[2] / "Resources" / "masks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    model = load_model(args.model)
    pictures = []
    for name in ("healthy", "one_tumor", "metastases"):
        mask = Volume.read(MASKS / f"{name}.nii.gz", labels=True)
        *_, progress = model.steps(mask, seed=args.seed)
        image = progress.images[0, 0].float().cpu().numpy()
        pictures.append(overview(progress.plan.labels, image, model.spec.grid.spacing, 2))
    save_png(args.out, np.concatenate(pictures, axis=1))


if __name__ == "__main__":
    main()
