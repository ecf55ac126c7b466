"""A worker for its client here whose work is done on another machine: `medddpm worker --on user@host`.

Requests and events are those of every worker, with the paths of this computer. `ready` has the entry "host", and while
a connection is being made, or waits in a queue, `waiting` events (id, text) come before it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ..base.errors import MedDDPMError, ModelError
from ..base.files import make_folder, together
from ..base.typed_json import read_json
from ..models.catalogue import DEFAULT, SPEC_FILE, WEIGHTS_FILE, find_models
from .channel import Arrivals, LineError, own_name, plain_name, swapped
from .connection import Connection
from .far import ENDED, FILES, OUTPUT, file_mark, model_hash
from .jobs import NOTHING_DONE, Cancelled
from .lines import identity_of, lines_of, path_in
from .private import private_folder
from .server import Worker, as_text
from .ssh import Host

_TELL_SECONDS = 0.5
_THEIRS = ("resources", "busy", "model", "internal")
"""Errors of which it must be said on which machine they happened."""


class FarError(MedDDPMError):
    """What the worker on the other machine could not do."""

    def __init__(self, event: dict, host: str):
        code = str(event.get("code"))
        super().__init__(f"On {host}: " * (code in _THEIRS) + str(event.get("message")), str(event.get("hint", "")))
        self.code = code


def serve(reader: BinaryIO, writer: BinaryIO, host: Host) -> None:
    """Works until `shutdown` or the end of the input."""
    with private_folder() as folder:
        worker = NearWorker(lines_of(reader), as_text(writer), host, folder)
        try:
            worker.serve()
        finally:
            worker.disconnect()


class NearWorker(Worker):
    """Serves the requests of a line stream by a worker on host; folder: a private one."""

    def __init__(self, requests: Iterable[str], events: TextIO, host: Host, folder: Path):
        super().__init__(requests, events)
        self.host, self.folder = host, folder
        self.connection: Connection | None = None
        self.wire: str | None = None
        self.ready: dict = {}
        self._numbers = itertools.count(1)

    @property
    def line(self) -> Connection:
        """The connection that was made; LineError where there is none any more."""
        if self.connection is None:
            raise LineError(f"The connection to {self.host.name} is closed.", "Try again.")
        return self.connection

    def disconnect(self) -> None:
        """Ends the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()
            shutil.rmtree(connection.arrivals.folder, ignore_errors=True)

    def check(self, identity: str) -> None:
        """Raises Cancelled where the request was cancelled."""
        if self._is_cancelled(identity):
            raise Cancelled

    def connect(self, identity: str, tell: Callable[[str], None]) -> Connection:
        """The connection to a worker that has said what it is, made where there is none."""
        if self.connection is not None and self.connection.process.poll() is not None:
            self.disconnect()
        if self.connection is None:
            last_state = ""
            arrivals = Arrivals(make_folder(self.folder / f"line-{next(self._numbers)}"), self._is_wanted)
            self.connection = Connection(self.host, arrivals)
            for state in self.connection.opening():
                self.check(identity)
                if state != last_state:
                    tell(state)
                    last_state = state
            self.ready = self.answer(identity, {"request": "hello"}, "ready")
        return self.connection

    def answer(self, identity: str, request: dict, wanted: str) -> dict:
        """Asks the other machine and waits for the event that answers."""
        self.wire = f"ask-{next(self._numbers)}"
        self.line.send({**request, "id": self.wire})
        while True:
            self.check(identity)
            event = self.line.receive() or {}
            if event.get("id") == self.wire and event.get("event") in (wanted, "error"):
                if event["event"] == "error":
                    raise FarError(event, self.host.name)
                return event

    def _is_wanted(self, about: dict) -> bool:
        return about.get("id") == self.wire

    def _handle(self, request: dict) -> None:
        super()._handle(request)
        self.wire = None

    def _hello(self, request: dict) -> None:
        identity = request.get("id")
        with self._line_kept():
            before = self.connection
            self.connect(str(identity), lambda state: self.emit("waiting", id=identity, text=state))
            if self.connection is before:
                self.ready = self.answer(str(identity), {"request": "hello"}, "ready")
        models = [{**model, "folder": None} for model in self.ready["models"]]
        own = {"id": identity, "pid": os.getpid(), "models": models, "host": self.host.name}
        self.emit(**{**self.ready, **own})

    def _release(self, request: dict) -> None:
        if self.connection is not None:
            with self._line_kept():
                self.answer(str(request.get("id")), {"request": "release"}, "released")
        self.emit("released", id=request.get("id"))

    def _make(self, request: dict) -> None:
        job = _Job(self, request)
        with self._line_kept():
            job.run()

    @contextlib.contextmanager
    def _line_kept(self) -> Iterator[None]:
        """Leaves a line that the next request can use, or none: what was asked and is no longer wanted is cancelled."""
        try:
            yield
        except LineError:
            self.disconnect()
            raise
        except (Cancelled, MedDDPMError):
            if self.connection is not None and self.connection.opened and self.wire:
                with contextlib.suppress(LineError):
                    self.connection.send({"request": "cancel", "id": self.wire})
            else:
                self.disconnect()
            raise
        except BaseException:
            self.disconnect()
            raise


