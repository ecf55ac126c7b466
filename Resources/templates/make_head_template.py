"""Makes the mean head mask beside this file from the training heads of a packed set.

python Resources/templates/make_head_template.py PACKED_SET
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from MedDDPMCore.training.data.dataset import PackedDataset
from MedDDPMCore.volumes.volume import Geometry, Volume

SMOOTHING_MM = 4.0

data = PackedDataset.open(sys.argv[1])
share = np.mean([np.asarray(data.labels[i] > 0, np.float32) for i in data.indices("train")], axis=0)
image = sitk.GetImageFromArray(share)
image.SetSpacing(data.grid.spacing)
smooth = sitk.GetArrayFromImage(sitk.DiscreteGaussian(image, SMOOTHING_MM**2))
extent = np.array(data.grid.extent_mm)
geometry = Geometry.from_affine_ras(
    np.diag([*data.grid.spacing, 1.0]) + np.pad(-(extent[:, None] - data.grid.spacing[0]) / 2, ((0, 1), (3, 0))),
    data.grid.shape,
)
Volume((smooth > 0.5).astype(np.uint8), geometry).write(Path(__file__).with_name("head.nii.gz"))
