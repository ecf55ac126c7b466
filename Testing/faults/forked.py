"""Work in forks of this process, which has loaded everything: they start in milliseconds, are killed, are limited.

This process itself computes nothing that starts threads, as a fork could wait for those for ever.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

FAULT = 70
"""The exit code after an exception that nobody has explained."""
_PAUSE = 0.002


class Forked:
    """A process that does work() -> exit code; what it prints goes to a file. limits: resource -> most.

    peak: the most bytes of memory that it held, once it has ended.
    """

    def __init__(
        self,
        work: Callable[[], int | None],
        log: Path,
        limits: dict[int, int] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
    ):
        self.log, self.code, self.peak = log, None, 0
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = FAULT
            try:
                code = _child(work, log, limits or {}, stdin, stdout)
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """The exit code, -n after signal n; None while it works."""
        if self.code is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.peak = usage.ru_maxrss << 10  # bytes, on Linux
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self, seconds: float = 600) -> int | None:
        """The exit code; None, and it is killed, where it has not ended in time."""
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                self.send(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.code = -signal.SIGKILL
                return None
            time.sleep(_PAUSE)
        return self.code

    def send(self, number: int) -> None:
        """Sends a signal, if it is there to take it."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def words(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def is_faulty(self) -> bool:
        """Whether it ended, or spoke, as only a fault of the program does."""
        return self.code == FAULT or "Traceback" in self.words or "fault of the program" in self.words


def _child(work: Callable, log: Path, limits: dict[int, int], stdin: int | None, stdout: int | None) -> int:
    from MedDDPMCore.base import files

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    files._sweep_once.cache_clear()  # as in a process that has written nothing yet
    own = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, place in ((0, nothing if stdin is None else stdin), (1, own if stdout is None else stdout), (2, own)):
        os.dup2(place, number)
    os.closerange(3, 256)
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
        if kind == resource.RLIMIT_FSIZE:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        code = work()
    except SystemExit as error:
        code = error.code
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return FAULT
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    return int(code or 0)


def addresses() -> int:
    """Bytes of addresses that this process has: a library of its own may need many of them."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def load_everything() -> None:
    """Imports what the commands import, so that their forks start at once and need no memory for it."""
    import nibabel  # noqa: F401
    import pydicom  # noqa: F401
    import SimpleITK  # noqa: F401
    import torch.utils._pytree  # noqa: F401

    from MedDDPMCore.commands import editing, export, synthesis, training  # noqa: F401
    from MedDDPMCore.editing import run as _edit  # noqa: F401
    from MedDDPMCore.export import dataset  # noqa: F401
    from MedDDPMCore.synthesis import batch  # noqa: F401
    from MedDDPMCore.training import run  # noqa: F401


def command(*arguments: object) -> Callable[[], int]:
    """The command line with these arguments, as work."""

    def work() -> int:
        from MedDDPMCore.cli import main

        return main([str(argument) for argument in arguments])

    return work
