"""Volumes written to files, whole or not at all: to a temporary file beside the target, which then takes its name."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.base.files import replacing
from MedDDPMCore.volumes.voxels import Voxels

Writer = Callable[[Voxels, BufferedIOBase, dict[str, str], int], None]
COMPRESSION = 4
"""The usual level: higher ones take far longer and save a few percent of an image."""
_COLOURS = ((0.87, 0.66, 0.55), (0.90, 0.25, 0.20), (0.95, 0.80, 0.25), (0.35, 0.65, 0.90))
_NRRD_TYPES = {"u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32", "f4": "float"}
_MET_TYPES = {
    "u1": "MET_UCHAR", "i1": "MET_CHAR", "u2": "MET_USHORT", "i2": "MET_SHORT", "u4": "MET_UINT", "i4": "MET_INT",
    "f4": "MET_FLOAT",
}  # fmt: skip


def write(volume: Voxels, path: Path, metadata: dict[str, str], compression: int = COMPRESSION) -> None:
    """Write a (z, y, x) volume to .nii, .nii.gz, .nrrd, .seg.nrrd (labels, with their names) or .mha.

    metadata: what the file should say of itself. NIfTI: all of it as JSON in a comment extension, its beginning in
    `descrip` (80 bytes). NRRD: key/value pairs. MetaImage: header fields. Equal volumes give equal bytes.
    compression: level of all but .nii, 1 (fast) to 9 (small).
    Raises VolumeError for an unknown ending or several channels, ResourceError for a full disk, a missing folder or no
    right to write. An older file of that name stays as it was then.
    """
    writer = _writer_of(path, labels=volume.array.dtype.kind != "f")
    if volume.array.ndim != 3:
        raise VolumeError(
            f"A volume of shape {volume.array.shape} cannot be written to one file.", "Write one file a channel."
        )
    volume = Voxels(_storable(volume.array), volume.geometry, volume.label_names)
    text = {str(key): " ".join(str(value).split()) for key, value in metadata.items()}
    with replacing(path) as part, open(part, "wb") as stream:
        writer(volume, stream, text, compression)


def require_ending(path: Path, labels: bool = False) -> None:
    """VolumeError where a file of that name cannot hold an image, or, with `labels`, a segmentation: to be asked before
    one is made for it."""
    _writer_of(path, labels)


def _writer_of(path: Path, labels: bool) -> Writer:
    writer = next((writer for ending, writer in _WRITERS.items() if path.name.lower().endswith(ending)), None)
    if writer is _write_segmentation and not labels:
        raise VolumeError(f"{path}: a .seg.nrrd holds a segmentation, not an image.", "Write the image as .nrrd.")
    if writer is None:
        known = ", ".join(ending for ending, writer in _WRITERS.items() if labels or writer is not _write_segmentation)
        raise VolumeError(f"{path} cannot be written as that kind of file.", f"Use one of {known}.")
    return writer


def _storable(array: np.ndarray) -> np.ndarray:
    """The array with a dtype that every format and program knows, little-endian and contiguous."""
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    elif array.dtype.kind == "b":
        array = array.astype(np.uint8)
    elif array.dtype.itemsize == 8:
        array = array.astype(np.int32) if np.abs(array).max() < 2**31 else array.astype(np.float32)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _write_nifti(volume: Voxels, stream: BufferedIOBase, metadata: dict[str, str], _compression: int) -> None:
    import nibabel as nib

    affine = volume.geometry.affine_ras
    image = nib.Nifti1Image(volume.array.T, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1 if volume.geometry.is_orthogonal else 0)
    if metadata:
        summary = "; ".join(f"{key}={value}" for key, value in metadata.items())
        image.header["descrip"] = summary.encode("ascii", "replace")[:79]
        comment = json.dumps(metadata, ensure_ascii=False).encode("utf-8")
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", comment))
    image.to_file_map({"image": nib.FileHolder(fileobj=stream)})


def _write_nifti_gz(volume: Voxels, stream: BufferedIOBase, metadata: dict[str, str], compression: int) -> None:
    with gzip.GzipFile("", "wb", compresslevel=compression, fileobj=stream, mtime=0) as packed:
        _write_nifti(volume, packed, metadata, 0)


def _write_nrrd(volume: Voxels, stream: BufferedIOBase, metadata: dict[str, str], compression: int) -> None:
    def vector(numbers: np.ndarray) -> str:
        return f"({','.join(repr(float(number)) for number in numbers)})"

    geometry = volume.geometry
    lines = [
        "NRRD0004",
        f"type: {_NRRD_TYPES[volume.array.dtype.str[1:]]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, geometry.size))}",
        f"space directions: {' '.join(vector(axis) for axis in geometry.affine_lps[:3, :3].T)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {vector(np.array(geometry.origin))}",
        *(f"{key.replace(':', '_')}:={value}" for key, value in metadata.items()),
    ]
    stream.write("\n".join([*lines, "", ""]).encode("utf-8"))
    with gzip.GzipFile("", "wb", compresslevel=compression, fileobj=stream, mtime=0) as packed:
        packed.write(volume.array.data)


def _write_segmentation(volume: Voxels, stream: BufferedIOBase, metadata: dict[str, str], compression: int) -> None:
    """A .seg.nrrd: one layer, a segment for each label that is named or present."""
    names = volume.label_names or {}
    values = sorted({*names, *np.unique(volume.array).tolist()} - {0})
    extent = " ".join(f"0 {n - 1}" for n in volume.geometry.size)
    fields = {
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for number, value in enumerate(values):
        fields |= {
            f"Segment{number}_ID": f"Segment_{value}",
            f"Segment{number}_Name": names.get(value, f"Segment_{value}"),
            f"Segment{number}_Color": " ".join(map(str, _COLOURS[number % len(_COLOURS)])),
            f"Segment{number}_LabelValue": str(value),
            f"Segment{number}_Layer": "0",
            f"Segment{number}_Extent": extent,
        }
    _write_nrrd(volume, stream, {**fields, **metadata}, compression)


def _write_mha(volume: Voxels, stream: BufferedIOBase, metadata: dict[str, str], compression: int) -> None:
    geometry = volume.geometry
    packed = zlib.compress(volume.array.data, compression)

    def numbers(values: np.ndarray) -> str:
        return " ".join(repr(float(value)) for value in values)

    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"TransformMatrix = {numbers(geometry.direction.T.ravel())}",
        f"Offset = {numbers(np.array(geometry.origin))}",
        f"ElementSpacing = {numbers(np.array(geometry.spacing))}",
        f"DimSize = {' '.join(map(str, geometry.size))}",
        *(f"{'_'.join(key.split())} = {value}" for key, value in metadata.items()),
        f"ElementType = {_MET_TYPES[volume.array.dtype.str[1:]]}",
        "ElementDataFile = LOCAL",
    ]
    stream.write("\n".join([*lines, ""]).encode("ascii", "replace"))
    stream.write(packed)


_WRITERS: dict[str, Writer] = {
    ".nii": _write_nifti,
    ".nii.gz": _write_nifti_gz,
    ".seg.nrrd": _write_segmentation,
    ".nrrd": _write_nrrd,
    ".mha": _write_mha,
}
