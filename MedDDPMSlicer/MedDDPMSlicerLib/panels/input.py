"""Head and tumor: which MRI, which segmentation, which segment is what; sample heads; a head from the MRI."""

from __future__ import annotations

import logging
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import MedDDPMError

from ..mrml import choices, grids, head, loading, original, samples, scene, surfaces
from ..roles import Role
from .panel import Panel, Window, let_shrink


class InputPanel(Panel):
    FILE = "Input"

    def __init__(self, window: Window):
        super().__init__(window)
        self._rows: dict[str, tuple] = {}
        self._roles: tuple[Role, ...] = ()
        self._filling = False
        self._offer: tuple[str, ...] = ()
        self.notice = ""
        for selector in (self.ui.mriSelector, self.ui.segmentationSelector):
            selector.setMRMLScene(slicer.mrmlScene)
        for path in samples.sample_files():
            self.ui.sampleCombo.addItem(samples.title(path), str(path))
        self.ui.sampleButton.connect("clicked()", self._load_sample)
        self.ui.headButton.connect("clicked()", self._make_head)
        self.ui.offerButton.connect("clicked()", self._take_offer)
        self.ui.labelsButton.connect("clicked()", self._take_labels)
        self._labels = None

    def refresh(self) -> None:
        if self._parameters is None:
            return
        if self._roles != self.window.roles:
            self._build_rows(self.window.roles)
        segmentation, busy = self._parameters.segmentation, self.window.run.is_active
        names = scene.segments_of(segmentation) if segmentation else {}
        self._fill_rows(names, busy)
        fitting = self.window.model is None or "head" in self.window.model.labels
        has_samples = self.ui.sampleCombo.count > 0 and fitting
        self.ui.sampleButton.enabled = self.ui.sampleCombo.enabled = has_samples and not busy
        self.ui.sampleCombo.visible = self.ui.sampleCombo.count > 1
        self.ui.headButton.visible = "head" in self._rows
        self.ui.headButton.enabled = self._parameters.mri is not None and not busy
        self.ui.mriSelector.enabled = self.ui.segmentationSelector.enabled = not busy
        self._offer_left_over(busy)
        self._offer_labels(busy)
        self.ui.inputMessage.text = self._message()
        self.ui.inputMessage.visible = bool(self.ui.inputMessage.text)

    def _message(self) -> str:
        if self._parameters.segmentation is None and self._parameters.mri is not None and "head" in self._rows:
            text = _("Next: press “Make head segment from the MRI”, or choose a segmentation.")
        elif self._parameters.segmentation is None:
            text = _("Choose a segmentation, or start from a sample head.")
        else:
            missing = [role.title for role in self._roles if not self.window.segments.get(role.label)]
            required = [role.title for role in self._roles if role.rank == 0 and role.title in missing]
            if required == ["Head"]:
                text = _("There is no head segment yet: make one from the MRI, or create and paint one, or choose one.")
            elif required:
                text = _("There is no {name} segment yet: create and paint one, or choose one above.").format(
                    name=required[0].lower()
                )
            elif missing:
                text = _("No segment for: {names}. The image will show none.").format(names=", ".join(missing).lower())
            else:
                text = ""
            if missing and (left := self._left_over()):
                names = ", ".join(f"“{name}”" for name in left.values())
                unknown = _("Not known what it is, and left out: {names}. Choose it above if it is one of these.")
                text = "\n".join([text, unknown.format(names=names)])
        return "\n".join(part for part in (self.notice, text) if part)

    def _left_over(self) -> dict[str, str]:
        return scene.left_over(self._parameters.segmentation, self._roles, self.window.segments)

    def _offer_left_over(self, busy: bool) -> None:
        """A button for the only segment that plays no role, where the only lesion there can be is not found."""
        lesions = [role for role in self._roles if role.rank > 0]
        left = self._left_over() if self._parameters.segmentation is not None else {}
        offered = len(left) == 1 and len(lesions) == 1 and not self.window.segments.get(lesions[0].label)
        self._offer = (lesions[0].label, *left) if offered else ()
        self.ui.offerButton.visible, self.ui.offerButton.enabled = offered, not busy
        if offered:
            [name], title = left.values(), lesions[0].title.lower()
            self.ui.offerButton.text = _("“{name}” is the {label}").format(name=name, label=title)

    def _take_offer(self) -> None:
        self._choose_segment(*self._offer)

    def _build_rows(self, roles: tuple[Role, ...]) -> None:
        for widgets in self._rows.values():
            for widget in widgets:
                widget.setParent(None)
                widget.deleteLater()
        self._rows, self._roles = {}, roles
        for role in roles:
            label = qt.QLabel(_("{title}:").format(title=role.title))
            row = qt.QWidget()
            row.objectName = f"row_{role.label}"
            layout = qt.QHBoxLayout(row)
            layout.setContentsMargins(0, 0, 0, 0)
            combo = qt.QComboBox()
            combo.objectName = f"combo_{role.label}"
            combo.toolTip = _("The segment that is the {name}").format(name=role.title.lower())
            let_shrink(combo)
            combo.connect("activated(int)", lambda index, label=role.label: self._choose(label, index))
            button = qt.QPushButton(_("Create"))
            button.objectName = f"create_{role.label}"
            button.toolTip = _("Adds an empty segment with the right name, terminology and colour")
            button.connect("clicked()", lambda role=role: self._create(role))
            layout.addWidget(combo)
            layout.addWidget(button)
            self.ui.segmentForm.addRow(label, row)
            self._rows[role.label] = (label, row, combo, button)

    def _fill_rows(self, names: dict[str, str], busy: bool) -> None:
        chosen = choices.chosen_segments(self._parameters.segmentation) if names else {}
        for role in self._roles:
            _label, _row, combo, button = self._rows[role.label]
            played_by = [names[identity] for identity in self.window.segments.get(role.label, ()) if identity in names]
            automatic = _("Found: {names}").format(names=", ".join(played_by)) if played_by else _("None found")
            if chosen.get(role.label) in names:
                automatic = _("Find by name or terminology")
            combo.clear()
            combo.addItem(automatic, "")
            for identity, name in names.items():
                combo.addItem(name, identity)
            combo.setCurrentIndex(max(0, combo.findData(chosen.get(role.label, ""))))
            combo.enabled = bool(names) and not busy
            button.enabled = self._parameters.segmentation is not None and not played_by and not busy

    def _choose(self, label: str, index: int) -> None:
        self._choose_segment(label, self._rows[label][2].itemData(index) or "")

    def _choose_segment(self, label: str, identity: str) -> None:
        choices.choose_segment(self._parameters.segmentation, label, identity)
        self.window.refresh()

    def _create(self, role: Role) -> None:
        self.window.editor.save_for_undo()
        identity = scene.create_segment(self._parameters.segmentation, role)
        self.window.refresh()
        self.window.editor.edit_segment(identity)

    def _load_sample(self) -> None:
        path = Path(self.ui.sampleCombo.itemData(self.ui.sampleCombo.currentIndex))
        with self._shown():
            node = samples.load_sample(slicer.mrmlScene, path)
            self._parameters.mri = None
            self._parameters.segmentation = node
            self.window.refresh()
            self.window.show_source()

    def _offer_labels(self, busy: bool) -> None:
        """A button for the newest volume that holds labels, as masks loaded as volumes do."""
        self._labels = next(iter(loading.label_volumes(slicer.mrmlScene)), None)
        self.ui.labelsButton.visible = self._labels is not None and bool(self._roles)
        self.ui.labelsButton.enabled = not busy
        if self._labels is not None:
            self.ui.labelsButton.text = _("Take segments from “{name}”").format(name=self._labels.GetName())

    def _take_labels(self) -> None:
        with self._shown():
            volume, mri = self._labels, self._parameters.mri
            self._need_segmentation(volume if mri is None else mri)
            self.window.editor.save_for_undo()
            ids = loading.take_labels(volume, self._parameters.segmentation, self._roles)
            names = scene.segments_of(self._parameters.segmentation)
            self.notice = _("Taken from “{name}”: {segments}.").format(
                name=volume.GetName(), segments=", ".join(names[identity] for identity in ids) or _("nothing")
            )
            self.window.refresh()
            original.remember_first(self._parameters.segmentation, mri, self._roles, self.window.segments)
            self.window.show_source()

    def _need_segmentation(self, drawn_on) -> None:
        """Make one where none is chosen; one of surfaces is refused."""
        if self._parameters.segmentation is not None:
            surfaces.require_voxels(self._parameters.segmentation)
            return
        name = slicer.mrmlScene.GenerateUniqueName(f"{drawn_on.GetName()} segmentation")
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(drawn_on)
        self._parameters.segmentation = node

    def _make_head(self) -> None:
        with self._shown(_("Looking for the head…")):
            mri = self._parameters.mri
            if self._parameters.segmentation is not None:
                surfaces.require_voxels(self._parameters.segmentation)
            array = head.head_array(mri)
            self._need_segmentation(mri)
            self.window.editor.save_for_undo()
            segmentation = self._parameters.segmentation
            role = next(role for role in self._roles if role.label == "head")
            head_ids = self.window.segments.get("head", ())
            empty = [identity for identity in head_ids if scene.is_empty(segmentation, identity)]
            identity = empty[0] if empty else scene.create_segment(segmentation, role)
            scene.set_segment_array(segmentation, identity, array, grids.geometry_of_volume(mri))
            choices.choose_segment(segmentation, "head", identity)
            self.notice = _("The head was found in “{mri}”. Please look at it before you go on.").format(
                mri=mri.GetName()
            )

    def _shown(self, text: str = ""):
        return _ErrorsShown(self, text)


class _ErrorsShown:
    """Shows a MedDDPMError in the box's own words, with a wait cursor meanwhile; other errors pass."""

    def __init__(self, panel: InputPanel, text: str):
        self._panel = panel
        panel.notice = ""
        if text:
            slicer.util.showStatusMessage(text, 3000)

    def __enter__(self):
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)

    def __exit__(self, _kind, error, _traceback) -> bool:
        qt.QApplication.restoreOverrideCursor()
        if isinstance(error, MedDDPMError):
            logging.error(str(error))
            self._panel.notice = str(error)
        self._panel.window.refresh()
        return isinstance(error, MedDDPMError)
