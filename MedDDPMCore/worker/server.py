"""The process that a GUI talks to: JSON lines in on stdin, JSON lines out on stdout, one request worked on at a time.

The protocol is described in Documentation/architecture.md. The last model stays loaded between requests until
`release`.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from ..base.errors import MedDDPMError
from ..base.shortage import memory_explained
from .jobs import JOBS, Cancelled, Job, ProtocolError

if TYPE_CHECKING:
    from ..synthesis.synthesize import Model

PROTOCOL = 1


class Worker:
    """Serves requests from a line stream. A second thread reads, so that a cancel is seen while a request is worked
    on.
    """

    def __init__(self, requests: Iterable[str], events: TextIO):
        self.requests, self.events = requests, events
        self.waiting: queue.Queue[dict | None] = queue.Queue()
        self.cancelled: set[str] = set()
        self.write_lock = threading.Lock()
        self.model: Model | None = None
        self.model_key: tuple[str, str] | None = None

    def serve(self) -> None:
        """Works until `shutdown` or the end of the input."""
        threading.Thread(target=self._read, daemon=True).start()
        while (request := self.waiting.get()) is not None:
            self._handle(request)

    def emit(self, event: str, **values: Any) -> None:
        """Writes one event line."""
        line = json.dumps({"event": event, **values})
        with self.write_lock:
            self.events.write(line + "\n")
            self.events.flush()

    def _read(self) -> None:
        try:
            self._read_all()
        finally:
            self.cancelled.add("*")
            self.waiting.put(None)

    def _read_all(self) -> None:
        for line in self.requests:
            if not line.strip():
                continue
            try:
                request = json.loads(line)
                if not isinstance(request, dict) or not isinstance(request.get("request"), str):
                    raise ProtocolError("A request is a JSON object with the entry 'request'.")
            except (json.JSONDecodeError, RecursionError, ProtocolError) as error:
                self.emit("error", id=None, code="protocol", message=f"A line was not understood: {error}", hint="")
                continue
            if request["request"] == "cancel":
                self.cancelled.add(str(request.get("id")))
            elif request["request"] == "shutdown":
                break
            else:
                self.waiting.put(request)

    def handlers(self) -> dict[str, Callable[[dict], None]]:
        """What does each request that is worked on in its turn."""
        return {"hello": self._hello, **dict.fromkeys(JOBS, self._make), "release": self._release}

    def _handle(self, request: dict) -> None:
        known = self.handlers()
        identity = request.get("id")
        try:
            if request["request"] not in known:
                raise ProtocolError(f"There is no request {request['request']!r}.", f"Known: {', '.join(known)}.")
            with memory_explained():
                known[request["request"]](request)
        except Cancelled:
            self.emit("cancelled", id=identity)
        except MedDDPMError as error:
            self.emit("error", id=identity, code=error.code, message=error.message, hint=error.hint)
        except (
            Exception
        ) as error:  # the boundary of the process: whatever it is, the user gets to see it and the worker lives on
            traceback.print_exc(file=sys.stderr)
            hint = "This is a fault of the program: please send the error report."
            self.emit("error", id=identity, code="internal", message=f"{type(error).__name__}: {error}", hint=hint)
        finally:
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
        from ..synthesis.synthesize import load_model

        if self.model is None or self.model_key != (name, device):
            self._forget_model()
            self.model = load_model(name, device)
            self.model_key = (name, device)
        return self.model

    def _make(self, request: dict) -> None:
        JOBS[request["request"]](Job(request, self.emit, self._is_cancelled, self._load))

    def _is_cancelled(self, identity: str) -> bool:
        return bool(self.cancelled & {identity, "*"})


def as_text(stream: BinaryIO, mode: str) -> TextIO:
    """A stream of bytes that nothing was read from, as one of lines."""
    return cast(TextIO, os.fdopen(stream.fileno(), mode, encoding="utf-8", errors="replace", closefd=False))
