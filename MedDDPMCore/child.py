"""The command line as the child of a program: `python -m MedDDPMCore.child COMMAND …`.

It ends in good order, as after Ctrl-C, when something arrives on its standard input, or when that ends because the
program is gone. Unlike a signal this works on Windows, too.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading

from .base.standard_input import load_before_reading
from .cli import main


def _interrupt_when_asked() -> None:
    os.read(sys.stdin.fileno(), 1)  # not by sys.stdin, whose lock Python could not take at its end
    _thread.interrupt_main()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
    load_before_reading()
    threading.Thread(target=_interrupt_when_asked, daemon=True).start()
    sys.exit(main())
