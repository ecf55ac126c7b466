"""Lack of memory, in whichever words a library says it, and what else the system refuses, explained to the user."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from .errors import MedDDPMError, ResourceError, shown

_WORDS = (
    "out of memory",  # torch on CUDA, Apple's GPU and the CPU
    "allocate memory",  # torch on Linux, SimpleITK
    "not enough memory",  # torch on Windows
    "alloc_failed",  # cuBLAS, cuDNN
    "bad alloc",
    "bad_alloc",  # C++
    "could not create a primitive",  # oneDNN, whose convolutions say no more than that
    "could not create a memory",
    "paging file is too small",  # Windows
    "unable to allocate",
    "can't start new thread",  # its stack found no room
    "unable to join thread",  # ITK, of a thread that could not be started
    "failed to map segment",  # a library that could not be loaded
    "without exception set",  # Python, of a library that had no memory left for an exception
    "without setting an exception",
)
_CODES = {errno.ENOMEM, 1455}
"""Of the system; 1455 is Windows' for a full paging file."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of Python, numpy, torch, SimpleITK or the system means that there was not memory enough."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return bool({error.errno, getattr(error, "winerror", None)} & _CODES)
    text = str(error).lower()
    return isinstance(error, Exception) and not isinstance(error, MedDDPMError) and any(w in text for w in _WORDS)


@contextlib.contextmanager
def memory_explained(
    what: str = "The computer",
    hint: str = "Close other programs, or work with smaller images or fewer samples at once.",
) -> Iterator[None]:
    """Makes of a lack of memory, whoever reports it, a ResourceError that says what ran out of it and what to do."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise ResourceError(f"{what} ran out of memory.", hint) from error


@contextlib.contextmanager
def refusals_explained() -> Iterator[None]:
    """Makes of what the system says of a path, where nobody has explained it before, a ResourceError that names it."""
    try:
        yield
    except OSError as error:
        if error.filename is None or lacks_memory(error):
            raise
        name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        raise ResourceError(
            f"{shown(name)} cannot be used: {error.strerror}.", "Check its name, its folder and the rights on it."
        ) from error