class _Job:
    """One request that makes images there, from the sending of its files to the last image."""

    def __init__(self, worker: NearWorker, request: dict):
        self.worker, self.request, self.identity = worker, request, identity_of(request)
        self.host = worker.host.name
        self.output = Path(path_in(request, "output"))
        self.warnings: list[str] = []
        self.names: dict[str, str] = {OUTPUT: str(self.output)}
        self.kept: list[str] = []
        self.stem = ""
        self._previews: list[int] = []
        self._told = 0.0

    def run(self) -> None:
        """Sends the files, asks for the images, and takes them in."""
        self._progress("")
        connection = self.worker.connect(self.identity, self._progress)
        wanted = {**self.request, "id": None, "output": None}
        wanted["model"] = self._model(self.request.get("model") or DEFAULT)
        self.worker.wire = wanted["id"] = f"job-{next(self.worker._numbers)}"
        for key in FILES:
            if self.request.get(key):
                wanted[key] = self._sent(key)
        connection.send(wanted)
        try:
            while (event := self._next())["event"] not in ENDED:
                self._pass_on(event)
        except LineError as error:
            raise self._with_what_is_kept(error) from error
        if event["event"] == "cancelled":
            raise Cancelled
        if event["event"] == "error":
            raise FarError(swapped(event, self.names), self.host)
        self._done(event)

    def _next(self) -> dict:
        while True:
            self.worker.check(self.identity)
            event = self.worker.line.receive()
            if event is not None and event.get("id") == self.worker.wire:
                return event

    def _pass_on(self, event: dict) -> None:
        if event["event"] == "result":
            self._keep(event)
        elif event["event"] == "progress":
            values = swapped({key: value for key, value in event.items() if key not in ("event", "id")}, self.names)
            if values.get("preview") is not None:
                values["preview"] = self._preview(values["preview"])
            if "warnings" in values:
                values["warnings"] = [*self.warnings, *values["warnings"]]
            self.worker.emit("progress", id=self.identity, **values)

    def _keep(self, event: dict) -> None:
        """Image and record come into the output folder together."""
        arrivals = self.worker.line.arrivals
        image, record = (arrivals.path(event[key]) for key in ("image", "sidecar"))
        asked = image.name.startswith(f"{self.stem}_") and image.name.endswith(".nii.gz")
        if not asked or record.name != f"{image.name[:-7]}.json":
            raise LineError(f"{self.host} sent {image.name}, which is no image of {self.stem}.")
        with together(self.output, record.name) as part:
            for path in (image, record):
                shutil.move(path, part / path.name)
        self.kept.append(image.name)

    def _preview(self, number: int) -> str:
        """A preview's path here; the reader may still be at the one before."""
        arrivals = self.worker.line.arrivals
        self._previews.append(number)
        if len(self._previews) > 2:
            arrivals.drop(self._previews.pop(0))
        return str(arrivals.path(number))

    def _done(self, event: dict) -> None:
        for number in self._previews:
            self.worker.line.arrivals.drop(number)
        values = swapped({key: value for key, value in event.items() if key not in ("event", "id")}, self.names)
        files = []
        for file in values["files"]:
            if own_name(file["path"]) not in self.kept:
                raise LineError(f"{file['path']} did not come from {self.host}.", "Try again.")
            files.append({**file, **{key: str(self.output / own_name(file[key])) for key in ("path", "sidecar")}})
        values |= {"files": files, "warnings": [*self.warnings, *values["warnings"]]}
        self.worker.emit("done", id=self.identity, **values)

    def _with_what_is_kept(self, error: LineError) -> LineError:
        if not self.kept:
            return error
        count = "1 image was" if len(self.kept) == 1 else f"{len(self.kept)} images were"
        return LineError(f"{error.message} {count} whole before, in {self.output}.", error.hint)

    def _sent(self, key: str) -> dict:
        path = Path(path_in(self.request, key))
        with self.worker.line.lost_explained():
            number = self._send(_one_file(path, key, self.worker.line.arrivals.folder), key.replace("_", " "))
        self.names[file_mark(number)] = str(path)
        if key == ("mri" if self.request["request"] == "edit" else "mask"):
            self.stem = _stem(path)
        return {"file": number}

    def _send(self, path: Path, what: str) -> int:
        size = path.stat().st_size

        def stopped(count: int) -> bool:
            if time.monotonic() - self._told > _TELL_SECONDS:
                self._progress(f"sending the {what} to {self.host}: {count / 1e6:.0f} of {size / 1e6:.0f} MB")
            return self.worker._is_cancelled(self.identity)

        number = self.worker.line.channel.send_file(path, {"id": self.worker.wire}, stopped)
        if number is None:
            raise Cancelled
        return number

    def _model(self, name: str) -> Any:
        """What the other machine knows the model by: its name, or, after it was sent where it must, its hash."""
        theirs = {model["name"]: model for model in self.worker.ready["models"]}
        folder = find_models().get(name) or Path(name)
        is_here = (folder / SPEC_FILE).is_file()
        if name in theirs:
            if is_here and read_json(folder / SPEC_FILE, ModelError).get("weights_sha256") != theirs[name].get(
                "weights_sha256"
            ):
                self.warnings.append(
                    f"The model {name} of {self.host} was used, which is not the one of this computer."
                )
            return name
        if not is_here:
            known = ", ".join(sorted({*theirs, *find_models()}))
            raise ModelError(f"There is no model {name!r}, neither here nor on {self.host}.", f"Known models: {known}.")
        try:
            request = {"request": "model", "sha256": model_hash(folder)}
        except OSError as error:
            raise ModelError(f"{folder} cannot be read: {error.strerror}.", "Import it again.") from error
        if not self.worker.answer(self.identity, request, "model")["there"]:
            with self.worker.line.lost_explained():
                files = {path.name: self._send(path, "model") for path in (folder / SPEC_FILE, folder / WEIGHTS_FILE)}
            self.worker.answer(self.identity, {**request, "files": files}, "model")
        return {"sha256": request["sha256"]}

    def _progress(self, phase: str) -> None:
        self._told = time.monotonic()
        values = {**NOTHING_DONE, "samples": self.request.get("samples") or 1}
        self.worker.emit("progress", id=self.identity, phase=phase or f"asking {self.host}", **values)


def _stem(path: Path) -> str:
    """What the names of a file's images begin with."""
    endings = r"(([.]seg)?[.]nrrd|[.]nii([.]gz)?|[.]nhdr|[.]mh[ad])$"
    return re.sub(endings, "", plain_name(path.name), flags=re.IGNORECASE) or "mask"


def _one_file(path: Path, key: str, folder: Path) -> Path:
    """The volume as one file: itself, or, where it is a folder or its voxels lie in another file, a NRRD file."""
    from ..volumes.volume import Volume

    name = path.name.lower()
    if path.is_file() and name.endswith((".nii", ".nii.gz", ".nrrd", ".mha")) and not _is_detached(path):
        return path
    copy = folder / f"{re.sub(r'[.](nrrd|nhdr|mhd)$', '', path.name, flags=re.IGNORECASE)}.nrrd"
    Volume.read(path, labels=key != "mri").write(copy)
    return copy


def _is_detached(path: Path) -> bool:
    if not path.name.lower().endswith(".nrrd"):
        return False
    with path.open("rb") as file:
        return b"\ndata" in file.read(1 << 16).partition(b"\n\n")[0].lower().replace(b" ", b"")
