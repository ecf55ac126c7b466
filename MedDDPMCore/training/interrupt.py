"""Ctrl-C and SIGTERM as a wish to stop, heard when the running step is finished."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from ..base.parallel import rank_and_world

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Within the context, Ctrl-C or SIGTERM sets `wanted`. A second Ctrl-C stops at once, by KeyboardInterrupt.

    Under torchrun, which passes signals on and so doubles them, repeats are ignored. Outside the main thread, where
    Python takes no signals, the context changes nothing.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._heard) for number in SIGNALS}
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT and rank_and_world()[1] == 1:
            raise KeyboardInterrupt
        self.wanted = True
