"""The worker process as the module sees it: start, ask, cancel, kill. The same code over QProcess and in tests.

A transport carries bytes; it offers
    start(program, arguments, folder), write(data), wait(milliseconds), kill(), is_running(),
    call_later(milliseconds, function)
and calls on_output(data), on_error_output(data) and on_end(description), all in the main thread; kill() returns when
on_end has been called, wait() then or when the time is over.
"""

from __future__ import annotations

import json
import re
from collections import deque

from slicer.i18n import tr as _

OWN_WORDS = "medddpm: "
"""How a line begins in which a process says why it ends."""
PROTOCOL = 1
CANCEL_GRACE_MS = 1200
_HELLO = "hello"
_LONGEST_LINE = 1_000_000
_LOG_LINES = 400
_LAST_LINES = 20
_WORKER = ["-u", "-X", "utf8", "-m", "MedDDPMCore.worker"]


def is_warning(line: str) -> bool:
    """Whether a line says what a process noticed and went on from: no end is explained by it."""
    return re.match(rf"{OWN_WORDS}(warning|\w*Warning): ", line) is not None


class LineReader:
    """Cuts a stream of bytes into lines, however the bytes arrive. A line without an end is given up."""

    def __init__(self):
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest[:200])
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]


class SynthesisProcess:
    """Owns one worker. `on_event` receives the protocol's events as dictionaries with the key "event".

    Besides the worker's own events it sends "error" (code "worker") when the worker dies or cannot start, "cancelled"
    also when a worker had to be killed for it, and "stopped" whenever the process has ended. An "error" whose id is
    None is one of a worker that was started without a request and does not come to be ready. One request at a time.
    """

    def __init__(self, transport, on_event, python: str, folder: str):
        self._transport, self._on_event, self._python, self._folder = transport, on_event, python, folder
        transport.on_output, transport.on_error_output, transport.on_end = self._output, self._errors, self._ended
        self.log: deque[str] = deque(maxlen=_LOG_LINES)
        self.ready: dict | None = None
        self._place: list[str] = []
        self._reset()
        self._number = 0
        self._muted = False

    def _reset(self) -> None:
        self.ready = None
        self._lines, self._error_lines = LineReader(), LineReader()
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._has_failed = False
        self._waiting: dict | None = None
        self._current: str | None = None
        self._cancelling = False

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    @property
    def host(self) -> str:
        """The other computer on which the work is done; "" for this one."""
        return self._place[1] if self._place else ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the work is done on another computer."""
        return bool(self._place)

    @property
    def is_busy(self) -> bool:
        """Whether a request is waiting or being worked on."""
        return self._waiting is not None or self._current is not None

    def compute_on(self, host: str = "", launch: str = "") -> None:
        """Where requests are worked on from now on: this computer, or host (user@host), behind the launch command."""
        place = ["--on", host, *(["--launch", launch] if launch else [])] if host else []
        if place != self._place:
            self.kill()
            self._place = place

    def start(self) -> None:
        """Start the worker if it does not run, and say hello."""
        if not self.is_running:
            self._launch(None)

    def _launch(self, request: dict | None) -> None:
        self._reset()
        self._waiting = request
        arguments = [*_WORKER, *self._place]
        self._note(f"start {self._python} {' '.join(arguments)}")
        self._transport.start(self._python, arguments, self._folder)
        self._send({"request": "hello", "id": _HELLO})

    def ask(self, kind: str, **request) -> str:
        """Ask for images ("synthesize" or "edit"); sent as soon as the worker is ready. Returns the request's id."""
        if self.is_busy:
            raise RuntimeError("The worker is busy.")
        self._number += 1
        identity = f"run-{self._number}"
        request = {"request": kind, "id": identity, **request}
        if self.is_running:
            self._waiting = request
            self._send_waiting()
        else:
            self._launch(request)
        return identity

    def cancel(self) -> None:
        """Stop the request: politely first, by killing the worker if that takes longer than a moment."""
        if self._waiting is not None:
            identity, self._waiting = self._waiting["id"], None
            if self._place and self.ready is None:
                self.kill()  # it would come to the head of a queue, or connect, for nobody
            self._emit({"event": "cancelled", "id": identity})
        elif self._current is not None and not self._cancelling:
            self._cancelling = True
            identity = self._current
            self._send({"request": "cancel", "id": identity})
            self._transport.call_later(CANCEL_GRACE_MS, lambda: self._kill_if_still(identity))

    def call_later(self, milliseconds: int, function) -> None:
        """Call a function from the event loop that the worker's events come from."""
        self._transport.call_later(milliseconds, function)

    def release(self) -> None:
        """Give the models' memory back; the worker stays."""
        if self.is_running and not self.is_busy:
            self._send({"request": "release", "id": "release"})

    def kill(self) -> None:
        """End the worker now, without any further event; the next request starts another."""
        self._waiting = self._current = None
        if self.is_running:
            self._muted = True
            self._transport.kill()
            self._muted = False
        self._reset()

    def _kill_if_still(self, identity: str) -> None:
        if self._cancelling and self._current == identity and self.is_running:
            self._note("the worker did not stop in time and was killed")
            self._transport.kill()

    def _send(self, request: dict) -> None:
        line = json.dumps(request)
        self._note(f"> {line}")
        self._transport.write(line.encode("utf-8") + b"\n")

    def _send_waiting(self) -> None:
        if self.ready is not None and self._waiting is not None:
            self._current, request, self._waiting = self._waiting["id"], self._waiting, None
            self._send(request)

    def _output(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if line.strip():
                self._receive(line)

    def _receive(self, line: str) -> None:
        try:
            event = json.loads(line)
            name = event["event"]
        except (ValueError, TypeError, KeyError):
            self._note(f"not understood: {line[:200]}")
            return
        if name != "progress":
            self._note(f"< {line[:2000]}")
        if name == "ready":
            self._became_ready(event)
        elif name == "error" and event.get("id") == _HELLO:
            self._fail(str(event.get("message")), str(event.get("hint")), str(event.get("code")))
            self._transport.kill()
        elif name in ("progress", "done", "cancelled", "error"):
            self._of_request(name, event)
        else:
            self._emit(event)

    def _became_ready(self, event: dict) -> None:
        if event.get("protocol") != PROTOCOL:
            self._fail(
                _("The worker speaks version {theirs} of the protocol, the module version {ours}.").format(
                    theirs=event.get("protocol"), ours=PROTOCOL
                ),
                _("Restart Slicer so that both are of the same version."),
            )
            self._transport.kill()
            return
        self.ready = event
        self._emit(event)
        self._send_waiting()

    def _of_request(self, name: str, event: dict) -> None:
        if self._current is None or event.get("id") != self._current:
            return
        if name == "progress":
            if not self._cancelling:
                self._emit(event)
            return
        cancelled, self._current, self._cancelling = self._cancelling, None, False
        self._emit({"event": "cancelled", "id": event["id"]} if cancelled else event)

    def _errors(self, data: bytes) -> None:
        for line in self._error_lines.feed(data):
            self._said.append(line)
            self._note(line)

    def _ended(self, description: str) -> None:
        self._note(f"the worker ended: {description}")
        identity = self._current or (self._waiting or {}).get("id")
        cancelled, death = self._cancelling, self._death(description)
        is_to_be_told = identity is not None or (self.ready is None and not self._has_failed)
        self._reset()
        if cancelled:
            self._emit({"event": "cancelled", "id": identity})
        elif is_to_be_told:
            self._emit({"event": "error", "id": identity, **death})
        self._emit({"event": "stopped"})

    def _death(self, description: str) -> dict:
        """Why this worker ended, by what it said itself."""
        missing = [line.split("No module named")[-1].strip() for line in self._said if "No module named" in line]
        own = [line for line in self._said if line.startswith(OWN_WORDS) and not is_warning(line)]
        if missing:
            message = _("The worker could not start: the package {name} is missing.").format(name=missing[-1])
            hint = _("Open Setup and install what is needed.")
        elif own:
            message, hint = own[-1].removeprefix(OWN_WORDS), ""
        else:
            message = _("The worker process ended unexpectedly ({how}).").format(how=description)
            hint = _("Press Synthesize to try again. If memory is short, close other programs.")
        return {"code": "worker", "message": message, "hint": hint}

    def _fail(self, message: str, hint: str, code: str = "worker") -> None:
        identity = self._current or (self._waiting or {}).get("id")
        self._waiting, self._current, self._has_failed = None, None, True
        self._emit({"event": "error", "id": identity, "code": code, "message": message, "hint": hint})

    def _emit(self, event: dict) -> None:
        if not self._muted:
            self._on_event(event)

    def _note(self, line: str) -> None:
        self.log.append(line)
