"""Synthesize: the button, the progress, the cancel, and what came of it."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from .. import model_info
from ..mrml import choices, lesions, original, results, scene, three_d, views
from ..processes.run import Edit, RunSettings, Status
from .panel import Panel, Window

FAINT = 0.1
"""Lesions that differ less than so much from the tissue around them are called hard to see."""
DURATION_KEY = "MedDDPM/SecondsWithoutGPU"
LARGEST_NEW_SEED = 999_999  # short enough to read and type


class SynthesizePanel(Panel):
    FILE = "Synthesize"

    def __init__(self, window: Window):
        super().__init__(window)
        self._failure: Status | None = None
        self.ui.outputSelector.addAttribute("vtkMRMLScalarVolumeNode", results.PREFIX + "synthetic", "true")
        self.ui.outputSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.synthesizeButton.connect("clicked()", lambda: self._synthesize())
        self.ui.cancelButton.connect("clicked()", lambda: self.window.run.cancel())
        self.ui.setupButton.connect("clicked()", self.window.show_setup)
        self.ui.reportButton.connect("clicked()", self.window.copy_report)
        self.ui.regionCombo.connect("activated(int)", self._choose_region)
        self.ui.fadeSlider.connect("valueChanged(double)", self._fade)
        self.ui.asDrawnButton.connect("clicked()", lambda: self._settle(self.window.segments))
        self.ui.noLesionButton.connect("clicked()", lambda: self._settle({}))
        self.ui.anotherSeedButton.connect("clicked()", self._try_another_seed)
        self.ui.surfacesCheckBox.connect("clicked()", self._show_surfaces)
        self.ui.renderingCheckBox.connect("clicked()", self._render)
        self._known_pair: tuple = ()

    @property
    def takes_views(self) -> bool:
        return self.window.run.is_active

    def forget_scene(self) -> None:
        self._known_pair = ()

    def refresh(self) -> None:
        if self._parameters is None:
            return
        run = self.window.run
        reason = self._reason_not_to()
        self.ui.synthesizeButton.enabled = not reason and not run.is_active
        self.ui.synthesizeButton.toolTip = reason or _("Makes an MRI of the segmented head (Ctrl+Enter).")
        self.ui.cancelButton.enabled = run.is_active and run.status.phase != "cancelling"
        self.ui.outputSelector.enabled = not run.is_active
        self.ui.progressBar.value = run.status.percent
        failure = self.failure
        self.ui.statusLabel.text = _("This did not work:") if failure.error else self._status_text(reason)
        self.ui.errorLabel.visible = self.ui.reportButton.visible = bool(failure.error)
        self.ui.errorLabel.text = " ".join(part for part in (failure.error, failure.hint) if part)
        self.ui.setupButton.visible = bool(reason) and not self._has_packages
        self.ui.overlapLabel.text = run.report
        self.ui.overlapLabel.visible = bool(run.report)
        self._refresh_facts()
        self._refresh_3d()
        self._refresh_contrast()
        self._refresh_original()
        self._refresh_edit()
        shown = self._parameters.result is not None
        self.ui.fadeSlider.enabled = (shown or run.is_active) and self._parameters.mri is not None

    def _refresh_edit(self) -> None:
        parameters, idle = self._parameters, not self.window.run.is_active
        self.ui.keepCheckBox.enabled = parameters.mri is not None and idle
        for widget in (self.ui.regionLabel, self.ui.regionCombo, self.ui.massLabel, self.ui.massSlider):
            widget.visible = self._keeps_anatomy
            widget.enabled = idle
        self.ui.regionCombo.clear()
        self.ui.regionCombo.addItem(_("Around the tumor"), "")
        names = scene.segments_of(parameters.segmentation) if parameters.segmentation is not None else {}
        for identity, name in names.items():
            self.ui.regionCombo.addItem(name, identity)
        region = choices.region_of(parameters.segmentation) if names else ""
        self.ui.regionCombo.setCurrentIndex(max(0, self.ui.regionCombo.findData(region)))

    def _refresh_facts(self) -> None:
        """What the model makes, how long it takes without a GPU, and whether the MRI is of another contrast."""
        model, mri = self.window.model, self._parameters.mri
        self.ui.factsLabel.visible = model is not None
        if model is None:
            return
        made = f"{model.title}: {', '.join(model.modalities)}"
        fine = _(", voxels of {size} mm").format(size=f"{max(model.spacing):g}") if model.spacing else ""
        parts = [f"{made}{fine}.", model.notes, self._duration_text()]
        if mri is not None and model_info.looks_contrast_enhanced(mri.GetName()) and "T1" in model.modalities:
            parts.append(
                _("The MRI seems to be with contrast agent; the model makes T1 without it: vessels stay dark.")
            )
        self.ui.factsLabel.text = " ".join(part for part in parts if part)

    def _duration_text(self) -> str:
        """How long a run takes on this computer without a GPU, by the last one of the same length."""
        if self.window.has_gpu or not self.window.can_synthesize:
            return ""
        seconds = slicer.util.settingsValue(self._duration_key(), 0.0, converter=float)
        if not seconds:
            return _("No GPU was found: how long an image takes here is known after the first.")
        return _("No GPU was found: about {time} an image on this computer.").format(time=_duration(seconds))

    def _duration_key(self) -> str:
        parameters = self._parameters
        kind = "edit" if self._keeps_anatomy else "new"
        return f"{DURATION_KEY}/{Path(parameters.model).name}-{parameters.steps}-{kind}"

    def note_duration(self, seconds: float) -> None:
        """Remember how long an image took here, for the next click."""
        if not self.window.has_gpu:
            qt.QSettings().setValue(self._duration_key(), seconds / self._parameters.samples)

    def _refresh_3d(self) -> None:
        parameters = self._parameters
        self.ui.surfacesCheckBox.enabled = parameters.segmentation is not None
        self.ui.surfacesCheckBox.checked = three_d.surfaces_are_shown(parameters.segmentation)
        self.ui.renderingCheckBox.enabled = parameters.result is not None
        self.ui.renderingCheckBox.checked = three_d.volume_is_shown(_rendering(), parameters.result)

    def _show_surfaces(self) -> None:
        parameters, window = self._parameters, self.window
        with _waiting():
            three_d.show_surfaces(
                parameters.segmentation, window.roles, window.segments, self.ui.surfacesCheckBox.checked
            )
            self._look(self.ui.surfacesCheckBox.checked)
        self.refresh()

    def _render(self) -> None:
        """Render the result in place of the surfaces, which would cover it."""
        parameters, shown = self._parameters, self.ui.renderingCheckBox.checked
        with _waiting():
            three_d.hide_other_volumes(_rendering(), slicer.mrmlScene, parameters.result)
            three_d.show_volume(_rendering(), parameters.result, shown)
            if shown and parameters.segmentation is not None:
                three_d.show_surfaces(parameters.segmentation, (), {}, False)
            self._look(shown)
        self.refresh()

    def new_result(self) -> None:
        three_d.move_rendering(_rendering(), slicer.mrmlScene, self._parameters.result)

    def _look(self, shown: bool) -> None:
        """See that a 3D view is there and looks at what is shown."""
        if shown:
            views.need_three_d(slicer.mrmlScene)
            slicer.util.resetThreeDViews()

    def _refresh_contrast(self) -> None:
        """Whether the lesions just made can hardly be seen."""
        run = self.window.run
        faint = [contrast for contrast in run.contrasts if abs(contrast) < FAINT]
        self.ui.faintLabel.visible = self.ui.anotherSeedButton.visible = bool(faint) and not run.is_active
        if faint:
            text = _("The tumor made differs by {percent:.0f} % from the tissue around it, and may be hard to see.")
            if len(run.contrasts) > 1:
                text = _(
                    "In {count} of {total} images the tumor differs by {percent:.0f} % or less from what is around."
                )
            self.ui.faintLabel.text = text.format(
                percent=100 * max(map(abs, faint)), count=len(faint), total=len(run.contrasts)
            )

    def _refresh_original(self) -> None:
        """What is known of the lesions that the MRI shows; lesions that were drawn before it was chosen are these."""
        parameters, window = self._parameters, self.window
        lesion_ids = (
            lesions.lesion_segments(window.roles, window.segments) if parameters.segmentation is not None else []
        )
        pair = (parameters.segmentation, parameters.mri) if lesion_ids else ()
        if pair != self._known_pair:
            self._known_pair = pair
            original.remove_orphans(slicer.mrmlScene)
            if any(not scene.is_empty(parameters.segmentation, identity) for identity in lesion_ids):
                with contextlib.suppress(MedDDPMError):  # said on the click
                    original.remember_first(parameters.segmentation, parameters.mri, window.roles, window.segments)
        known = original.original_of(parameters.segmentation, parameters.mri)
        if known is None:
            text = _("Not known. What is drawn is made; nothing is taken out.")
        elif original.millilitres(known):
            text = _("A tumor of {ml:.1f} ml. It is taken out where it is drawn no more.").format(
                ml=original.millilitres(known)
            )
        else:
            text = _("No tumor. What is drawn is put in.")
        self.ui.originalText.text = text
        shown = self._keeps_anatomy and parameters.segmentation is not None
        for widget in (self.ui.originalLabel, self.ui.originalText, self.ui.asDrawnButton, self.ui.noLesionButton):
            widget.visible = shown
        self.ui.asDrawnButton.enabled = self.ui.noLesionButton.enabled = not window.run.is_active

    def _settle(self, segments: dict[str, tuple[str, ...]]) -> None:
        """Take it that the MRI shows these lesions."""
        self._failure = None
        try:
            original.remember(self._parameters.segmentation, self._parameters.mri, self.window.roles, segments)
        except MedDDPMError as error:
            self._failure = Status(error=error.message, hint=error.hint, code=error.code)
        self.refresh()

    @property
    def _keeps_anatomy(self) -> bool:
        return self._parameters.keepAnatomy and self._parameters.mri is not None

    def _choose_region(self, index: int) -> None:
        if self._parameters.segmentation is not None:
            choices.choose_region(self._parameters.segmentation, self.ui.regionCombo.itemData(index) or "")
            self.window.refresh()

    @property
    def failure(self) -> Status:
        """What went wrong last, if anything."""
        return self._failure if self._failure is not None else self.window.run.status

    @property
    def _has_packages(self) -> bool:
        return self.window.can_synthesize or self.window.process.is_elsewhere

    def _reason_not_to(self) -> str:
        if not self._has_packages:
            return _("Synthesis needs packages that are not there yet: open Setup.")
        if not self.window.models:
            return _("There is no model: import one under Advanced, or install the extension again.")
        if self._parameters.segmentation is None:
            return _("Choose a segmentation first.")
        missing = [
            role.title for role in self.window.roles if role.rank == 0 and not self.window.segments.get(role.label)
        ]
        return _("The segmentation has no {name} segment yet.").format(name=missing[0].lower()) if missing else ""

    def _status_text(self, reason: str) -> str:
        status = self.window.run.status
        if not self.window.run.is_active:
            return status.text or reason or _("Ready.")
        left = ""
        if status.seconds_left is not None and status.phase == "running":
            left = _(", {time} left").format(time=_duration(status.seconds_left))
        return f"{status.text}{left}"

    def _try_another_seed(self) -> None:
        self._synthesize(new_seed=True)

    def _synthesize(self, new_seed: bool = False) -> None:
        """Start a run; what is wrong with the segmentation is said here and nothing starts."""
        parameters, self._failure = self._parameters, None
        if not self.window.finish_edits() or not self._is_meant():
            return
        if parameters.newSeed or new_seed:
            parameters.seed = random.randint(1, LARGEST_NEW_SEED)
        parameters.fade = 1.0  # a new image is seen first, not the MRI under it
        options = {
            key: value for key, value in (("device", parameters.device), ("sampler", parameters.sampler)) if value
        }
        if parameters.steps:
            options["steps"] = parameters.steps
        try:
            self.window.run.start(
                RunSettings(
                    segmentation=parameters.segmentation,
                    mri=parameters.mri,
                    roles=self.window.roles,
                    segments=self.window.segments,
                    model=parameters.model,
                    seed=parameters.seed,
                    samples=parameters.samples,
                    on_model_grid=parameters.grid == "model",
                    preview=parameters.preview,
                    fade=parameters.fade,
                    options=options,
                    edit=self._edit(),
                    output=parameters.output,
                )
            )
        except MedDDPMError as error:
            self._failure = Status(error=error.message, hint=error.hint, code=error.code)
        self.window.refresh()

    def _is_meant(self) -> bool:
        """Whether to start: where no tumor is drawn, though there is a segment for one or another is left over, the
        user is asked; not where an edit takes the tumor out."""
        parameters, roles, segments = self._parameters, self.window.roles, self.window.segments
        tumors = lesions.lesion_segments(roles, segments)
        if any(not scene.is_empty(parameters.segmentation, identity) for identity in tumors):
            return True
        if drawn := scene.drawn_left_over(parameters.segmentation, roles, segments):
            question = _("No segment is the tumor, and {names} is left out. Make an image without a tumor?")
        elif tumors and not self._keeps_anatomy:
            drawn = ", ".join(f"“{scene.segments_of(parameters.segmentation)[identity]}”" for identity in tumors)
            question = _("Nothing is drawn in {names}. Make an image without a tumor?")
        else:
            return True
        return slicer.util.confirmYesNoDisplay(question.format(names=drawn), _("Synthesize"))

    def _edit(self) -> Edit | None:
        parameters = self._parameters
        if not self._keeps_anatomy:
            return None
        return Edit(
            choices.region_of(parameters.segmentation),
            parameters.massEffect,
            original.original_of(parameters.segmentation, parameters.mri),
        )

    def _fade(self, value: float) -> None:
        views.set_fade(slicer.mrmlScene, value)


def _rendering():
    return slicer.modules.volumerendering.logic()


@contextlib.contextmanager
def _waiting():
    qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
    try:
        yield
    finally:
        qt.QApplication.restoreOverrideCursor()


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    return _("{m} min {s} s").format(m=whole // 60, s=whole % 60) if whole >= 60 else _("{s} s").format(s=whole)
