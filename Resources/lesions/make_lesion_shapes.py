"""Draws the lesion shapes that come with the extension, as the training's simulation draws them, from fixed seeds.

    python Resources/lesions/make_lesion_shapes.py

Needs torch; placing the shapes does not.
"""

from __future__ import annotations

from pathlib import Path

from MedDDPMCore.lesions.library import simulated_shape
from MedDDPMCore.volumes.labels import WHOLE_HEAD

SHAPES = {"simulated_1": (4.0, 11), "simulated_2": (4.0, 12), "simulated_3": (4.0, 13), "simulated_4": (4.0, 14)}
"""Name -> ml and seed."""


def main() -> None:
    for name, (ml, seed) in SHAPES.items():
        value = WHOLE_HEAD.values[WHOLE_HEAD.lesions[0]]
        simulated_shape(ml, seed, value).write(Path(__file__).with_name(f"{name}.nii.gz"))


if __name__ == "__main__":
    main()
