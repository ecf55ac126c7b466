"""A connection to the worker on another machine, over ssh: opened, listened to, kept alive, closed."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator

from ..base.errors import MedDDPMError
from . import ssh
from .channel import VERSION, Arrivals, Channel, LineError
from .server import PROTOCOL
from .silence import ALIVE_SECONDS

_PATIENCE = 0.05
_END_SECONDS = 5


class Connection:
    """ssh, and the messages that come through it. arrivals: where the files that it brings are put."""

    def __init__(self, host: ssh.Host, arrivals: Arrivals):
        self.host, self.arrivals = host, arrivals
        self.process = ssh.start(host)
        assert self.process.stdout and self.process.stdin and self.process.stderr, "all three are pipes"
        self.channel = Channel(self.process.stdout, self.process.stdin)
        self._input, self._errors = self.process.stdin, self.process.stderr
        self.reached = self.opened = False
        self._words: deque[str] = deque(maxlen=100)
        self._messages: queue.Queue[dict | None] = queue.Queue()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=job, daemon=True) for job in (self._listen, self._note, self._ping)]
        for thread in self._threads:
            thread.start()

    def opening(self) -> Iterator[str]:
        """Says again and again how far the opening is, until the worker there can be asked.

        Raises LineError that says why there is none, or that it is of another version.
        """
        state = f"connecting to {self.host.name}"
        while True:
            yield state
            message = self.receive()
            if message is None:
                if "queue of" in state and (queued := [w for w in self._words if w.startswith("srun: job ")]):
                    state = f"waiting in the queue of {self.host.name} ({queued[-1].removeprefix('srun: ')})"
            elif message.get("event") == "open":
                self.reached = True
                if (message.get("carry"), message.get("protocol")) != (VERSION, PROTOCOL):
                    raise ssh.other_version(self.host, f"MedDDPM {message.get('version')}, this is {PROTOCOL}")
                if not message.get("launching"):
                    self.opened = True
                    return
                state = f"waiting in the queue of {self.host.name}"

    def send(self, message: dict) -> None:
        """Sends a message; LineError where the connection is lost."""
        with self.lost_explained():
            self.channel.send(message)

    def receive(self) -> dict | None:
        """The next message; None where none comes within a moment. LineError where the connection is lost."""
        try:
            message = self._messages.get(timeout=_PATIENCE)
        except queue.Empty:
            return None
        if message is None:
            self._messages.put(None)
            raise self._lost()
        return message

    @contextlib.contextmanager
    def lost_explained(self) -> Iterator[None]:
        """Makes of a broken pipe the LineError that says why."""
        try:
            yield
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._lost() from error

    def close(self) -> None:
        """Ends it: the worker there sees the end of its input, stops and cleans up."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._input.close()
        if not self.reached:
            self.process.kill()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        carried = f"{self.channel.sent} bytes sent, {self.channel.received} received"
        print(f"{self.host.name}: connection closed, {carried}", file=sys.stderr, flush=True)

    def _lost(self) -> MedDDPMError:
        try:
            code = self.process.wait(_END_SECONDS)
            self._threads[1].join(_END_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        output = "\n".join([*self.channel.noise, *self._words])
        return ssh.explained(self.host, code, output, self.opened)

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, LineError):
            while (received := self.channel.receive()) is not None:
                message, data = received
                if "carry" in message and "event" not in message:
                    self.arrivals.take(message, data)
                else:
                    self._messages.put(message)
        self._messages.put(None)

    def _note(self) -> None:
        for line in self._errors:
            text = line.decode("utf-8", "replace").rstrip()
            self._words.append(text)
            print(f"{self.host.name}: {text}", file=sys.stderr, flush=True)

    def _ping(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while not self._ended.wait(ALIVE_SECONDS):
                self.channel.send({"request": "alive"})
