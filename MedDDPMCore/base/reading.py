"""The door for files of text, JSON and arrays, which may be damaged, hostile, or no files at all.

The system's refusals stay OSError; whatever else is wrong with a file is a ValueError that says so. Nothing that a file
merely claims is allocated, and nothing but a regular file is opened: a pipe would keep its reader waiting for ever.
"""

from __future__ import annotations

import json
import os
import stat
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_LARGEST_TEXT = 1 << 28
_MOST_DENSE = 1100
"""Bytes that a byte of a zip file can hold, and a little more."""


def require_regular(path: str | Path) -> int:
    """The size in bytes of a regular file; ValueError for a folder, a pipe or a device."""
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a pipe or a device, not a file")
    return status.st_size


def read_text(path: str | Path, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file, its line ends as Python has them."""
    if require_regular(path) > _LARGEST_TEXT:
        raise ValueError(f"it is larger than {_LARGEST_TEXT >> 20} MB, which no such file is")
    return Path(path).read_text(encoding, errors)


def read_json(path: str | Path) -> Any:
    """What a JSON file holds."""
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its entries are nested too deeply") from None


def map_array(path: str | Path) -> np.ndarray:
    """The array of a .npy file, memory-mapped for reading."""
    import numpy as np

    require_regular(path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # the header is Python's words, and its reader may raise anything
        raise ValueError(f"it is no array ({str(error)[:200]})") from error


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by their names."""
    size = require_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(e.compress_size > size or e.file_size > _MOST_DENSE * (e.compress_size + 1) for e in entries):
                raise ValueError("it claims to hold more than it can")
            arrays = {}
            for entry in entries:
                with archive.open(entry) as stream:
                    arrays[entry.filename.removesuffix(".npy")] = _array(stream, entry.file_size)
            return arrays
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:  # of zip files, of zlib, of headers
        raise ValueError(f"it is damaged ({str(error)[:200]})") from error


def _array(stream: IO[bytes], size: int) -> np.ndarray:
    import numpy as np

    version = np.lib.format.read_magic(stream)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = header(stream)
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or length < 0 or length > size:
        raise ValueError(f"{size} bytes cannot hold an array of {dtype} {shape}")
    array = np.frombuffer(stream.read(length), dtype)
    return array.reshape(shape, order="F" if fortran else "C").copy()
