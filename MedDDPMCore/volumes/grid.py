"""The grid a model was trained on, and where it lies in the world for a given mask.

Placement, in the mask's own upright frame (an oblique mask's grid is as oblique as the mask):
- A mask that already has the grid's shape and spacing keeps its own voxels (flipped and permuted to the grid's axes).
- "head_top": the top of the head lies 10 mm below the grid's top; left-right and front-back, the grid is centred on
  the part of the head that it can hold, so necks and shoulders of any length do not move it.
- "head_centre": the grid is centred on the head in all three directions.
A mask with the grid's spacing is placed on whole voxels, so that it is copied and not interpolated. What lies outside
the grid is background to the model; `warnings_for` says how much that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from MedDDPMCore.base.errors import LabelError, ModelError, VolumeError
from MedDDPMCore.base.typed_json import from_json, one_of, to_json, within
from MedDDPMCore.volumes.geometry import Geometry, direction_of_axes, triple
from MedDDPMCore.volumes.volume import Volume, reorient, resample_labels, where_labels

PLACEMENTS = ("head_top", "head_centre")
_Size = Annotated[int, within(1, 2048)]
TOP_MARGIN_MM = 10.0
_SPECK = 0.005
"""A slice belongs to the head if it holds at least this share of what the fullest slice holds."""
_OVERFLOW = 0.03
"""Share of the grid's width or depth by which a head may exceed it before a warning."""
_MOST_UPRIGHT = 64
"""So many times the voxels of a leaning volume may an upright one around it have; of a tilted gantry it has twice."""
_SIDES = {"L": "left", "R": "right", "A": "front", "P": "back", "S": "top", "I": "bottom"}
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class ModelGrid:
    """shape: voxels (z, y, x). spacing: mm (x, y, z). placement: "head_top" or "head_centre".

    axes: where the array's x, y, z axes point in the patient; "RAS" (x to the Right, y Anterior, z Superior, as in
    RAS+ NIfTI files) unless the model was trained otherwise.
    """

    shape: tuple[_Size, _Size, _Size]
    spacing: tuple[float, float, float]
    placement: Annotated[str, one_of(PLACEMENTS)] = "head_top"
    axes: str = "RAS"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "spacing", tuple(float(s) for s in self.spacing))
        if len(self.shape) != 3 or len(self.spacing) != 3 or min(*self.shape, *self.spacing) <= 0:
            raise ModelError(f"A model grid needs three positive sizes and spacings, not {self.shape}, {self.spacing}.")
        if self.placement not in PLACEMENTS:
            raise ModelError(f"Unknown grid placement {self.placement!r}: use {' or '.join(PLACEMENTS)}.")
        if self.axes[2:] not in ("S", "I"):
            raise ModelError(f"The grid's z axis must run along the body (S or I), not {self.axes!r}.")
        direction_of_axes(self.axes)

    def to_dict(self) -> dict:
        """As plain data for model.json."""
        return to_json(self)

    @classmethod
    def from_dict(cls, data: dict) -> ModelGrid:
        """From what `to_dict` gave; ModelError names the entry that is wrong."""
        return from_json(cls, data, "The model's grid", ModelError)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """The grid's size (x, y, z), voxel edge to voxel edge."""
        return triple(n * s for n, s in zip(self.shape[::-1], self.spacing, strict=True))

    def geometry_for(self, mask: Volume, head_values: Iterable[int]) -> Geometry:
        """Where the grid lies for this mask: labels (z, y, x), of which `head_values` make up the head.

        Raises LabelError if the mask holds none of them.
        """
        upright = reorient(mask, self.axes)
        own = upright.geometry
        if own.is_orthogonal and own.shape == self.shape and np.allclose(own.spacing, self.spacing, atol=1e-3):
            return own
        upright = _unsheared(upright)
        own = upright.geometry
        head = _head(upright, head_values)
        spacing, size = np.array(self.spacing), np.array(self.shape[::-1])
        low, high = _head_box(head, self._visible_slices(head, own))
        corner = ((low + high) * own.spacing - size * spacing) / 2
        if self.placement == "head_top" and self.axes[2] == "S":
            corner[2] = high[2] * own.spacing[2] + TOP_MARGIN_MM - self.extent_mm[2]
        elif self.placement == "head_top":
            corner[2] = low[2] * own.spacing[2] - TOP_MARGIN_MM
        first = (corner + spacing / 2) / own.spacing - 0.5
        if np.allclose(own.spacing, spacing, atol=1e-3):
            first = np.floor(first + 0.5 - 1e-6)
        return Geometry(self.shape, self.spacing, tuple(own.to_world(first)), own.direction)

    def warnings_for(self, mask: Volume, geometry: Geometry, head_values: Iterable[int]) -> list[str]:
        """What of the head does not fit into `geometry`, in words; [] if all does. A neck below it is no concern."""
        upright = _unsheared(reorient(mask, self.axes))
        own = upright.geometry
        head = _head(upright, head_values)
        low, high = _head_box(head, self._visible_slices(head, own))
        grid_low = own.to_index(geometry.to_world(np.full(3, -0.5))) + 0.5
        grid_high = own.to_index(geometry.to_world(np.array(geometry.size) - 0.5)) + 0.5
        warnings = []
        for axis, letter in enumerate(self.axes):
            below, above = grid_low[axis] - low[axis], high[axis] - grid_high[axis]
            for side, excess in ((_OPPOSITE[letter], below), (letter, above)):
                excess_mm = float(excess * own.spacing[axis])
                if side != "I" and excess_mm > _OVERFLOW / 2 * self.extent_mm[axis]:
                    warnings.append(
                        f"The head reaches {excess_mm / 10:.1f} cm beyond the model's field of view at the "
                        f"{_SIDES[side]}; that part is left out."
                    )
        return warnings

    def _visible_slices(self, head: np.ndarray, own: Geometry) -> slice:
        """The slices of an upright head (z, y, x) that the grid, hung from the top of the head, can hold."""
        low, high = _span(np.count_nonzero(head, axis=(1, 2)))
        if self.placement == "head_centre":
            return slice(low, high)
        length = int(np.ceil((self.extent_mm[2] - TOP_MARGIN_MM) / own.spacing[2]))
        return slice(max(low, high - length), high) if self.axes[2] == "S" else slice(low, min(high, low + length))


