"""A reader's way through a blinded study: cases shown one by one, answers kept at once.

A study's folder is made by `medddpm reader-study make`. The answers go to a log in that folder, a line an answer,
each on the disk before the next case is shown: what was answered is there after a crash or a power cut.
"""

from __future__ import annotations

import errno
import json
import os
from datetime import datetime, timezone
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import EvaluationError
from MedDDPMCore.evaluation.readers.files import Answer, answer_from, read_study, write_answers

from . import nifti, results, views

LEVELS = 255


class ReaderStudy:
    """One reader's answers to a study, and what is to be read next. Opening it again goes on where it was left."""

    def __init__(self, folder: str, reader: str):
        """EvaluationError where there is no study, no name, or no right to write the answers into its folder."""
        name = "".join(letter if letter.isalnum() else "-" for letter in reader.strip()).strip("-")
        if not name:
            raise EvaluationError(_("The reader has no name yet."), _("Enter one: it names the file of answers."))
        self.study = read_study(folder)
        self.reader = name
        self.answers: dict[str, Answer] = {}
        self._log = self.study.folder / f"log-{name}.jsonl"
        try:
            self._read_log()
            self._append({"study": self.study.id, "reader": name, "opened": _now()})
        except OSError as error:
            raise EvaluationError(
                _("The answers cannot be kept in {folder}: {reason}.").format(
                    folder=self.study.folder, reason=error.strerror
                ),
                _("Copy the study to a folder that you may write to."),
            ) from error

    @property
    def case(self) -> str | None:
        """The case to be read now, or None when all are answered."""
        return next((case for case in self.study.cases if case not in self.answers), None)

    @property
    def path(self) -> Path:
        """The file of the case to be read now."""
        return self.study.path(self.case)

    @property
    def done(self) -> int:
        return len(self.answers)

    @property
    def total(self) -> int:
        return len(self.study.cases)

    def answer(self, answer: str, confidence: int, seconds: float) -> None:
        """Keep an answer to the present case: it is on the disk on return. EvaluationError, and none kept, if not."""
        given = Answer(self.case, answer, confidence, round(seconds, 1))
        self._keep({**vars(given), "at": _now()})
        self.answers[given.case] = given

    def take_back(self) -> None:
        """Ask for the last answered case again. EvaluationError, and its answer kept, if that cannot be noted."""
        if self.answers:
            last = max(self.answers, key=self.study.cases.index)
            self._keep({"taken_back": last})
            del self.answers[last]

    def export(self, path: str | Path) -> None:
        """Write the answers as CSV for `medddpm reader-study score`."""
        try:
            write_answers(Path(path), self.study.cases, self.answers)
        except OSError as error:
            raise EvaluationError(
                _("{path} could not be written: {reason}.").format(path=path, reason=error.strerror),
                _("Choose another place."),
            ) from error

    def _read_log(self) -> None:
        """Take up the answers of an earlier sitting; a line that a crash cut short is cut off."""
        if not self._log.exists():
            return
        data = self._log.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.truncate(self._log, len(whole))
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = json.loads(line)
                if entry.get("study", self.study.id) != self.study.id:
                    raise ValueError("it is of another study")
                if "taken_back" in entry:
                    self.answers.pop(entry["taken_back"], None)
                elif entry.get("case") in self.study.cases:
                    fields = (str(entry[key]) for key in ("case", "answer", "confidence", "seconds"))
                    self.answers[entry["case"]] = answer_from(*fields)
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise EvaluationError(
                    _("Line {number} of {log} cannot be understood ({error}).").format(
                        number=number, log=self._log, error=error
                    ),
                    _("Move that file away to start anew, or correct the line."),
                ) from error

    def _keep(self, entry: dict) -> None:
        try:
            self._append(entry)
        except OSError as error:
            raise EvaluationError(
                _("The answer could not be written to {log}: {reason}.").format(log=self._log, reason=error.strerror),
                _("Free space or connect the disk again, then answer once more."),
            ) from error

    def _append(self, entry: dict) -> None:
        """A line more on the disk, or none: what a full disk took half of is cut off."""
        with open(self._log, "ab", buffering=0) as file:
            end = file.tell()
            try:
                line = (json.dumps(entry) + "\n").encode("utf-8")
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise


class CaseView:
    """Shows one case at a time in the slice views, and puts back what they showed before."""

    def __init__(self, scene):
        self._scene = scene
        self._node = None
        self._before: dict | None = None
        self._places: dict = {}
        self._layout: int | None = None
        self._hidden: list = []

    def show(self, path: Path, name: str) -> None:
        """Show a volume (.nii) in the slice views, or a picture (.png) in one large view, in place of the last case.

        Every case has one window and level, to begin with. VolumeError if it cannot be read.
        """
        if self._before is None:
            self._before, self._places = views.layers(self._scene), views.places(self._scene)
            self._hidden = views.hide_all(self._scene)
        node = slicer.vtkMRMLScalarVolumeNode()
        node.SetName(name)
        node.SetSaveWithScene(False)
        node.SetHideFromEditors(True)
        if path.suffix == ".png":
            _load_picture(node, path)
            self._use_layout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        else:
            results.set_image(node, nifti.read(str(path)))
        self._scene.AddNode(node)
        display = slicer.vtkMRMLScalarVolumeDisplayNode()
        display.SetSaveWithScene(False)
        display.SetAutoWindowLevel(0)
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
        display.SetWindowLevelMinMax(0, LEVELS)
        self._scene.AddNode(display)
        node.SetAndObserveDisplayNodeID(display.GetID())
        slicer.util.setSliceViewerLayers(background=node, foreground=None, label=None, fit=True)
        self._remove()
        self._node = node

    def close(self) -> None:
        """Take the case out of the scene."""
        self._remove()
        if self._layout is not None:
            self._layout_node.SetViewArrangement(self._layout)
        if self._before is not None:
            views.restore(self._scene, self._before)
            views.put_back(self._scene, self._places)
            views.show_again(self._scene, self._hidden)
            self._hidden = []
        self._before = self._layout = None

    def forget(self) -> None:
        """The scene is closed, and everything in it."""
        self._node = self._before = self._layout = None
        self._hidden = []

    @property
    def _layout_node(self):
        return self._scene.GetFirstNodeByClass("vtkMRMLLayoutNode")

    def _use_layout(self, layout: int) -> None:
        if self._layout is None and self._layout_node is not None:
            self._layout = self._layout_node.GetViewArrangement()
            self._layout_node.SetViewArrangement(layout)

    def _remove(self) -> None:
        if self._node is not None and self._scene.IsNodePresent(self._node):
            self._scene.RemoveNode(self._node.GetDisplayNode())
            self._scene.RemoveNode(self._node)
        self._node = None


def _load_picture(node, path: Path) -> None:
    """A grey PNG as a volume of one slice that lies upright in the axial view, as in the file."""
    reader = vtk.vtkPNGReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    if not image.GetNumberOfPoints():
        raise EvaluationError(
            _("{path} is not a picture that can be read.").format(path=path), _("Copy the study again.")
        )
    node.SetAndObserveImageData(image)
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 0, -1)
    for axis in (0, 1):
        matrix.SetElement(axis, 3, (1, -1)[axis] * (image.GetDimensions()[axis] - 1) / 2)
    node.SetIJKToRASMatrix(matrix)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
