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
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

from .errors import MedDDPMError

PROTOCOL = 1
PREVIEW_SECONDS = 1.0
LIMITS = {"samples": (1, 1000), "steps": (1, 10000), "seed": (0, 2**63 - 1)}


class ProtocolError(MedDDPMError):
    """A request that does not follow the protocol."""

    code = "protocol"


class Cancelled(Exception):
    """The present request was cancelled."""


class Worker:
    """Serves requests from a line stream. A second thread reads, so that a cancel is seen while a request is worked
    on.
    """

    def __init__(self, requests: TextIO, events: TextIO):
        self.requests, self.events = requests, events
        self.waiting: queue.Queue[dict | None] = queue.Queue()
        self.cancelled: set[str] = set()
        self.write_lock = threading.Lock()
        self.model = None
        self.model_key: tuple | None = None

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
        self.cancelled.add("*")
        self.waiting.put(None)

    def _handle(self, request: dict) -> None:
        known = {"hello": self._hello, "synthesize": self._synthesize, "release": self._release}
        identity = request.get("id")
        try:
            if request["request"] not in known:
                raise ProtocolError(f"There is no request {request['request']!r}.", f"Known: {', '.join(known)}.")
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

        from .device import describe_devices
        from .models.catalogue import find_models
        from .models.spec import read_json
        from .version import __version__

        models = []
        for name, folder in find_models().items():
            described = read_json(folder / "model.json")
            keys = ("title", "licence", "sampler", "steps", "modalities", "notes")
            models.append({"name": name, "folder": str(folder), **{key: described.get(key) for key in keys}})
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

    def _load(self, name: str, device: str):
        from .synthesis.synthesize import load_model

        if self.model_key != (name, device):
            self._forget_model()
            self.model = load_model(name, device)
            self.model_key = (name, device)
        return self.model

    def _synthesize(self, request: dict) -> None:
        from .synthesis.output import stem, write_synthesis
        from .synthesis.synthesize import Settings
        from .volume import Volume

        identity = request.get("id")
        if not isinstance(identity, str) or not identity:
            raise ProtocolError("A synthesize request needs an 'id' of its own.")
        mask_path, folder = Path(_text(request, "mask")), Path(_text(request, "output"))
        settings = Settings(
            seed=_number(request, "seed", 0),
            sampler=_optional_text(request, "sampler"),
            steps=_number(request, "steps", None),
            samples=_number(request, "samples", 1),
            output_grid=_optional_text(request, "output_grid") or "mask",
        )
        mapping = _mapping(request)
        name, device = _optional_text(request, "model") or "default", _optional_text(request, "device") or "auto"
        started = time.monotonic()

        def progress(phase: str, **values) -> None:
            if self.cancelled & {identity, "*"}:
                raise Cancelled
            empty = {
                "sample": 0,
                "samples": settings.samples,
                "step": 0,
                "total": 0,
                "seconds_left": None,
                "preview": None,
            }
            self.emit("progress", id=identity, phase=phase, **{**empty, **values})

        progress("reading the mask")
        mask = Volume.read(mask_path, labels=True)
        progress("loading the model")
        model = self._load(name, device)
        plan = model.plan(mask, mapping, settings.output_grid)
        progress("synthesizing", warnings=plan.warnings, notes=plan.notes)
        files = []
        folder.mkdir(parents=True, exist_ok=True)
        previews, wanted, shown = [folder / f"preview-{k}.nii" for k in (0, 1)], request.get("preview", True), 0.0
        walk_started = time.monotonic()
        for state in model.run(plan, settings):
            elapsed = time.monotonic() - walk_started
            values = {
                "sample": state.seeds[-1] - settings.seed + 1,
                "step": state.index,
                "total": state.total,
                "seconds_left": round(elapsed / state.index * (state.total - state.index), 1),
            }
            if state.finished:
                for result in state.results():
                    paths = write_synthesis(model, plan, settings, result, folder, stem(mask_path))
                    described = zip(paths, result.volumes, strict=True)
                    files += [
                        _described(path, name, result.seed - settings.seed, result.seed) for path, name in described
                    ]
            elif wanted and (shown == 0 or time.monotonic() - shown > PREVIEW_SECONDS):
                _write_preview(state, previews[0])
                values["preview"] = str(previews[0])
                previews.reverse()  # the reader may still be at the one before
                shown = time.monotonic()
            progress("synthesizing", **values)
        for preview in previews:
            preview.unlink(missing_ok=True)
        self.emit(
            "done",
            id=identity,
            files=files,
            seconds=round(time.monotonic() - started, 2),
            model=model.spec.name,
            device=str(model.device),
            warnings=plan.warnings,
            notes=plan.notes,
        )


def _write_preview(state, path: Path) -> None:
    from .synthesis.output import scanner_units

    first_modality = next(iter(state.on_model_grid()[0].values()))
    scanner_units(first_modality).write(path)


def _described(path: Path, modality: str, sample: int, seed: int) -> dict:
    from .synthesis.output import sidecar

    return {"path": str(path), "modality": modality, "sample": sample, "seed": seed, "sidecar": str(sidecar(path))}


def _text(request: dict, key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ProtocolError(f"The request needs '{key}', a path.")
    return value


def _optional_text(request: dict, key: str) -> str | None:
    value = request.get(key)
    if value is not None and not isinstance(value, str):
        raise ProtocolError(f"'{key}' must be a text.")
    return value or None


def _number(request: dict, key: str, default: int | None) -> int | None:
    value = request.get(key)
    if value is None:
        return default
    low, high = LIMITS[key]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ProtocolError(f"'{key}' must be a whole number from {low} to {high}, not {value!r}.")
    return value


def _mapping(request: dict) -> dict | None:
    value = request.get("labels")
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(v, int) and not isinstance(v, bool) for v in value.values()):
        raise ProtocolError("'labels' must map label names to whole numbers.")
    return value


def main() -> None:
    """Entry point of the process: keeps stdout for the protocol, and sends all else that prints to stderr."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
    Worker(requests, events).serve()


if __name__ == "__main__":
    main()
