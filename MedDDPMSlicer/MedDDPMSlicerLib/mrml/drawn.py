"""Whether a segmentation is still as it was when an image was made of it: a digest of the mask, kept with the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator

import numpy as np

from ..pieces import slabs
from ..roles import Role
from . import results, scene
from .grids import NodeGrid

KEY = "drawn"
"""What the attribute is called, after the prefix of all of them."""


def note_of(mask: scene.Mask) -> Generator[None, None, str]:
    """The mask's grid and the SHA-256 of its labels as text, yielding between slabs."""
    digest = hashlib.sha256()
    for slab in slabs(mask.array):
        digest.update(np.ascontiguousarray(mask.array[slab]))
        yield
    grid = mask.geometry
    return json.dumps([grid.dimensions, grid.ijk_to_ras.tolist(), grid.transform_id, digest.hexdigest()])


def is_drawn_so(
    volume, segmentation, roles: tuple[Role, ...], segments: dict[str, tuple[str, ...]]
) -> Generator[None, None, bool]:
    """Whether an image was made of these segments as they are now; also False where that is not known.

    LabelError where no mask can be made of them.
    """
    note = volume.GetAttribute(results.PREFIX + KEY)
    if note is None:
        return False
    dimensions, ijk_to_ras, transform_id, _digest = json.loads(note)
    grid = NodeGrid(tuple(dimensions), np.array(ijk_to_ras), transform_id)
    mask = yield from scene.mask_on(segmentation, roles, segments, grid)
    return note == (yield from note_of(mask))
