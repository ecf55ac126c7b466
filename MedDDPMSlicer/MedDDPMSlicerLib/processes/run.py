"""One synthesis from click to image: mask out, worker asked, previews and results into the scene."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import vtk
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import LabelError, MedDDPMError

from ..mrml import drawn, grids, nrrd, original, results, scene, variants, views
from ..pieces import Pieces
from ..roles import Role
from . import temporary


@dataclass(frozen=True)
class Edit:
    """That the patient's anatomy is kept: only a region of the MRI is made anew.

    region: the segment that says which; "" for what lies around the tumor. mass_effect: 0 to 1. original: the node that
    remembers the lesions that the MRI shows (`mrml.original`), which are taken out where they were.
    """

    region: str = ""
    mass_effect: float = 0.0
    original: object = None


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the user asked for. options: further fields of the worker's request (device, sampler, steps, …). output: the
    earlier result that is replaced; None for a new volume."""

    segmentation: object
    mri: object
    roles: tuple[Role, ...]
    segments: dict[str, tuple[str, ...]]
    model: str
    seed: int
    samples: int = 1
    on_model_grid: bool = False
    preview: bool = True
    fade: float = 0.5
    options: dict = field(default_factory=dict)
    edit: Edit | None = None
    output: object = None


@dataclass
class Status:
    """What the panel shows of a run. phase: "idle", "starting", "running", "cancelling"; percent: 0 to 100."""

    phase: str = "idle"
    percent: int = 0
    text: str = ""
    seconds_left: float | None = None
    error: str = ""
    hint: str = ""
    code: str = ""


