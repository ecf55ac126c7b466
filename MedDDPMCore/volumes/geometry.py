"""Geometry: where a voxel grid lies in the world.

Shapes are (z, y, x); sizes, points, spacings and indices are (x, y, z); the world is LPS, in mm.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from MedDDPMCore.base.errors import VolumeError

T = TypeVar("T")
Window = tuple[slice, slice, slice]
"""A part (z, y, x) of an array."""
_LPS_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
_LEAST_MM, _MOST_MM = 0.01, 200.0
"""Spacings beyond these are no voxels of a patient, but a damaged header or a wrong unit."""
_FLIP_XY = np.diag([-1.0, -1.0, 1.0, 1.0])


def triple(values: Iterable[T]) -> tuple[T, T, T]:
    """Three values as a tuple that type checkers know to have three; ValueError for more or fewer."""
    first, second, third = values
    return first, second, third


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where a voxel grid lies in the world.

    shape: voxels (z, y, x). spacing: mm (x, y, z). origin: centre of voxel (0, 0, 0), LPS mm. direction: 3x3, whose
    columns are the LPS unit vectors of the x, y and z array axes; left-handed and sheared frames are allowed, singular
    ones, and spacings below 0.01 or above 200 mm, raise VolumeError.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: np.ndarray

    def __post_init__(self) -> None:
        direction = np.array(self.direction, dtype=float).reshape(3, 3)
        direction.setflags(write=False)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "spacing", tuple(float(s) for s in self.spacing))
        object.__setattr__(self, "origin", tuple(float(o) for o in self.origin))
        object.__setattr__(self, "direction", direction)
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise VolumeError(f"A volume needs three dimensions of at least one voxel, not {self.shape}.")
        finite = np.isfinite([*self.spacing, *self.origin, *direction.ravel()]).all()
        if not finite or min(self.spacing) <= 0 or abs(np.linalg.det(direction)) < 1e-3:
            raise VolumeError(
                f"The volume's position is unusable: spacing {self.spacing}, origin {self.origin}, "
                f"direction {direction.tolist()}.",
                "Its header is damaged; export the image again, or correct it in 3D Slicer (module Volumes).",
            )
        if min(self.spacing) < _LEAST_MM or max(self.spacing) > _MOST_MM:
            sizes = " x ".join(f"{step:.4g}" for step in self.spacing)
            raise VolumeError(
                f"Voxels of {sizes} mm cannot be right (from {_LEAST_MM:g} to {_MOST_MM:g} mm are read).",
                "The header is damaged or in another unit; export the image again, or correct its spacing in 3D Slicer "
                "(module Volumes).",
            )

    @classmethod
    def from_affine_lps(cls, affine: np.ndarray, shape: tuple[int, int, int]) -> Geometry:
        """From a 4x4 matrix that takes an index (x, y, z, 1) to LPS mm, and a (z, y, x) shape."""
        affine = np.asarray(affine, dtype=float)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        direction = affine[:3, :3] / np.where(spacing > 0, spacing, 1)
        return cls(shape, triple(spacing), triple(affine[:3, 3]), direction)

    @classmethod
    def from_affine_ras(cls, affine: np.ndarray, shape: tuple[int, int, int]) -> Geometry:
        """From a NIfTI or MRML matrix that takes an index (x, y, z, 1) to RAS mm, and a (z, y, x) shape."""
        return cls.from_affine_lps(_FLIP_XY @ np.asarray(affine, dtype=float), shape)

    @property
    def affine_lps(self) -> np.ndarray:
        """4x4: index (x, y, z, 1) to LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = self.direction * self.spacing
        affine[:3, 3] = self.origin
        return affine

    @property
    def affine_ras(self) -> np.ndarray:
        """4x4: index (x, y, z, 1) to RAS mm."""
        return _FLIP_XY @ self.affine_lps

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels (x, y, z)."""
        return self.shape[::-1]

    @property
    def centre(self) -> np.ndarray:
        """The middle of the volume, LPS mm."""
        return self.to_world((np.array(self.size) - 1) / 2)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """The volume's size (x, y, z), voxel edge to voxel edge."""
        return triple(n * s for n, s in zip(self.size, self.spacing, strict=True))

    @property
    def voxel_ml(self) -> float:
        """The volume of one voxel, obliqueness and shear included."""
        return abs(float(np.linalg.det(self.affine_lps[:3, :3]))) / 1000

    def in_ml(self, voxels: int) -> str:
        """The volume of so many voxels as users are told it: "12.3 ml"."""
        ml = voxels * self.voxel_ml
        return "less than 0.1 ml" if ml < 0.1 else f"{ml:.1f} ml"

    @property
    def is_orthogonal(self) -> bool:
        """Whether the axes stand at right angles (to 1 in 1000)."""
        return bool(np.allclose(self.direction.T @ self.direction, np.eye(3), atol=1e-3))

    def to_world(self, index: npt.ArrayLike) -> np.ndarray:
        """Indices (..., 3) in x, y, z order to LPS mm (..., 3)."""
        return np.asarray(index, dtype=float) @ (self.direction * self.spacing).T + self.origin

    def to_index(self, world: npt.ArrayLike) -> np.ndarray:
        """LPS mm (..., 3) to continuous indices (..., 3) in x, y, z order."""
        inverse = np.linalg.inv(self.direction * self.spacing)
        return (np.asarray(world, dtype=float) - self.origin) @ inverse.T

    def matches(self, other: Geometry, tolerance: float = 1e-3) -> bool:
        """Whether both hold the same voxels: equal shapes, and corners within `tolerance` voxels of each other."""
        if self.shape != other.shape:
            return False
        return bool(np.abs(self.to_index(other.to_world(self.corners)) - self.corners).max() <= tolerance)

    @property
    def corners(self) -> np.ndarray:
        """The indices (8, 3) of the corner voxels, in x, y, z order."""
        return np.array(list(itertools.product(*((0.0, n - 1.0) for n in self.size))))

    def orthonormal_direction(self) -> np.ndarray:
        """The orthonormal 3x3 frame closest to `direction` (the same one unless the volume is sheared)."""
        left, _, right = np.linalg.svd(self.direction)
        return left @ right

    def reoriented(self, axes: str) -> Geometry:
        """The same voxels with array axes flipped and permuted to run as near as possible along `axes`.

        axes: three letters, where the x, y, z array axes point: "RAS" is x to the patient's Right, y to Anterior, z to
        Superior (nibabel's RAS+). The result has the handedness of `axes`.
        """
        return self.turned_to(direction_of_axes(axes))

    def turned_to(self, direction: np.ndarray) -> Geometry:
        """The same voxels with array axes flipped and permuted to run nearest a 3x3 LPS `direction`, also in hand."""
        frame = self.orthonormal_direction()
        choices = []
        for order in itertools.permutations(range(3)):
            for signs in itertools.product((1, -1), repeat=3):
                turn = np.eye(3)[:, order] * signs
                if np.linalg.det(frame @ turn) * np.linalg.det(direction) > 0:
                    choices.append((round(float(np.trace(direction.T @ frame @ turn)), 9), turn))
        turn = max(choices, key=lambda choice: choice[0])[1]
        steps = np.abs(turn).T
        first = np.where((turn < 0).any(axis=1), np.array(self.size) - 1, 0)
        return Geometry(
            shape=triple(np.rint(steps @ self.size).astype(int)[::-1]),
            spacing=triple(steps @ self.spacing),
            origin=triple(self.to_world(first)),
            direction=self.direction @ turn,
        )


def direction_of_axes(axes: str) -> np.ndarray:
    """The LPS direction matrix of array axes that run along three letters such as "RAS". Raises VolumeError."""
    if len(axes) != 3 or {letter in "LR" for letter in axes} != {True, False} or len(set(axes)) != 3:
        raise VolumeError(f"Axes must be three letters such as RAS or LPS, not {axes!r}.")
    direction = np.array([_LPS_AXES.get(letter, (0, 0, 0)) for letter in axes], dtype=float).T
    if abs(np.linalg.det(direction)) < 0.5:
        raise VolumeError(f"Axes must be three letters such as RAS or LPS, not {axes!r}.")
    return direction
