"""The head in an MRI, by the core's own method. SimpleITK comes with Slicer; torch is not needed."""

from __future__ import annotations

import numpy as np

from . import grids


def head_array(volume_node) -> np.ndarray:
    """The head as a (k, j, i) array of 0 and 1 on the volume's own voxels."""
    from MedDDPMCore.anatomy.head import head_mask
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.volume import Volume

    grid = grids.geometry_of_volume(volume_node)
    geometry = Geometry.from_affine_ras(grid.ijk_to_ras, grid.dimensions[::-1])
    mask = head_mask(Volume(grids.array_of_volume(volume_node), geometry))
    return (mask.array > 0).astype(np.uint8)