class SynthesisRun:
    """Carries one request at a time through a SynthesisProcess; `on_change` is called whenever `status` changed."""

    def __init__(self, mrml_scene, process, on_change: Callable[[], None], temporary_folder: str | None = None):
        self._scene, self.process, self._on_change = mrml_scene, process, on_change
        self._temporary_folder = temporary_folder
        self.status = Status()
        self.results: list = []
        self.has_replaced = False
        """Whether the last results took the place of an earlier one."""
        self.seconds = 0.0
        """How long the last run took."""
        self.report = ""
        self._settings: RunSettings | None = None
        self._folder: Path | None = None
        self._folders = contextlib.ExitStack()
        self._preview = None
        self._layers: dict = {}
        self.outlines = views.Outlines(mrml_scene)
        self._observer: int | None = None
        self._pieces = Pieces(process.call_later, self._failed)
        self._shows_preview = False
        self._reason = self._name = self._mri_name = self._drawn = ""
        self._mask: scene.Mask | None = None
        self.contrasts: list[float] = []
        """How much the lesion of each image just made stands out, as of `variants.contrast`; none without a lesion."""

    @property
    def is_active(self) -> bool:
        return self._settings is not None

    def start(self, settings: RunSettings) -> None:
        """Begin a run. Raises MedDDPMError, with nothing left behind, where no mask can be made of the segments, or no
        temporary folder."""
        pieces = scene.mask_in_pieces(settings.segmentation, settings.roles, settings.segments, settings.mri)
        next(pieces)  # what is wrong with the segments is raised here
        self._folder = temporary.new_folder("MedDDPM-", self._temporary_folder, self._folders)
        self._settings, self._name, self._reason, self.report = settings, settings.segmentation.GetName(), "", ""
        self.contrasts = []
        self._mri_name = settings.mri.GetName() if settings.mri is not None else ""
        self._shows_preview, self._layers = False, views.layers(self._scene)
        self._observer = self._scene.AddObserver(self._scene.NodeAboutToBeRemovedEvent, self._node_leaves)
        what = _("Starting the worker") if self.process.ready is None else _("Preparing")
        self.status = Status("starting", 0, what)
        self.process.start()
        self._pieces.start(self._prepare(pieces))
        self._on_change()

    def _prepare(self, pieces: Generator) -> Generator[None, None, None]:
        """Write the mask and ask the worker."""
        settings, path = self._settings, str(self._folder / "mask.nrrd")
        mask, source = (yield from pieces), None
        self._drawn = yield from drawn.note_of(mask)
        if settings.edit is not None and settings.edit.original is not None:
            source = yield from self._take_out(mask)
        self._mask = mask
        kind, files = "synthesize", {"output_grid": "model" if settings.on_model_grid else "mask"}
        try:
            yield from scene.write_mask(mask, path)
            if settings.edit is not None:
                kind, files = "edit", (yield from self._write_edit(mask.geometry, source))
        except OSError as error:
            raise temporary.unwritable(error) from error
        self.report = "\n".join(part for part in (mask.overlap_text(), self._said_of(source)) if part)
        if settings.preview:
            self._preview = results.add_preview(self._scene, self._transform_id(), f"{self._name} preview")
            yield
        self.process.ask(
            kind,
            mask=path,
            output=str(self._folder),
            model=settings.model,
            seed=settings.seed,
            samples=settings.samples,
            labels={role.label: role.value for role in settings.roles},
            preview=settings.preview,
            **files,
            **settings.options,
        )

    def _take_out(self, mask: scene.Mask) -> Generator[None, None, np.ndarray | None]:
        """The labels as the MRI shows them; what the mask leaves open where a lesion was becomes head in it.

        None where the mask's lesions are those of the MRI.
        """
        settings = self._settings
        lesions = yield from original.labels(settings.edit.original, settings.roles, mask.geometry)
        (head,) = (role.value for role in settings.roles[:1])
        mask.array[(lesions > 0) & (mask.array == 0)] = head
        drawn = np.isin(mask.array, [role.value for role in settings.roles if role.rank > 0])
        source = np.where(lesions > 0, lesions, np.where(drawn, head, mask.array)).astype(np.uint8)
        return None if np.array_equal(source, mask.array) else source

    def _said_of(self, source: np.ndarray | None) -> str:
        edit = self._settings.edit
        if edit is None or edit.original is None or not original.millilitres(edit.original):
            return ""
        if source is None:
            return _("The tumor is drawn where the MRI shows it, and is made anew there.")
        ml = f"{original.millilitres(edit.original):.1f}"
        return _("The tumor of {ml} ml that the MRI shows is taken out where it is drawn no more.").format(ml=ml)

    def _write_edit(self, geometry: grids.NodeGrid, source: np.ndarray | None) -> Generator[None, None, dict]:
        """The MRI, and the region to make anew if one was chosen, as files; returns what the request says of them."""
        settings, edit = self._settings, self._settings.edit
        files = {"mri": str(self._folder / "mri.nrrd"), "mass_effect": edit.mass_effect}
        yield from nrrd.write_array(grids.array_of_volume(settings.mri), geometry, files["mri"])
        if source is not None:
            files["source"] = str(self._folder / "source.nrrd")
            yield from nrrd.write_array(source, geometry, files["source"])
        if edit.region:
            files["edit_mask"] = str(self._folder / "region.nrrd")
            if scene.is_empty(settings.segmentation, edit.region):
                raise LabelError(
                    _("There is nothing in the segment that says what is to be made anew."),
                    _("Paint the region, or choose “Around the tumor”."),
                )
            region = yield from scene.merged_in_pieces(settings.segmentation, [(edit.region, 1)], geometry)
            yield from nrrd.write_array(region, geometry, files["edit_mask"])
        return files

    def cancel(self, reason: str = "") -> None:
        """Stop the run; the panel hears of it when the worker has stopped, at most two seconds later."""
        reason = reason or _("Cancelled.")
        if self.is_active:
            if self._pieces.is_running:
                self._finish(Status(text=reason))
                return
            self._reason = reason
            self.status = Status("cancelling", self.status.percent, _("Cancelling"))
            self._on_change()
            self.process.cancel()

    def close(self) -> None:
        """End a run now and touch the scene no more: scene closed, module reloaded, Slicer quits."""
        self._stop_observing()
        self._pieces.stop()
        self.outlines.restore()
        if self.is_active:
            self.process.kill()
        self._settings = self._preview = self._mask = None
        self._clean_folder()
        self.status = Status()

    def handle(self, event: dict) -> None:
        """Take one event of the process."""
        if not self.is_active or event["event"] in ("ready", "released", "stopped"):
            return
        handler = {
            "waiting": self._waiting,
            "progress": self._progress,
            "done": self._done,
            "cancelled": self._cancelled,
            "error": self._error,
        }
        handler.get(event["event"], lambda _event: None)(event)

    def _waiting(self, event: dict) -> None:
        self.status = Status("starting", 0, _sentence(event.get("text")))
        self._on_change()

    def _progress(self, event: dict) -> None:
        total, step = max(1, int(event.get("total") or 1)), int(event.get("step") or 0)
        sample, samples = int(event.get("sample") or 0), int(event.get("samples") or 1)
        percent = min(100, int(100 * (event.get("share") or 0)))
        text = _sentence(event.get("phase") or "synthesizing")
        if step:
            text = _("{phase}: step {step} of {total}").format(phase=text, step=step, total=total)
        if sample and samples > 1:
            text = _("{phase}, image {sample} of {samples}").format(phase=text, sample=sample, samples=samples)
        self._note_warnings(event)
        self.status = Status("running", max(percent, self.status.percent), text, event.get("seconds_left"))
        if event.get("preview"):
            self._show_preview(str(event["preview"]))
        self._on_change()

    def _note_warnings(self, event: dict) -> None:
        """What the worker has to say about the mask, after what became of the overlaps."""
        for text in [*event.get("warnings", ()), *event.get("notes", ())]:
            if text not in self.report:
                self.report = f"{self.report}\n{text}".strip()

    def _show_preview(self, path: str) -> None:
        """Show a preview; one that cannot be read is left out, as the next one or the result will come."""
        if self._preview is None or not self._scene.IsNodePresent(self._preview):
            return
        try:
            results.show_preview(path, self._preview)
        except MedDDPMError as error:
            self.process.log.append(f"preview: {error}")
            return
        if not self._shows_preview:
            self._shows_preview = True
            self._show(self._preview)

    def _done(self, event: dict) -> None:
        self.status = Status("running", 100, _("Loading the image"))
        self._on_change()
        self._pieces.start(self._load(event))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, MedDDPMError):
            self._finish(Status(error=error.message, hint=error.hint, code=error.code))
        else:
            self._finish(Status(error=_("The result could not be loaded: {error}").format(error=error), code="result"))

    def _load(self, event: dict) -> Generator[None, None, None]:
        settings = self._settings
        files = [
            results.ResultFile(f["path"], int(f["seed"]), f.get("modality") or "", f.get("sidecar") or "")
            for f in event["files"]
        ]
        name = f"{self._mri_name or self._name} {'edited' if settings.edit is not None else 'synthetic'}"
        extra = {"segmentation": self._name, drawn.KEY: self._drawn}
        extra |= {"mri": self._mri_name} if settings.edit is not None else {}
        made = yield from results.add_results(self._scene, files, self._target(), name, extra, self._transform_id())
        if settings.edit is not None and self._source() is not None:
            for volume in made:
                results.share_window(volume, self._source())
        contrasts = yield from self._contrasts(made)
        self.has_replaced = settings.output is not None and bool(self._scene.IsNodePresent(settings.output))
        if self.has_replaced:
            made = results.replace(self._scene, made, settings.output)
        self._show(made[0])  # no turn of the event loop from here on: a cancel in it would leave the volumes behind
        self.results, self.contrasts, self.seconds = made, contrasts, float(event.get("seconds", 0))
        text = _("Done in {seconds} s: {name}").format(seconds=round(self.seconds), name=made[0].GetName())
        self._finish(Status("idle", 100, text), keep_views=True)

    def _contrasts(self, made: list) -> Generator[None, None, list[float]]:
        """Of all samples of the first modality."""
        lesions = {role.value for role in self._settings.roles if role.rank > 0}
        contrasts = []
        for volume in variants.samples_of(self._scene, made[0]).volumes:
            contrasts.append(variants.contrast(volume, self._mask, lesions))
            yield
        return [contrast for contrast in contrasts if contrast is not None]

    def _cancelled(self, _event: dict) -> None:
        self._finish(Status(text=self._reason or _("Cancelled.")))
        self.process.release()

    def _error(self, event: dict) -> None:
        self._finish(
            Status(
                error=str(event.get("message", "")), hint=str(event.get("hint", "")), code=str(event.get("code", ""))
            )
        )

    def _finish(self, status: Status, keep_views: bool = False) -> None:
        self._stop_observing()
        self._pieces.stop()
        preview, self._preview = self._preview, None
        self._settings = self._mask = None
        if preview is not None:
            results.remove(self._scene, [preview])
        if not keep_views:
            views.restore(self._scene, self._layers)
            self.outlines.restore()
        self._clean_folder()
        self.status = status
        self._on_change()

    def _show(self, volume) -> None:
        views.show(self._scene, volume, self._source(), self._settings.fade)
        self.outlines.show(self._settings.segmentation)

    def _source(self):
        """The MRI to compare with, if it is still there."""
        mri = self._settings.mri
        return mri if mri is not None and self._scene.IsNodePresent(mri) else None

    def _transform_id(self) -> str | None:
        """The transform that the mask lies under, if it still exists."""
        transform = self._mask.geometry.transform_id
        return transform if transform and self._scene.GetNodeByID(transform) else None

    def _target(self) -> grids.NodeGrid | None:
        """The grid that the result must lie on: the mask's, unless the model's was asked for."""
        if self._settings.on_model_grid and self._settings.edit is None:
            return None
        return grids.NodeGrid(self._mask.geometry.dimensions, self._mask.geometry.ijk_to_ras, self._transform_id())

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_leaves(self, _caller, _event, node) -> None:
        if self._settings is not None and node is self._settings.segmentation and not self._scene.IsClosing():
            self.cancel(_("The segmentation was deleted, so the run was stopped."))

    def _stop_observing(self) -> None:
        if self._observer is not None:
            self._scene.RemoveObserver(self._observer)
            self._observer = None

    def _clean_folder(self) -> None:
        self._folder = None
        self._folders.close()


def _sentence(text: object) -> str:
    """With a capital letter; names of computers stay as they are."""
    text = str(text)
    return text[:1].upper() + text[1:]
