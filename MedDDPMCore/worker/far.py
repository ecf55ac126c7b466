"""The worker on the other machine: the usual one, whose files come and go over the channel.

What it is sent and what it makes lies in a private folder, a request's files until the request has ended. Models that
this machine lacked are kept in the user's folder, by their hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ..base.errors import BusyError, ModelError, ResourceError
from ..base.files import make_folder, new_folder, require_writable, sha256_of
from ..base.resources import own_folder
from ..models.catalogue import SPEC_FILE, WEIGHTS_FILE
from ..version import __version__
from .channel import VERSION, Arrivals, Channel, LineError, swapped
from .jobs import Cancelled
from .private import private_folder
from .server import PROTOCOL, Worker
from .silence import Silence

FILES = ("mask", "mri", "source", "edit_mask")
"""The entries of a request that are files."""
ENDED = ("done", "cancelled", "error")
OUTPUT = "<output>"
"""Stands for the output folder in what is told; file_mark for a file that was sent."""


def file_mark(number: int) -> str:
    """Stands for a file in what is told."""
    return f"<file {number}>"


def opening() -> dict:
    """The first message of a worker at the far end."""
    return {"event": "open", "carry": VERSION, "protocol": PROTOCOL, "version": __version__}


def model_hash(folder: Path) -> str:
    """The SHA-256 that a model is sent by: of its description and weights."""
    both = "".join(sha256_of(folder / name) for name in (SPEC_FILE, WEIGHTS_FILE))
    return hashlib.sha256(both.encode()).hexdigest()


def serve(reader: BinaryIO, writer: BinaryIO) -> None:
    """Works until the channel ends."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: sys.exit(1))
    with private_folder() as folder:
        FarWorker(Channel(reader, writer), folder).serve()


class FarWorker(Worker):
    """Serves the requests of a channel; folder: a private one."""

    last_seconds = 8.0

    def __init__(self, channel: Channel, folder: Path):
        super().__init__(self._lines(), sys.stderr)
        self.channel, self.folder = channel, folder
        self.arrivals = Arrivals(folder)
        self.delivery: Delivery | None = None

    def serve(self) -> None:
        """Works until the end of the input, in vain where nobody listens any more."""
        self.channel.send(opening())
        try:
            super().serve()
        except OSError:
            print("medddpm: the other end of the connection has gone", file=sys.stderr)

    def handlers(self) -> dict:
        """Those of every worker, and the taking in of models."""
        return {**super().handlers(), "model": self._take_model}

    def emit(self, event: str, **values: Any) -> None:
        """Sends an event, after the files that belong to it."""
        if self.delivery is not None and values.get("id") == self.delivery.identity:
            values = self.delivery.with_files(event, values)
        self.channel.send({"event": event, **values})

    def _lines(self) -> Iterator[str]:
        silence = Silence(self._leave)
        while (received := self.channel.receive()) is not None:
            silence.heard()
            message, data = received
            if "carry" in message:
                self.arrivals.take(message, data)
            elif message.get("request") != "alive":
                yield json.dumps(message)

    def _previews(self) -> Path:
        return self.folder

    def _leave(self) -> None:
        """Ends the process now: what it works on is for nobody."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(1)

    def _make(self, request: dict) -> None:
        numbers = [request[key]["file"] for key in FILES if request.get(key)]
        output = self.folder / "output"
        try:
            own = {key: str(self.arrivals.path(request[key]["file"])) for key in FILES if request.get(key)}
            names = {own[key]: file_mark(request[key]["file"]) for key in own} | {str(output): OUTPUT}
            if isinstance(request.get("model"), dict):
                folder = self._received(request["model"]["sha256"])
                own["model"], names[str(folder)] = str(folder), folder.name
            self.delivery = Delivery(self, request["id"], output, names)
            super()._make({**request, **own, "output": str(output)})
        finally:
            shutil.rmtree(output, ignore_errors=True)
            for number in numbers:
                self.arrivals.drop(number)

    def _handle(self, request: dict) -> None:
        try:
            super()._handle(request)
        finally:
            self.delivery = None

    def _received(self, sha256: str) -> Path:
        """Where a model lies that was sent here: among the user's, or, where this one can keep none, for this time."""
        if not isinstance(sha256, str) or len(sha256) != 64 or not sha256.isalnum():
            raise LineError("A model's hash was expected.")
        kept = own_folder("received")
        try:
            return require_writable(kept or self.folder / "received") / sha256
        except ResourceError:
            return self.folder / "received" / sha256

    def _take_model(self, request: dict) -> None:
        """Says whether a model is here, after it was put there where the request brings its files."""
        folder, files = self._received(request["sha256"]), request.get("files") or {}
        if files and not folder.is_dir():
            make_folder(folder.parent)
            try:
                with new_folder(folder) as part:
                    for name in (SPEC_FILE, WEIGHTS_FILE):
                        shutil.copyfile(self.arrivals.path(files[name]), part / name)
                    if model_hash(part) != request["sha256"]:
                        raise ModelError("The model was changed while it was sent.", "Try again.")
            except (BusyError, ResourceError):
                if not folder.is_dir():  # another worker may have taken the same in meanwhile
                    raise
        for number in files.values():
            self.arrivals.drop(number)
        self.emit("model", id=request["id"], there=folder.is_dir())


class Delivery:
    """What one request makes, sent as it comes: previews when nothing else waits, images when they are whole."""

    def __init__(self, worker: FarWorker, identity: str, output: Path, names: dict[str, str]):
        self.worker, self.identity, self.output, self.names = worker, identity, output, names
        self._sent: set[str] = set()
        self._latest: dict = {}
        self._preview: threading.Thread | None = None

    def with_files(self, event: str, values: dict) -> dict:
        """The event as it is told to the other machine, with names and numbers of files that were sent before it."""
        preview = values.get("preview")
        if event in ("progress", "done"):
            self._send_images()
        if event in ENDED and self._preview is not None:
            self._preview.join()
        if event == "done":
            names = [{key: Path(file[key]).name for key in ("path", "sidecar")} for file in values["files"]]
            values["files"] = [file | own for file, own in zip(values["files"], names, strict=True)]
        if preview is not None:
            values["preview"] = None
        self._latest = values = swapped(values, self.names)
        if preview and not (self._preview and self._preview.is_alive()):
            self._preview = threading.Thread(target=self._send_preview, args=(Path(preview),), daemon=True)
            self._preview.start()
        return values

    def _send(self, path: Path) -> int:
        about = {"id": self.identity}
        number = self.worker.channel.send_file(path, about, lambda _bytes: self.worker._is_cancelled(self.identity))
        if number is None:
            raise Cancelled
        return number

    def _send_images(self) -> None:
        for record in sorted(self.output.glob("*.json")):
            if record.name not in self._sent:
                files = {"image": self._send(record.with_name(f"{record.stem}.nii.gz")), "sidecar": self._send(record)}
                self.worker.channel.send({"event": "result", "id": self.identity, **files})
                self._sent.add(record.name)

    def _send_preview(self, path: Path) -> None:
        try:
            number = self._send(path)
            self.worker.channel.send({"event": "progress", **self._latest, "preview": number})
        except (Cancelled, OSError):  # the run ends, or removed it as the image is there
            return
