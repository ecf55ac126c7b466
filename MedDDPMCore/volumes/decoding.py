"""The one door between decoders and the program: what a decoder raises becomes the error of the file it read."""

from __future__ import annotations

import bz2
import gzip
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from MedDDPMCore.base.errors import MedDDPMError, VolumeError
from MedDDPMCore.base.shortage import lacks_memory

_MOST_DENSE = {"raw": 1, "gzip": 1100, "bzip2": 100_000}
"""No gzip or zlib stream holds more than about 1030 bytes a byte: a header that claims more is wrong."""
_AT_ONCE = 1 << 24


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Around calls of decoders and the reading of a header's fields: whatever they raise becomes a VolumeError.

    Keep our own work on the decoded array out of it, so that its faults stay visible.
    """
    try:
        yield
    except MedDDPMError:
        raise
    except Exception as error:
        if lacks_memory(error):
            raise VolumeError(f"{path} does not fit into memory.", "Crop or resample it first.") from error
        raise damaged(path, error) from error


def damaged(path: Path, reason: object) -> VolumeError:
    """reason: what the reader said; the last line that says something is the telling one."""
    lines = [line.strip() for line in str(reason).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Reason:", "- could"))]
    last = telling[-1].removeprefix("sitk::ERROR: ")[:300] if telling else type(reason).__name__
    return VolumeError(
        f"{path} cannot be read; it is damaged, cut short or not what its name says ({last}).",
        "Copy or export it again; a header such as .nhdr or .mhd needs its data file beside it.",
    )


def require_regular(path: Path) -> int:
    """The size in bytes of a regular file; VolumeError for what is missing, empty, or no such file (pipes, devices)."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            raise VolumeError(f"{path} is {what}, not a file.", "Save the volume as a file first.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise VolumeError(f"There is no file {path}.", "Check its name and folder.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VolumeError(f"{path} cannot be opened: {reason}.", "Check its name and the rights on it.") from error
    if status.st_size == 0:
        raise VolumeError(f"{path} is empty (0 bytes).", "Export or copy it again.")
    return status.st_size


def require_room(path: Path, claimed: int, held: int, packing: str = "gzip") -> None:
    """Refuse a header that claims more bytes than `held` bytes, packed as "raw", "gzip" or "bzip2", can hold."""
    if claimed > held * _MOST_DENSE[packing]:
        raise damaged(path, f"{held} bytes cannot hold the {claimed} bytes that its header claims")


def data_file(header: Path, named: str) -> Path:
    """The one file beside a header that holds its data."""
    if named.upper().startswith("LIST") or "%" in named:
        raise damaged(header, "its data lies in several files; save it as one")
    if not (header.parent / named).exists():
        raise damaged(header, f"its data file {named} is not there")
    require_regular(header.parent / named)
    return header.parent / named


def unpack(path: Path, start: int, length: int, packing: str = "raw") -> bytearray:
    """`length` bytes of a file from `start` on (-1: the last `length`), unpacked; the claim is checked first."""
    size = require_regular(path)
    start = size - length if start < 0 else start
    require_room(path, length, max(size - start, 0), packing)
    content = bytearray()
    with path.open("rb") as stream:
        stream.seek(start)
        openers = {"raw": lambda source: source, "gzip": lambda source: gzip.GzipFile(fileobj=source)}
        unpacked = openers.get(packing, bz2.BZ2File)(stream)
        while len(content) < length and (part := unpacked.read(min(_AT_ONCE, length - len(content)))):
            content += part
    if len(content) < length:
        raise damaged(path, f"it ends after {len(content)} of {length} bytes")
    return content
