"""MetaImage files in (.mha, .mhd), after https://itk.org/Wiki/MetaIO/Documentation."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from MedDDPMCore.volumes.decoding import damaged, data_file, decoding, require_regular, require_room, unpack
from MedDDPMCore.volumes.geometry import Geometry, triple
from MedDDPMCore.volumes.voxels import Voxels, arranged, in_mm, spatial_axes, warn, warn_of_axes, warn_of_place

_LONGEST_HEADER = 1 << 20
_TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8"},
    **{"MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}


def read(path: Path, labels: bool) -> Voxels:
    """A MetaImage (z, y, x), for labels also (z, y, x, channel); see `files.read`."""
    with decoding(path):
        fields, start = _header(path)
        sizes = tuple(int(n) for n in fields["DimSize"].split())
        if len(sizes) != int(fields["NDims"]) or min(sizes) < 1 or len(sizes) > 10:
            raise ValueError(f"DimSize {fields['DimSize']} for {fields['NDims']} dimensions")
        components = int(fields.get("ElementNumberOfChannels", 1))
        if components < 1:
            raise ValueError(f"{components} channels")
    axes, channel = spatial_axes(path, sizes, labels, components)
    with decoding(path):
        geometry = _geometry(path, fields, sizes, axes)
        array = _data(path, fields, start, (components, *sizes))
    array = array[0] if components == 1 else np.moveaxis(array, 0, -1)
    return Voxels(arranged(array, axes, channel if components == 1 else len(sizes)), geometry)


def _header(path: Path) -> tuple[dict[str, str], int]:
    """The fields of a header, and where the data starts if it follows."""
    fields = {}
    with path.open("rb") as stream:
        while stream.tell() < _LONGEST_HEADER and (raw := stream.readline(_LONGEST_HEADER)):
            key, separator, value = raw.decode("utf-8", "replace").partition("=")
            if not separator:
                raise ValueError("its header is not one of MetaImage")
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                return fields, stream.tell()
    raise ValueError("its header names no ElementDataFile")


def _first(fields: dict[str, str], *names: str) -> str | None:
    return next((fields[name] for name in names if name in fields), None)


def _geometry(path: Path, fields: dict[str, str], sizes: tuple[int, ...], axes: list[int]) -> Geometry:
    dimension = len(sizes)

    def numbers(text: str | None, count: int) -> np.ndarray | None:
        values = None if text is None else np.array([float(part) for part in text.split()])
        if values is not None and values.size != count:
            raise ValueError(f"{values.size} numbers where {count} are needed")
        return values

    spacing = numbers(_first(fields, "ElementSpacing", "ElementSize"), dimension)
    origin = numbers(_first(fields, "Offset", "Position", "Origin"), dimension)
    rows = numbers(_first(fields, "TransformMatrix", "Rotation", "Orientation"), dimension**2)
    if rows is None:
        warn_of_axes(path, "its header has no TransformMatrix")
    elif origin is None:
        warn_of_place(path)
    if spacing is None:
        warn(f"{path} does not state its voxel size; 1 mm is taken.")
    spacing = np.ones(dimension) if spacing is None else spacing
    origin = np.zeros(dimension) if origin is None else origin
    frame = np.eye(dimension) if rows is None else rows.reshape(dimension, dimension).T
    size = [sizes[axis] for axis in axes]
    if min(spacing[axes]) <= 0:
        raise ValueError(f"voxels of {spacing[axes]} mm")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = frame[np.ix_(axes, axes)] * spacing[axes], origin[axes]
    affine[:3] *= in_mm(fields.get("DistanceUnits", "mm"))
    return Geometry.from_affine_lps(affine, triple(size[::-1]))


def _data(path: Path, fields: dict[str, str], start: int, sizes: tuple[int, ...]) -> np.ndarray:
    """The values, their axes as (channel, x, y, z, …)."""
    msb = _first(fields, "BinaryDataByteOrderMSB", "ElementByteOrderMSB") or "False"
    dtype = np.dtype((">" if msb.lower() == "true" else "<") + _TYPES[fields["ElementType"].upper()])
    length = int(np.prod(sizes, dtype=object)) * dtype.itemsize
    named = fields["ElementDataFile"]
    source = path
    if named.upper() != "LOCAL":
        source, start = data_file(path, named), 0
    held = require_regular(source) - start
    before = int(fields.get("HeaderSize", 0))
    if fields.get("BinaryData", "True").lower() == "false":
        values = np.array(bytes(unpack(source, start, held)).split(), dtype.newbyteorder("="))
        return values.reshape(sizes, order="F")
    if fields.get("CompressedData", "False").lower() == "true":
        require_room(path, length, held)
        packed = bytes(unpack(source, start, held))
        content = bytearray(zlib.decompressobj(47).decompress(packed, length))
        if len(content) < length:
            raise damaged(path, f"it ends after {len(content)} of {length} bytes")
    else:
        content = unpack(source, -1 if before < 0 else start + before, length)
    return np.frombuffer(content, dtype).reshape(sizes, order="F")
