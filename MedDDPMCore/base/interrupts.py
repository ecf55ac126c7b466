"""What asks a process to end, heard as Ctrl-C is: what it was writing is removed, what is whole stays."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Within the context SIGTERM, and SIGHUP where nobody has it ignored, raise KeyboardInterrupt as Ctrl-C does.

    Outside the main thread, where Python takes no signals, the context changes nothing.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
        before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
