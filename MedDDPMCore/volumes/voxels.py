"""What a volume's file holds, before it is a `Volume`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from MedDDPMCore.volumes.geometry import Geometry


class Voxels(NamedTuple):
    """An array (z, y, x) with its place in the world, and what its label values are called, when the file says so."""

    array: np.ndarray
    geometry: Geometry
    label_names: dict[int, str] | None = None
