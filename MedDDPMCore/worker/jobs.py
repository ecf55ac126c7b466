"""The requests of the worker that make images, `synthesize` and `edit`: their progress, previews and cancelling."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings as python_warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import shown
from ..base.files import require_writable
from .lines import ProtocolError, identity_of, path_in

if TYPE_CHECKING:
    from ..synthesis.output import Making
    from ..synthesis.synthesize import Model, Progress
    from ..volumes.volume import Volume

NOTHING_DONE = {"sample": 0, "step": 0, "total": 0, "share": 0.0, "seconds_left": None, "preview": None}
"""What a `progress` event says before the first step."""

PREVIEW_SECONDS = 1.0
_CANCEL_SECONDS = 0.1
_READING = threading.Lock()
"""Python's warnings are caught for all threads at once."""
LIMITS = {"samples": (1, 1000), "steps": (1, 10000), "seed": (0, 2**63 - 1)}


class Cancelled(Exception):
    """The present request was cancelled."""


class Job:
    """One request that makes images: what all of them say, and what is told of their progress.

    emit(event, **values) writes an event; cancelled(id) says whether the request was; load(name, device) gives a model;
    place() says where previews are put.
    """

    def __init__(
        self,
        request: dict,
        emit: Callable,
        cancelled: Callable[[str], bool],
        load: Callable,
        place: Callable[[], Path],
    ):
        from ..synthesis.synthesize import Settings

        self.request, self.emit, self.cancelled, self.identity = request, emit, cancelled, identity_of(request)
        self.folder = Path(self.text("output"))
        samples = self._number("samples", None)
        self.settings = Settings(
            seed=self._number("seed", None) or 0,
            sampler=self.optional_text("sampler"),
            steps=self._number("steps", None),
            samples=1 if samples is None else samples,
            output_grid=self.optional_text("output_grid") or "mask",
        )
        self.mapping = self._mapping()
        self.model_name = self.optional_text("model") or "default"
        self.device = self.optional_text("device") or "auto"
        self.previews = request.get("preview", True)
        self.load, self.place, self.started = load, place, time.monotonic()
        self._shown: list[Path] = []
        self.file_warnings: list[str] = []
        """What the readers of files warned of."""

    def progress(self, phase: str, **values: Any) -> None:
        """Tells of progress, unless the request was cancelled: then it raises Cancelled."""
        if self.cancelled(self.identity):
            raise Cancelled
        values = {**NOTHING_DONE, "samples": self.settings.samples, **values}
        self.emit("progress", id=self.identity, phase=phase, **values)

    def read_if_given(self, key: str, labels: bool = True) -> Volume | None:
        """The volume of a path that the request may have."""
        return self.read(key, labels) if self.optional_text(key) else None

    def read(self, key: str, labels: bool = True) -> Volume:
        """The volume of a path in the request."""
        from ..volumes.volume import Volume

        path = self.text(key)
        self.progress(f"reading the {key.replace('_', ' ')}")

        def read() -> Volume:
            with python_warnings.catch_warnings(record=True) as caught:
                python_warnings.simplefilter("always")
                volume = Volume.read(Path(path), labels=labels)
            self.file_warnings += [str(one.message) for one in caught]
            return volume

        return self._unless_cancelled(read)

    def model(self) -> Model:
        """The model asked for."""
        self.progress("loading the model")
        return self.load(self.model_name, self.device)

    def walk(self, states: Iterator[tuple[Any, Any]], warnings: Sequence[str], notes: Sequence[str]) -> Iterator[Any]:
        """Passes on what comes with each finished state (`Progress`) of a walk, and tells of every one."""
        self.progress("synthesizing", warnings=[*self.file_warnings, *warnings], notes=notes)
        require_writable(self.folder)
        self._shown = [self.place() / f"preview-{k}.nii" for k in (0, 1)] if self.previews else []
        walk_started, shown_at = time.monotonic(), 0.0
        for state, result in states:
            elapsed = time.monotonic() - walk_started
            values = {
                "sample": state.seeds[-1] - self.settings.seed + 1,
                "step": state.index,
                "total": state.total,
                "share": round(state.share, 4),
                "seconds_left": round(elapsed / state.share * (1 - state.share), 1),
            }
            if state.finished:
                yield result
            elif self._shown and (shown_at == 0 or time.monotonic() - shown_at > PREVIEW_SECONDS):
                _write_preview(state, self._shown[0])
                values["preview"] = str(self._shown[0])
                self._shown.reverse()  # the reader may still be at the one before
                shown_at = time.monotonic()
            self.progress("synthesizing", **values)
        self.remove_previews()

    def remove_previews(self) -> None:
        """Whatever came of the request, its previews are for nobody any more."""
        for preview in self._shown:
            with contextlib.suppress(OSError):
                preview.unlink(missing_ok=True)

    def described(self, path: Path, modality: str, seed: int) -> dict:
        """An image in the `done` event."""
        from ..synthesis.output import sidecar

        sample = seed - self.settings.seed
        return {"path": str(path), "modality": modality, "sample": sample, "seed": seed, "sidecar": str(sidecar(path))}

    def done(self, making: Making, files: list[dict], warnings: Sequence[str], notes: Sequence[str]) -> None:
        """Tells that all is made. making: of the last image, as of `synthesis.output.Making`."""
        self.emit(
            "done",
            id=self.identity,
            files=files,
            seconds=round(time.monotonic() - self.started, 2),
            model=making.spec.name,
            device=making.device,
            warnings=[*self.file_warnings, *warnings],
            notes=notes,
        )

    def text(self, key: str) -> str:
        """A path that the request must have."""
        return path_in(self.request, key)

    def optional_text(self, key: str) -> str | None:
        """A text that the request may have."""
        value = self.request.get(key)
        if value is not None and not isinstance(value, str):
            raise ProtocolError(f"'{key}' must be a text.")
        return value or None

    def real(self, key: str, default: float) -> float:
        """A number that the request may have."""
        value = self.request.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ProtocolError(f"'{key}' must be a number, not {shown(repr(value))}.")
        return float(value)

    def _number(self, key: str, default: int | None) -> int | None:
        value = self.request.get(key)
        if value is None:
            return default
        low, high = LIMITS[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ProtocolError(f"'{key}' must be a whole number from {low} to {high}, not {shown(repr(value))}.")
        return value

    def _mapping(self) -> dict | None:
        value = self.request.get("labels")
        if value is None:
            return None
        if not isinstance(value, dict) or not all(
            isinstance(v, int) and not isinstance(v, bool) for v in value.values()
        ):
            raise ProtocolError("'labels' must map label names to whole numbers.")
        return value

    def _unless_cancelled(self, work: Callable[[], Any]) -> Any:
        """What work() gives, done by another thread: a slow disk keeps nobody from cancelling. One reads at a time."""
        outcome: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            with _READING:
                try:
                    outcome.append((work(), None))
                except BaseException as error:
                    outcome.append((None, error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_CANCEL_SECONDS)
            if self.cancelled(self.identity):
                raise Cancelled
        result, error = outcome[0]
        if error is not None:
            raise error
        return result


def synthesize(job: Job) -> None:
    """Mask in, MRI out."""
    from ..anatomy.completed import completed
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.output import stem

    name = stem(job.text("mask"))
    mask, mri = job.read("mask"), job.read_if_given("mri", labels=False)
    scheme = ModelSpec.read(find_model(job.model_name)).labels
    checked = completed(mask, scheme, job.mapping, mri)  # before a model is loaded
    model = job.model()
    plan = model.fitted(model.on_grid(*checked, job.settings.output_grid))
    files = []
    states = ((state, state) for state in model.run(plan, job.settings))
    for state in job.walk(states, plan.warnings, plan.notes):
        making = state.making
        for result in state.results():
            paths = result.write(job.folder, name, preview=False)
            files += [
                job.described(p, modality, result.seed) for p, modality in zip(paths, result.volumes, strict=True)
            ]
    job.done(making, files, making.plan.warnings, plan.notes)


def edit(job: Job) -> None:
    """The patient's MRI in, and out with a region made anew."""
    from ..editing.check import USUAL, EditOptions, check_edit
    from ..editing.plan import plan_edit
    from ..editing.run import run_edit
    from ..models.catalogue import find_model
    from ..models.spec import ModelSpec
    from ..synthesis.output import stem

    name = stem(job.text("mri"))
    options = EditOptions(
        margin_mm=job.real("margin_mm", USUAL.margin_mm),
        blend_mm=job.real("blend_mm", USUAL.blend_mm),
        mass_effect=job.real("mass_effect", USUAL.mass_effect),
    )
    job.text("mask")
    mri, mask = job.read("mri", labels=False), job.read("mask")
    source, region = job.read_if_given("source"), job.read_if_given("edit_mask")
    spec = ModelSpec.read(find_model(job.model_name))
    checked = check_edit(  # before a model is loaded
        spec, mri, mask, source=source, edit_mask=region, mapping=job.mapping, options=options
    )
    model = job.model()
    job.progress("preparing the edit")
    planned = plan_edit(model, checked)
    files = []
    for result in job.walk(run_edit(model, planned, job.settings), planned.warnings, planned.notes):
        making = result.making
        path = result.write(job.folder, name, preview=False)
        files.append(job.described(path, model.spec.modalities[0], result.seed))
    job.done(making, files, making.plan.warnings, planned.notes)


def _write_preview(state: Progress, path: Path) -> None:
    from ..synthesis.output import scanner_units

    first_modality = next(iter(state.on_model_grid()[0].values()))
    scanner_units(first_modality).write(path)


JOBS: dict[str, Callable[[Job], None]] = {"synthesize": synthesize, "edit": edit}
