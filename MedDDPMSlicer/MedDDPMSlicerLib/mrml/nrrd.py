"""Voxels to uncompressed NRRD files, a piece at a time."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from ..pieces import slabs
from .grids import NodeGrid

_NRRD_TYPES = {
    "u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32", "u8": "uint64",
    "i8": "int64", "f4": "float", "f8": "double",
}  # fmt: skip


def write_array(array: np.ndarray, geometry: NodeGrid, path: str) -> Generator[None, None, None]:
    """Write (k, j, i) voxels as an uncompressed NRRD file (LPS), exact for oblique and left-handed grids, in pieces."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ geometry.ijk_to_ras
    vectors = " ".join("({!r},{!r},{!r})".format(*map(float, lps[:3, axis])) for axis in range(3))
    origin = "({!r},{!r},{!r})".format(*map(float, lps[:3, 3]))
    header = (
        f"NRRD0004\ntype: {_NRRD_TYPES[array.dtype.str[1:]]}\nendian: little\n"
        "dimension: 3\nspace: left-posterior-superior\n"
        f"sizes: {' '.join(map(str, geometry.dimensions))}\nspace directions: {vectors}\n"
        f"kinds: domain domain domain\nencoding: raw\nspace origin: {origin}\n\n"
    )
    with open(path, "wb") as file:
        file.write(header.encode("ascii"))
        for slab in slabs(array):
            array[slab].tofile(file)
            yield
