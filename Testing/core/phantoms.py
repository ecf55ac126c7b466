"""Head phantoms with known geometry, for tests."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from MedDDPMCore.volumes.volume import Geometry, Volume

AXES = ["".join(axes) for trio in product("LR", "AP", "SI") for axes in permutations(trio)]
"""All 48 ways that array axes can run."""


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """3x3 rotation about x, then y, then z."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        turn = np.eye(3)
        first, second = [other for other in range(3) if other != axis]
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def box(spacing: tuple[float, float, float], extent: tuple[float, float, float], direction=None, centre=(0, 0, 0)):
    """A geometry of about `extent` mm (x, y, z) around `centre` (LPS mm); upright RAS unless a direction is given."""
    direction = np.diag([-1.0, -1.0, 1.0]) if direction is None else direction
    size = np.maximum(np.rint(np.array(extent) / spacing), 1).astype(int)
    origin = np.array(centre) - direction @ ((size - 1) / 2 * spacing)
    return Geometry(tuple(size[::-1]), spacing, tuple(origin), direction)


def world(geometry: Geometry) -> np.ndarray:
    """The LPS mm (z, y, x, 3) of every voxel."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij")
    return geometry.to_world(np.stack([x, y, z], axis=-1))


def head(geometry: Geometry, tumor=(20.0, 10.0, 15.0), radius=12.0, semi_axes=(70.0, 90.0, 80.0)) -> Volume:
    """An ellipsoid head (1) around the world's origin with a ball of tumour (2), uint8."""
    points = world(geometry)
    array = (((points / semi_axes) ** 2).sum(axis=-1) <= 1).astype(np.uint8)
    array[((points - tumor) ** 2).sum(axis=-1) <= radius**2] = 2
    return Volume(array, geometry)


def centre_of_mass(volume: Volume, label: int) -> np.ndarray:
    """LPS mm of the middle of a label."""
    where = np.stack(np.nonzero(volume.array == label)[::-1], axis=1)
    return volume.geometry.to_world(where.mean(axis=0))
