"""Work done a piece in each turn of the event loop, so that the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent import futures

import numpy as np

from MedDDPMCore.base.errors import MedDDPMError

SLAB_BYTES = 1 << 21
_TURN_SECONDS = 0.02
ERRORS = (MedDDPMError, OSError, KeyError, TypeError, ValueError)


def slabs(array: np.ndarray) -> list[slice]:
    """The first axis cut so that a piece takes some milliseconds to look at."""
    step = max(1, SLAB_BYTES // max(1, array[0].nbytes))
    return [slice(start, min(start + step, len(array))) for start in range(0, len(array), step)]


def in_background(function: Callable) -> Generator:
    """What a function returns that cannot be cut into pieces and touches nothing of Slicer's: done in a thread.

    Whoever closes it before its end does not wait for the thread.
    """
    pool = futures.ThreadPoolExecutor(1)
    try:
        doing = pool.submit(function)
        while not futures.wait([doing], _TURN_SECONDS).done:
            yield
        return doing.result()
    finally:
        pool.shutdown(wait=False)


def finished(work: Generator):
    """What the work comes to, done in one go."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


class Pieces:
    """Carries one generator at a time to its end; `on_error` hears of the ERRORS that it raises.

    call_later(milliseconds, function): as of a transport.
    """

    def __init__(self, call_later: Callable, on_error: Callable[[Exception], None]):
        self._call_later, self._on_error = call_later, on_error
        self._work: Generator | None = None

    @property
    def is_running(self) -> bool:
        return self._work is not None

    def start(self, work: Generator) -> None:
        self.stop()
        self._work = work
        self._go_on(work)

    def stop(self) -> None:
        """Leave the work where it is; also from within it."""
        work, self._work = self._work, None
        if work is not None and not work.gi_running:
            work.close()

    def _go_on(self, work: Generator) -> None:
        if work is not self._work:
            return
        try:
            next(work)
        except StopIteration:
            if work is self._work:
                self._work = None
            return
        except ERRORS as error:
            self._work = None
            self._on_error(error)
            return
        self._call_later(0, lambda: self._go_on(work))
