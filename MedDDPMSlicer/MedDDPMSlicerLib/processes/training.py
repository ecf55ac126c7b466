"""A training run in the background: started, watched through its log, stopped and resumed."""

from __future__ import annotations

import json
from pathlib import Path

from slicer.i18n import tr as _

from MedDDPMCore.base.errors import reasons
from MedDDPMCore.base.files import make_folder, write_json

from .. import model_info, paths
from ..mrml.loss_plot import read_log
from . import packed
from .command_process import CommandProcess

CONFIGURATION = "slicer-training.json"


def recipe() -> Path:
    """The training configuration that comes with the extension."""
    return paths.core_folder() / "Resources" / "training" / "default.json"


def made_model(run: Path) -> Path | None:
    """The folder of the model that a training has made, if that is whole."""
    folder = run / "model"
    return folder if model_info.read(folder, str(folder)) is not None and run.parts else None


def write_configuration(run: Path, steps: int, batch: int) -> Path:
    """The bundled recipe with other steps (of each stage) and batch size, written into the run folder."""
    path = make_folder(run) / CONFIGURATION
    values = json.loads(recipe().read_text(encoding="utf-8"))
    for stage in values["training"]:
        stage["steps"], stage["batch_size"] = steps, batch
    write_json(path, values)
    return path


def commands(data: Path, run: Path, steps: int, batch: int, start_from: str) -> list[list[str]]:
    """What to run, one after the other: pack the images unless the folder is a packed training set or the run folder
    holds that of these images, then train. Errors as of `packed.is_there` and `packed.make_way`.

    start_from: a model's name or folder to fine-tune, or "".
    """
    is_a_set = (data / packed.DESCRIPTION).is_file()
    is_packed = is_a_set or packed.is_there(data, run)
    if not is_packed:
        packed.make_way(data, run)
    configuration, folder = str(write_configuration(run, steps, batch)), data if is_a_set else packed.folder_of(run)
    todo = [] if is_packed else [["prepare", str(data), str(folder), "--config", configuration]]
    tune = ["--start-from", start_from] if start_from else []
    return [*todo, ["train", configuration, str(folder), str(run), *tune]]


def percent(run: Path | None, last: dict) -> int:
    """How far a training is, over all its stages, by its configuration and the last entry of its log."""
    if run is None or "step" not in last:
        return 0
    stages = json.loads((run / CONFIGURATION).read_text(encoding="utf-8"))["training"]
    done = sum(stage["steps"] for stage in stages[: last.get("stage", 0)]) + last["step"]
    return min(100, 100 * done // sum(stage["steps"] for stage in stages))


class TrainingProcess(CommandProcess):
    """One run of the command line; `poll` reads what its log has gained, `on_end(problem)` hears of its end.

    Asked to stop, or closed, it saves a checkpoint.
    """

    def __init__(self, transport, python: str, core_folder: str, on_end):
        super().__init__(transport, python, core_folder, self._hear, on_end)
        self.heard = ""
        self.run: Path | None = None
        self.last: dict = {}
        self._offsets: dict[Path, int] = {}

    def train(self, todo: list[list[str]], run: Path) -> None:
        """Run command lines one after the other; `run` is the folder that the training writes to."""
        self.run, self._offsets, self.last, self.heard = run, {}, {}, ""
        self.start(*todo)

    def poll(self) -> list[dict]:
        """The new entries of the stages' logs, in order."""
        gained = []
        for log in sorted(self.run.glob("stage-*.jsonl")) if self.run else ():
            entries, self._offsets[log] = read_log(log, self._offsets.get(log, 0))
            gained += entries
        if gained:
            self.last = {**self.last, **gained[-1]}
        return gained

    def newest_sample(self) -> Path | None:
        """The newest sample picture of the run."""
        pictures = self.run.glob("samples/*.png") if self.run else ()
        return max(pictures, key=lambda path: path.stat().st_mtime, default=None)

    def _hear(self, line: str) -> None:
        self.heard = line

    def _problem(self, description: str) -> str:
        lost = packed.left_out(self.run) if self.run is not None and self._command[0] == "prepare" else {}
        if not lost:
            return super()._problem(description)
        return _(
            "these images could not be packed: {reasons}. Mend their files or remove them from the folder, then press "
            "Train again."
        ).format(reasons=reasons(lost))
