"""NIfTI-1 files to VTK images a piece at a time, so that the window stays free. Reads what the core writes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from MedDDPMCore.base.errors import VolumeError

_PIECE = 1 << 20  # bytes that are read in one go: some milliseconds, unpacking included
_HEADER = np.dtype(
    {
        "names": ["size", "dim", "datatype", "offset", "slope", "intercept", "sform_code", "sform", "magic"],
        "formats": ["<i4", "(8,)<i2", "<i2", "<f4", "<f4", "<f4", "<i2", "(3,4)<f4", "S4"],
        "offsets": [0, 40, 70, 108, 112, 116, 254, 280, 344],
        "itemsize": 348,
    }
)
_TYPES = {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "i1", 512: "<u2", 768: "<u4"}


@dataclass(frozen=True)
class Image:
    """vtk_image: voxels in the file's own order, spacing 1, origin 0. ijk_to_ras: 4x4, mm."""

    vtk_image: vtk.vtkImageData
    ijk_to_ras: np.ndarray


def read_in_pieces(path: str) -> Generator[None, None, Image]:
    """Read a .nii or .nii.gz file, yielding between pieces. VolumeError for anything but a whole 3D image."""
    try:
        with _opened(path) as file:
            return (yield from _read(file, path))
    except (OSError, EOFError, zlib.error) as error:
        raise VolumeError(
            _("The image file {path} could not be read: {error}.").format(path=path, error=error), _("Run again.")
        ) from error


def read(path: str) -> Image:
    """The same in one go."""
    pieces = read_in_pieces(path)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def _opened(path: str):
    return gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb", buffering=0)  # noqa: SIM115


def _read(file: BinaryIO, path: str) -> Generator[None, None, Image]:
    raw = file.read(_HEADER.itemsize)
    if len(raw) < _HEADER.itemsize:
        raise EOFError("it ends within its header")
    header = np.frombuffer(raw, _HEADER)[0]
    dims = header["dim"].tolist()
    plain = header["slope"] in (0, 1) and header["intercept"] == 0
    known = header["size"] == _HEADER.itemsize and header["magic"] == b"n+1" and int(header["datatype"]) in _TYPES
    flat = dims[0] in range(3, 8) and min(dims[1:4]) > 0 and max(dims[4 : dims[0] + 1], default=1) <= 1
    if not (known and flat and plain and header["sform_code"] > 0):
        raise VolumeError(
            _("The image file {path} could not be read: it is not a plain 3D image.").format(path=path), _("Run again.")
        )
    dtype = np.dtype(_TYPES[int(header["datatype"])])
    file.read(int(header["offset"]) - _HEADER.itemsize)
    image = vtk.vtkImageData()
    image.SetDimensions(*dims[1:4])
    image.AllocateScalars(get_vtk_array_type(dtype), 1)
    target = memoryview(vtk_to_numpy(image.GetPointData().GetScalars()).view(np.uint8))
    done = 0
    while done < len(target):
        count = file.readinto(target[done : done + _PIECE])
        if not count:
            raise EOFError("it is cut off")
        done += count
        yield
    return Image(image, np.vstack([header["sform"].astype(float), [0, 0, 0, 1]]))
