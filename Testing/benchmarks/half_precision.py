"""How far bfloat16 takes the bundled model from float32, at equal seed: relative L2, counted from air.

python Testing/benchmarks/half_precision.py [--steps N] [--device cpu]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from MedDDPMCore.synthesis.synthesize import load_model
from MedDDPMCore.volumes.volume import Volume

MASK = Path(__file__).resolve().parents[2] / "Resources/masks/one_tumor.nii.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="default: the model's own")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    mask = Volume.read(MASK, labels=True)
    walks = []
    for precision in ("float32", "bfloat16"):
        images = [
            p.images.float().cpu() + 1
            for p in load_model("default", args.device, precision).steps(mask, steps=args.steps)
        ]
        walks.append((images[0], images[-1]))
    for name, exact, half in zip(("first step", "final image"), *walks, strict=True):
        print(f"{name}: {float((half - exact).norm() / exact.norm()):.4f}")


if __name__ == "__main__":
    main()
