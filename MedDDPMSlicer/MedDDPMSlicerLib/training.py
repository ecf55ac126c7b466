"""A training run in the background: started, watched through its log, stopped and resumed. No Qt in here."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from . import paths
from .loss_plot import read_log

STOP_GRACE_MS = 60_000
CONFIGURATION = "slicer-training.json"
_COMMAND = ["-u", "-X", "utf8", "-m", "MedDDPMCore.cli"]


def recipe() -> Path:
    """The training configuration that comes with the extension."""
    return paths.core_folder() / "Resources" / "training" / "default.json"


def has_checkpoint(run: Path) -> bool:
    """Whether a run folder holds something to resume from."""
    return any(run.glob("stage-*.pt"))


def write_configuration(run: Path, steps: int, batch: int) -> Path:
    """The bundled recipe with other steps (of each stage) and batch size, written into the run folder."""
    values = json.loads(recipe().read_text(encoding="utf-8"))
    for stage in values["training"]:
        stage["steps"], stage["batch_size"] = steps, batch
    run.mkdir(parents=True, exist_ok=True)
    path = run / CONFIGURATION
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")
    return path


def commands(data: Path, run: Path, steps: int, batch: int, start_from: str) -> list[list[str]]:
    """What to run, one after the other: pack the images unless the folder is a packed training set, then train.

    start_from: a model's name or folder to fine-tune, or "".
    """
    configuration = str(write_configuration(run, steps, batch))
    packed, todo = data, []
    if not (data / "dataset.json").is_file():
        packed = run / "dataset"
        if not (packed / "dataset.json").is_file():
            todo.append(["prepare", str(data), str(packed), "--config", configuration])
    tune = ["--start-from", start_from] if start_from else []
    return [*todo, ["train", configuration, str(packed), str(run), *tune]]


def percent(run: Path | None, last: dict) -> int:
    """How far a training is, over all its stages, by its configuration and the last entry of its log."""
    if run is None or "step" not in last:
        return 0
    stages = json.loads((run / CONFIGURATION).read_text(encoding="utf-8"))["training"]
    done = sum(stage["steps"] for stage in stages[: last.get("stage", 0)]) + last["step"]
    return min(100, 100 * done // sum(stage["steps"] for stage in stages))


class TrainingProcess:
    """Owns one run of the command line; `poll` reads what its log has gained, `on_end(problem)` hears of its end."""

    def __init__(self, transport, python: str, folder: str, on_end):
        self._transport, self._python, self._folder, self._on_end = transport, python, folder, on_end
        transport.on_output = transport.on_error_output = self._output
        transport.on_end = self._ended
        self.output: deque[str] = deque(maxlen=200)
        self.run: Path | None = None
        self.last: dict = {}
        self._todo: list[list[str]] = []
        self._offsets: dict[Path, int] = {}
        self._stopping = False

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def start(self, todo: list[list[str]], run: Path) -> None:
        """Run command lines one after the other; `run` is the folder that the training writes to."""
        self.run, self._todo, self._offsets, self._stopping, self.last = run, list(todo), {}, False, {}
        self.output.clear()
        self._next()

    def poll(self) -> list[dict]:
        """The new entries of the stages' logs, in order."""
        gained = []
        for log in sorted(self.run.glob("stage-*.jsonl")) if self.run else ():
            entries, self._offsets[log] = read_log(log, self._offsets.get(log, 0))
            gained += entries
        if gained:
            self.last = {**self.last, **gained[-1]}
        return gained

    def stop(self) -> None:
        """Ask for a checkpoint and the end; kill if that takes longer than a minute."""
        if self.is_running and not self._stopping:
            self._stopping = True
            self._transport.interrupt()
            self._transport.call_later(STOP_GRACE_MS, self._kill_if_still)

    def close(self) -> None:
        """End it now: Slicer quits or the module is reloaded. The last checkpoint stays."""
        self._todo, self._on_end = [], lambda _problem: None
        self._transport.kill()

    def newest_sample(self) -> Path | None:
        """The newest sample picture of the run."""
        pictures = self.run.glob("samples/*.png") if self.run else ()
        return max(pictures, key=lambda path: path.stat().st_mtime, default=None)

    def _next(self) -> None:
        self._transport.start(self._python, [*_COMMAND, *self._todo.pop(0)], self._folder)

    def _kill_if_still(self) -> None:
        if self._stopping and self.is_running:
            self._transport.kill()

    def _output(self, data: bytes) -> None:
        lines = data.decode("utf-8", "replace").replace("\r", "\n").splitlines()
        self.output.extend(line.strip() for line in lines if line.strip())

    def _ended(self, description: str) -> None:
        stopped, self._stopping = self._stopping, False
        if description == "exit code 0" and self._todo and not stopped:
            self._next()
            return
        self._todo = []
        fine = stopped or description == "exit code 0"
        self._on_end("" if fine else f"{description}. {self.output[-1] if self.output else ''}".strip())
