"""What every command says while it runs, and where: less of it, into a file too, and on how many cores."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from ..base.errors import FEWER_LETTERS, MedDDPMError
from ..version import __version__

if TYPE_CHECKING:
    from tqdm import tqdm

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""What numpy, torch and ITK read when they are loaded."""
_LINE_SECONDS = 30
_LONGEST_BEGIN = 100
"""Bytes of a log's first line in which it says whose it is."""
_LOUD = "medddpm: "
"""How errors and warnings begin; --quiet leaves nothing else on stderr."""


def tell(notes: Iterable[str] = (), warnings: Iterable[str] = (), of: str = "") -> None:
    """Says notes and warnings on stderr, each on a line of its own; of: the file that they are of."""
    name = f"{of}: " if of else ""
    for text in warnings:
        print(f"{_LOUD}warning: {name}{text}", file=sys.stderr)
    for text in notes:
        print(f"{name}{text}", file=sys.stderr)


def bar(args: argparse.Namespace, total: float | None = None, unit: str = "step") -> tqdm | _Lines:
    """A tqdm bar of a whole job, with the time left; where stderr is no terminal a line every _LINE_SECONDS instead;
    neither with --quiet."""
    if not args.quiet and not sys.stderr.isatty():
        return _Lines(total, unit)
    from tqdm import tqdm

    return tqdm(total=total, disable=args.quiet, unit=unit)


def begin(bar: tqdm | _Lines, done: float) -> None:
    """Begins the bar of a job, or of a further part of one, of which so much is done: the time left is told from what
    is done from now on."""
    bar.reset()
    bar.initial = bar.n = done


def pass_over(bar: tqdm | _Lines, count: float) -> None:
    """Of what the bar counts as done, so much more was there already: the time left is not told from it."""
    bar.initial = getattr(bar, "initial", 0) + count  # a bar that is not drawn has none


def show(bar: tqdm | _Lines, done: float, total: float, what: str = "") -> None:
    """Draws the bar anew: how much of how much is done, and of what."""
    bar.total, bar.n = total, done
    if what:
        bar.set_description(what, refresh=False)
    bar.refresh()


class _Lines:
    """What stands for a bar in a pipe or file, with as much of tqdm's doors as commands use."""

    def __init__(self, total: float | None, unit: str):
        self.total, self._unit, self._what = total, unit, ""
        self.n = self.initial = 0.0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def update(self, done: float = 1) -> None:
        self.n += done
        self.refresh()

    def reset(self) -> None:
        self._began = time.monotonic()

    def set_description(self, text: str, refresh: bool = True) -> None:
        self._what = text
        if refresh:
            self.refresh()

    def refresh(self) -> None:
        now = time.monotonic()
        if now - self._told < _LINE_SECONDS:
            return
        self._told, left = now, ""
        if self.total and self.n > self.initial:
            seconds_each = (now - self._began) / (self.n - self.initial)
            minutes, seconds = divmod(round(seconds_each * (self.total - self.n)), 60)
            left = f" of {self.total:g} {self._unit}s, {minutes} min {seconds} s left"
        print(f"{self._what}: {self.n:g}{left}", file=sys.stderr, flush=True)

    def write(self, text: str) -> None:
        print(text, flush=True)

    def clear(self) -> None:
        """There is nothing to clear, as nothing is drawn over itself."""

    def close(self) -> None:
        """There is nothing to close."""


@contextlib.contextmanager
def console(args: argparse.Namespace, command_line: list[str]) -> Iterator[None]:
    """Does what the options that `command.add_command` adds ask for, until it ends. MedDDPMError for a log that cannot
    be written."""
    with contextlib.ExitStack() as stack:
        if threads := getattr(args, "threads", None):
            stack.enter_context(_on_threads(threads))
        log = None
        if getattr(args, "log", None):
            log = stack.enter_context(_opened(args.log))
            log.write(f"{_now()} {shlex.join(['medddpm', *command_line])} (version {__version__})\n")
        quiet = getattr(args, "quiet", False)
        if log or quiet:
            stack.enter_context(contextlib.redirect_stdout(_Told(sys.stdout, log)))
            stack.enter_context(contextlib.redirect_stderr(_Told(sys.stderr, log, quiet)))
        yield


class _Told(io.TextIOBase):
    """A stream whose whole lines go into a log, too; quiet: what is no error or warning goes there alone.

    Of what a bar draws over itself, the last is logged.
    """

    def __init__(self, stream: TextIO, log: TextIO | None, quiet: bool = False):
        self._stream, self._log, self._quiet, self._line = stream, log, quiet, ""

    def write(self, text: str) -> int:
        if not self._quiet:
            self._stream.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            line = line.rsplit("\r", 1)[-1]
            if self._quiet and line.startswith(_LOUD):
                self._stream.write(f"{line}\n")
            if self._log and line.strip():
                self._log.write(f"{_now()} {line}\n")
                self._log.flush()
        self._line = self._line.rsplit("\r", 1)[-1]
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the stream's, which nobody sets
        return self._stream.encoding


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _opened(path: str) -> TextIO:
    """A log to add to; MedDDPMError for a file that is none: it may be the user's image."""
    try:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                begin = file.readline(_LONGEST_BEGIN)
            if begin and b" medddpm " not in begin:
                raise MedDDPMError(f"{path} is there already, and no log of medddpm's.", "Name another file.")
        return open(path, "a", encoding="utf-8", errors=FEWER_LETTERS)
    except OSError as error:
        raise MedDDPMError(f"The log {path} cannot be written: {error.strerror}.", "Name another file.") from error


@contextlib.contextmanager
def _on_threads(count: int) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(count)))
    torch = sys.modules.get("torch")
    own = torch.get_num_threads() if torch else 0
    if torch:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch:
            torch.set_num_threads(own)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
