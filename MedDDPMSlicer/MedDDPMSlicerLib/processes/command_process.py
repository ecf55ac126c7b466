"""The command line in the background: commands run one after the other, heard line by line, stopped in good order.

The transport is one of those that synthesis_process describes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from slicer.i18n import tr as _

from .synthesis_process import OWN_WORDS, LineReader, is_warning

NOT_STARTED = "it could not be started"
"""How a transport describes the end of a program that never began."""
STOP_GRACE_MS = 60_000
CLOSE_GRACE_MS = 20_000
"""How long Slicer waits at its end for what is being completed."""
_WELL = "exit code 0"
_INTERRUPTED = "exit code 130"
_INTERRUPTED_EARLY = "KeyboardInterrupt"
"""The last line of one that was asked to stop before it had begun."""


class CommandProcess:
    """Owns one process at a time. CHILD: what stands before each command's arguments.

    on_line(text): each line that is written, but for the errors. on_end(problem): the last command has ended; "" means
    that all went well or that it stopped in good order, as asked; else what the command said of its failure.
    """

    CHILD: tuple[str, ...] = ("-u", "-X", "utf8", "-m", "MedDDPMCore.child")

    def __init__(self, transport, python: str, core_folder: str, on_line: Callable, on_end: Callable):
        self._transport, self._python, self._core_folder = transport, python, core_folder
        self._on_line, self._on_end = on_line, on_end
        transport.on_output, transport.on_error_output, transport.on_end = self._output, self._errors, self._ended
        self._todo: list[list[str]] = []
        self._command: list[str] = []
        self._stops = 0
        self.is_stopping = self._was_killed = False
        self._begin()

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    def start(self, *commands: list[str]) -> None:
        """Run commands (each a list of arguments) one after the other, until one fails."""
        self._todo, self.is_stopping, self._was_killed = list(commands), False, False
        self._next()

    def stop(self) -> None:
        """Ask for the end, which keeps what is whole; kill if that takes longer than a minute."""
        if self.is_running and not self.is_stopping:
            self.is_stopping, self._stops = True, self._stops + 1
            self._transport.write(b"stop\n")
            self._transport.call_later(STOP_GRACE_MS, lambda stop=self._stops: self._kill_if_still(stop))

    def close(self) -> None:
        """End it without a word, as Slicer quits or the module is reloaded: what is whole is kept, if that takes no
        longer than CLOSE_GRACE_MS."""
        self._todo, self._on_line, self._on_end = [], lambda _text: None, lambda _problem: None
        if self.is_running:
            self.stop()
            self._transport.wait(CLOSE_GRACE_MS)
        self._transport.kill()

    def _begin(self) -> None:
        self._lines, self._error_lines = LineReader(), LineReader()
        self._said: deque[str] = deque(maxlen=20)

    def _next(self) -> None:
        self._begin()
        self._command = self._todo.pop(0)
        self._transport.start(self._python, [*self.CHILD, *self._command], self._core_folder)

    def _kill_if_still(self, stop: int) -> None:
        if self.is_stopping and stop == self._stops and self.is_running:
            self._was_killed = True
            self._transport.kill()

    def _output(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if line.strip():
                self._on_line(line.strip())

    def _errors(self, data: bytes) -> None:
        self._said.extend(line.strip() for line in self._error_lines.feed(data) if line.strip())

    def _ended(self, description: str) -> None:
        stopped, self.is_stopping = self.is_stopping, False
        if description == _WELL and self._todo and not stopped:
            self._next()
            return
        self._todo = []
        fine = description == _WELL or (stopped and self._has_obeyed(description))
        self._on_end("" if fine else self._problem(description))

    def _has_obeyed(self, description: str) -> bool:
        return description == _INTERRUPTED or (bool(self._said) and self._said[-1] == _INTERRUPTED_EARLY)

    def _problem(self, description: str) -> str:
        """The command's own words; else how it ended and what was last heard of it."""
        if self._was_killed:
            return _("it had to be killed: what was not yet saved is lost.")
        said = [line for line in self._said if not is_warning(line)]
        own = [line for line in said if line.startswith(OWN_WORDS)]
        if own:
            return own[-1].removeprefix(OWN_WORDS)
        return f"{description}. {said[-1] if said else ''}".strip()