def _head(mask: Volume, head_values: Iterable[int]) -> np.ndarray:
    """Where the mask is head (z, y, x), bool. Raises LabelError if nowhere."""
    values = list(head_values)
    head = where_labels(mask.array, values)
    if not head.any():
        raise LabelError(f"The mask has no head: none of its voxels is labelled {' or '.join(map(str, values))}.")
    return head


def _span(counts: np.ndarray) -> tuple[int, int]:
    """First and one past the last entry that is more than specks."""
    used = np.flatnonzero(counts >= max(1, _SPECK * counts.max()))
    return int(used[0]), int(used[-1]) + 1


def _head_box(head: np.ndarray, slices: slice) -> tuple[np.ndarray, np.ndarray]:
    """Bounding box (x, y, z edges in voxels, from the corner of the array) of the head, whose x and y are those of the
    given slices."""
    low, high = _span(np.count_nonzero(head, axis=(1, 2)))
    visible = head[slices]
    y_low, y_high = _span(np.count_nonzero(visible, axis=(0, 2)))
    x_low, x_high = _span(np.count_nonzero(visible, axis=(0, 1)))
    return np.array([x_low, y_low, low], float), np.array([x_high, y_high, high], float)


def _unsheared(mask: Volume) -> Volume:
    """The mask itself, or if its axes are not at right angles, resampled to the closest frame in which they are."""
    own = mask.geometry
    if own.is_orthogonal:
        return mask
    frame = own.orthonormal_direction()
    corners = own.to_world(own.corners) @ frame
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.ceil((high - low) / own.spacing) + 1
    if np.prod(size) > _MOST_UPRIGHT * max(mask.array.size, 1000):
        raise VolumeError(
            "The volume's axes lean so much that no scanner can have made it.",
            "Its header is damaged: export the image again, or correct it in 3D Slicer (module Volumes).",
        )
    size = size.astype(int)
    return resample_labels(mask, Geometry(tuple(size[::-1]), own.spacing, tuple(frame @ low), frame))
