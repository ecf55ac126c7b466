"""What must be loaded before a thread waits for standard input."""

from __future__ import annotations

import contextlib
import os


def load_before_reading() -> None:
    """Loads numpy on Windows, where that is there; to be called before a thread starts to read standard input.

    Numpy's OpenBLAS there comes with Fortran's library, which looks at standard input while Windows loads it. Of a pipe
    that waits for the pending read to end, so loaded later it hangs until a byte arrives (numpy/numpy#24290,
    OpenMathLib/OpenBLAS#5109).
    """
    if os.name == "nt":
        with contextlib.suppress(ImportError):
            import numpy  # noqa: F401
