"""NRRD files in (.nrrd, .nhdr, 3D Slicer's .seg.nrrd), after https://teem.sourceforge.net/nrrd/format.html."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from MedDDPMCore.volumes.decoding import data_file, decoding, unpack
from MedDDPMCore.volumes.geometry import Geometry, triple
from MedDDPMCore.volumes.segments import merge_layers
from MedDDPMCore.volumes.voxels import Voxels, arranged, in_mm, spatial_axes, warn, warn_of_axes, warn_of_place

_LONGEST_HEADER = 1 << 22
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}
_PACKINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SPACES = {"left": 1.0, "right": -1.0, "posterior": 1.0, "anterior": -1.0, "superior": 1.0, "inferior": -1.0}
"""The sign that turns an axis of a named space into LPS."""


def read(path: Path, labels: bool) -> Voxels:
    """A NRRD (z, y, x), for labels also (z, y, x, channel); layers of segments are merged; see `files.read`."""
    with decoding(path):
        fields, pairs, start = _header(path)
        sizes = [int(n) for n in fields["sizes"].split()]
        if len(sizes) != int(fields["dimension"]) or min(sizes) < 1 or len(sizes) > 16:
            raise ValueError(f"sizes {fields['sizes']} for {fields['dimension']} dimensions")
        vectors = _vectors(fields, len(sizes))
        kinds = fields.get("kinds", "").split()
        inner = [
            axis
            for axis in range(len(sizes))
            if (vectors and vectors[axis] is None) or kinds[axis : axis + 1] == ["list"] or _is_value(kinds, axis)
        ]
        inner = inner if len(sizes) - len(inner) >= 2 and len(inner) < 2 else []
        components = sizes[inner[0]] if inner else 1
    shape = tuple(n for axis, n in enumerate(sizes) if axis not in inner)
    segmented = path.name.lower().endswith(".seg.nrrd") or "Segment0_ID" in pairs
    axes, channel = spatial_axes(path, shape, labels or segmented, components)
    with decoding(path):
        array = _data(path, fields, start, sizes)
        if inner:
            array = np.moveaxis(array, inner[0], -1)
            channel = len(shape) if components > 1 else channel
        spatial = [axis for axis in range(len(sizes)) if axis not in inner]
        kept = [spatial[axis] for axis in axes]
        geometry = _geometry(path, fields, vectors, [sizes[axis] for axis in kept], kept)
    array = arranged(array, axes, channel)
    if not segmented:
        return Voxels(array, geometry)
    with decoding(path):
        merged, names = merge_layers(array if array.ndim == 4 else array[..., None], pairs, path)
    return Voxels(merged, geometry, names)


def _is_value(kinds: list[str], axis: int) -> bool:
    return axis < len(kinds) and bool(re.search("color|vector|complex|normal|gradient|quaternion|matrix", kinds[axis]))


def _header(path: Path) -> tuple[dict[str, str], dict[str, str], int]:
    """The fields and key/value pairs of a header, and where the data starts if it follows."""
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    first = True
    with path.open("rb") as stream:
        while stream.tell() < _LONGEST_HEADER:
            raw = stream.readline(_LONGEST_HEADER)
            line = raw.decode("utf-8", "replace").strip("\r\n")
            if first and not line.startswith("NRRD"):
                raise ValueError("it does not begin as a NRRD does")
            if not raw or (not first and not line):
                return fields, pairs, stream.tell()
            key, separator, value = line.partition(":")
            if not first and separator and not line.startswith("#"):
                if value.startswith("="):
                    pairs[key] = value[1:].replace("\\n", "\n")
                else:
                    fields[key.strip().lower()] = value.strip()
            first = False
    raise ValueError("its header has no end")


def _vectors(fields: dict[str, str], dimension: int) -> list[np.ndarray | None] | None:
    """A space direction for each axis, None for axes of values; None if the header states no directions."""
    if "space directions" not in fields:
        return None
    parts = re.findall(r"none|\([^)]*\)", fields["space directions"], re.IGNORECASE)
    vectors = [None if text.lower() == "none" else _numbers(text) for text in parts]
    if len(vectors) != dimension:
        raise ValueError(f"{len(vectors)} space directions for {dimension} axes")
    return [None if vector is None or np.isnan(vector).all() else vector for vector in vectors]


def _numbers(text: str) -> np.ndarray:
    return np.array([float(part) for part in text.strip("() ").split(",")])


def _geometry(path: Path, fields: dict, vectors: list | None, size: list[int], axes: list[int]) -> Geometry:
    space = fields.get("space", "").lower().replace("_", "-")
    letters = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
    named = letters.get(space.removesuffix("t"), space).removesuffix("-time").split("-")
    known = len(named) == 3 and all(word in _SPACES for word in named)
    if not known:
        lack = f"names no space of a patient ({space})" if space else "names no space"
        warn_of_axes(path, f"its header {lack}")
    elif not vectors:
        warn_of_axes(path, "its header has no space directions")
    signs = np.array([_SPACES[word] for word in named]) if known else np.ones(3)
    affine = np.eye(4)
    if vectors:
        affine[:3, :3] = np.array([vectors[axis][:3] for axis in axes]).T
    else:
        steps = fields.get("spacings", "").split()
        if not steps or "nan" in [steps[axis].lower() for axis in axes]:
            warn(f"{path} does not state its voxel size; 1 mm is taken.")
        else:
            affine[:3, :3] = np.diag([float(steps[axis]) for axis in axes])
    if "space origin" in fields:
        affine[:3, 3] = _numbers(fields["space origin"])[:3]
    elif known and vectors:
        warn_of_place(path)
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    affine[:3] *= signs[:, None] * in_mm(units[0] if units else "mm")
    return Geometry.from_affine_lps(affine, triple(size[::-1]))


def _data(path: Path, fields: dict[str, str], start: int, sizes: list[int]) -> np.ndarray:
    """The values in the file's axis order (x, y, z, …)."""
    kind = _TYPES[fields["type"].lower()]
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    dtype = np.dtype(order + kind)
    count = int(np.prod(sizes, dtype=object))
    source = path
    named = fields.get("data file", fields.get("datafile"))
    if named:
        source, start = data_file(path, named), 0
    encoding = fields["encoding"].lower()
    if encoding in ("txt", "text", "ascii"):
        with source.open("rb") as stream:
            stream.seek(start)
            values = np.array(stream.read().split(), dtype=dtype.newbyteorder("="))
        return values.reshape(sizes, order="F")
    skipped = int(fields.get("line skip", fields.get("lineskip", 0)))
    with source.open("rb") as stream:
        stream.seek(start)
        for _ in range(skipped):
            if not stream.readline():
                raise ValueError("its data ends within the lines to skip")
        start = stream.tell()
    before = int(fields.get("byte skip", fields.get("byteskip", 0)))
    packing = _PACKINGS[encoding]
    length = count * dtype.itemsize
    if packing == "raw":
        content = unpack(source, -1 if before < 0 else start + before, length)
    else:
        content = unpack(source, start, length + before, packing)[before:]
    return np.frombuffer(content, dtype).reshape(sizes, order="F")
