"""How far each voxel lies from a region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def signed_distance(inside: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance in mm (z, y, x) to the outermost voxels of a region, negative inside it.

    inside: (z, y, x), not 0 in the region. spacing: (x, y, z) in mm. By Maurer et al., "A Linear Time Algorithm for
    Computing Exact Euclidean Distance Transforms", 2003.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray((inside != 0).astype(np.uint8))
    image.SetSpacing([float(mm) for mm in spacing])
    return sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))
