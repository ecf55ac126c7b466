"""Makes the sample masks beside this file from a packed training set: smoothed head silhouettes with painted lesions.

python Resources/masks/make_sample_masks.py PACKED_SET
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.volumes.volume import Geometry, Volume

SMOOTHING_MM = 5.0
# lesions: centre as fractions of the brain's box (x to the right, y to the front, z up), radii in mm (x, y, z)
SAMPLES = {
    "healthy": (0, []),
    "one_tumor": (3, [((0.74, 0.62, 0.62), (15, 19, 14))]),
    "metastases": (
        7,
        [
            ((0.28, 0.72, 0.66), (7, 8, 7)),
            ((0.70, 0.30, 0.58), (10, 9, 10)),
            ((0.66, 0.74, 0.80), (5, 5, 5)),
            ((0.34, 0.24, 0.20), (6, 7, 5)),
        ],
    ),
}


def silhouette(labels: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """The outline of a head (z, y, x), smoothed until no one's features are left."""
    image = sitk.GetImageFromArray((labels > 0).astype(np.float32))
    image.SetSpacing(spacing)
    return sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, SMOOTHING_MM**2, 32)) > 0.5


def lumpy_ellipsoid(shape, centre, radii_voxels, phase: float) -> np.ndarray:
    """An ellipsoid (z, y, x) with a gently uneven surface."""
    grid = np.indices(shape).astype(np.float32)
    parts = [(grid[i] - centre[i]) / radii_voxels[i] for i in range(3)]
    bumps = 0.12 * np.sin(3 * parts[0] + phase) * np.cos(3 * parts[1] - phase) + 0.08 * np.sin(4 * parts[2] + 2 * phase)
    return np.sqrt(sum(p**2 for p in parts)) < 1 + bumps


def main() -> None:
    data = PackedDataset.open(sys.argv[1])
    spacing = data.grid.spacing
    geometry = Geometry(data.grid.shape, spacing, (95.0, 127.0, -127.0), np.diag([-1.0, -1.0, 1.0]))
    held_out = data.indices("validation")
    for name, (index, lesions) in SAMPLES.items():
        case = held_out[index]
        labels = silhouette(data.labels[case], spacing).astype(np.uint8)
        inside = np.nonzero(data.brain[case])
        low, high = (np.array([f(axis) for axis in inside]) for f in (np.min, np.max))
        for k, (place, radii) in enumerate(lesions):
            centre = low + np.array(place[::-1]) * (high - low)
            lesion = lumpy_ellipsoid(labels.shape, centre, np.array(radii[::-1]) / spacing[::-1], 1.0 + k)
            labels[lesion & (data.brain[case] > 0)] = 2
        Volume(labels, geometry).write(
            Path(__file__).with_name(f"{name}.nii.gz"), {"MedDDPM": "sample mask: 1 head, 2 tumor"}
        )
        print(name, data.cases[case].id, [f"{r[0] * r[1] * r[2] * 4.19 / 1000:.1f} ml" for _, r in lesions])


if __name__ == "__main__":
    main()
