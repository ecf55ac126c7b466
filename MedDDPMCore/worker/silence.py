"""The end of a process whose other end has gone without a word, as when a cable is drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

ALIVE_SECONDS = 20
"""How often one end says that it is there."""
_SILENT_SECONDS = 300


class Silence:
    """Calls end() once, from a thread of its own, when nothing was heard for five minutes."""

    def __init__(self, end: Callable[[], None]):
        self._end, self._last = end, time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def heard(self) -> None:
        """Called for each sign of life of the other end."""
        self._last = time.monotonic()

    def _watch(self) -> None:
        while time.monotonic() - self._last < _SILENT_SECONDS:
            time.sleep(ALIVE_SECONDS)
        self._end()
