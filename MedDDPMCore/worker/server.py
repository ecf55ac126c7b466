"""The process that a GUI talks to: JSON lines in on stdin, JSON lines out on stdout, one request worked on at a time.

The protocol is described in Documentation/architecture.md. The last model stays loaded between requests until
`release`.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import shutil
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from ..base.errors import MedDDPMError, shown
from ..base.shortage import memory_explained, refusals_explained
from .jobs import JOBS, Cancelled, Job
from .lines import ProtocolError, Unheard, parsed
from .private import private_folder

if TYPE_CHECKING:
    from ..synthesis.synthesize import Model

PROTOCOL = 1
_MOST_WAITING = 1000


class Worker:
    """Serves requests from a line stream. A second thread reads, so that a cancel is seen while a request is worked
    on.
    """

    last_seconds = 60.0
    """So long may work that can stop only now and then go on after the input's end."""

    def __init__(self, requests: Iterable[str], events: TextIO):
        self.requests, self.events = requests, events
        self.waiting: queue.Queue[dict | None] = queue.Queue()
        self.asked: Counter[str] = Counter()
        """The ids of requests that wait or are worked on."""
        self.cancelled: set[str] = set()
        self.ended, self.served = threading.Event(), threading.Event()
        """Whether the input has, and whether the work on it."""
        self.write_lock, self.asked_lock = threading.Lock(), threading.Lock()
        self.model: Model | None = None
        self.model_key: tuple[str, str, dict] | None = None
        self.stack = contextlib.ExitStack()
        self.private: Path | None = None

    def serve(self) -> None:
        """Works until `shutdown` or the end of the input. Unheard where nobody takes the events any more."""
        threading.Thread(target=self._read, daemon=True).start()
        try:
            with self.stack:
                while (request := self.waiting.get()) is not None:
                    self._handle(request)
        finally:
            self.served.set()

    def emit(self, event: str, **values: Any) -> None:
        """Writes one event line."""
        line = json.dumps({"event": event, **values})
        try:
            with self.write_lock:
                self.events.write(line + "\n")
                self.events.flush()
        except (OSError, ValueError) as error:
            raise Unheard(str(error)) from error

    def _read(self) -> None:
        try:
            for line in self.requests:
                if line.strip() and not self._take(line):
                    break
        except (Unheard, OSError):  # the other side is gone: so is the work
            return
        finally:
            self.ended.set()
            self.waiting.put(None)
            timer = threading.Timer(self.last_seconds, self._leave_unless_served)
            timer.daemon = True
            timer.start()

    def _leave_unless_served(self) -> None:
        if not self.served.is_set():
            self._leave()

    def _take(self, line: str) -> bool:
        """Takes one line in; whether there may be more."""
        try:
            request = parsed(line)
        except ProtocolError as error:
            self.emit("error", id=None, code=error.code, message=error.message, hint=error.hint)
            return True
        identity = str(request.get("id"))
        with self.asked_lock:
            if request["request"] == "cancel":
                if identity in self.asked:
                    self.cancelled.add(identity)
                return True
            if request["request"] != "shutdown" and self.asked.total() < _MOST_WAITING:
                self.asked[identity] += 1
                self.waiting.put(request)
                return True
        if request["request"] != "shutdown":
            message = f"{_MOST_WAITING} requests are waiting already."
            self.emit("error", id=request.get("id"), code="busy", message=message, hint="Wait for them.")
            return True
        return False

    def _leave(self) -> None:
        """Ends the process now: nobody waits for what it works on."""
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)
        os._exit(1)

    def handlers(self) -> dict[str, Callable[[dict], None]]:
        """What does each request that is worked on in its turn."""
        return {"hello": self._hello, **dict.fromkeys(JOBS, self._make), "release": self._release}

    def _handle(self, request: dict) -> None:
        known = self.handlers()
        identity = request.get("id")
        try:
            if request["request"] not in known:
                raise ProtocolError(
                    f"There is no request {shown(request['request'])!r}.", f"Known: {', '.join(known)}."
                )
            with refusals_explained(), memory_explained():
                known[request["request"]](request)
        except Unheard:
            raise
        except Cancelled:
            self.emit("cancelled", id=identity)
        except MedDDPMError as error:
            self.emit("error", id=identity, code=error.code, message=error.message, hint=error.hint)
        except (
            Exception
        ) as error:  # the boundary of the process: whatever it is, the user gets to see it and the worker lives on
            with contextlib.suppress(OSError):
                traceback.print_exc(file=sys.stderr)
            hint = "This is a fault of the program: please send the error report."
            self.emit("error", id=identity, code="internal", message=f"{type(error).__name__}: {error}", hint=hint)
        finally:
            with self.asked_lock:
                self.asked -= Counter([str(identity)])
                if str(identity) not in self.asked:
                    self.cancelled.discard(str(identity))

    def _hello(self, request: dict) -> None:
        import torch

        from ..base.device import describe_devices
        from ..models.catalogue import find_models
        from ..models.spec import ModelSpec
        from ..version import __version__

        models = []
        for name, folder in find_models().items():
            try:
                described = ModelSpec.read(folder).to_dict()
            except MedDDPMError as error:  # one damaged model keeps nobody from the others
                print(error, file=sys.stderr)
                continue
            keys = ("title", "licence", "sampler", "steps", "modalities", "notes", "weights_sha256")
            models.append({"name": name, "folder": str(folder), **{key: described[key] for key in keys}})
        versions = {"MedDDPMCore": __version__, "torch": torch.__version__, "python": platform.python_version()}
        self.emit(
            "ready",
            id=request.get("id"),
            protocol=PROTOCOL,
            versions=versions,
            devices=describe_devices(),
            models=models,
            pid=os.getpid(),
        )

    def _release(self, request: dict) -> None:
        self._forget_model()
        self.emit("released", id=request.get("id"))

    def _forget_model(self) -> None:
        import gc

        import torch

        self.model, self.model_key = None, None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _load(self, name: str, device: str) -> Model:
        from ..models.catalogue import find_model
        from ..models.spec import ModelSpec
        from ..synthesis.synthesize import load_model

        described = ModelSpec.read(find_model(name)).to_dict()  # with the weights' hash: a folder may be trained anew
        if self.model is None or self.model_key != (name, device, described):
            self._forget_model()
            self.model = load_model(name, device)
            self.model_key = (name, device, described)
        return self.model

    def _make(self, request: dict) -> None:
        job = Job(request, self.emit, self._is_cancelled, self._load, self._previews)
        try:
            JOBS[request["request"]](job)
        finally:
            job.remove_previews()

    def _is_cancelled(self, identity: str) -> bool:
        return self.ended.is_set() or identity in self.cancelled

    def _previews(self) -> Path:
        """Where previews are put: what a killed worker leaves there, the next one removes."""
        if self.private is None:
            self.private = self.stack.enter_context(private_folder())
        return self.private


def as_text(stream: BinaryIO) -> TextIO:
    """A stream of bytes that nothing was written to, as one of lines."""
    return cast(TextIO, os.fdopen(stream.fileno(), "w", encoding="utf-8", errors="replace", closefd=False))
