"""Reader study: blinded cases one by one, real or synthetic, how sure; by keyboard or mouse."""

from __future__ import annotations

import time
from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from MedDDPMCore.base.errors import EvaluationError, MedDDPMError

from ..mrml.reader_study import CaseView, ReaderStudy
from .panel import Panel, Window

FOLDER_KEY, READER_KEY = "MedDDPM/ReaderStudyFolder", "MedDDPM/ReaderName"


class ReaderStudyPanel(Panel):
    FILE = "ReaderStudy"
    COLLAPSED = True

    def __init__(self, window: Window):
        super().__init__(window)
        self.reading: ReaderStudy | None = None
        self._view = CaseView(slicer.mrmlScene)
        self._answer = ""
        self._problem = ""
        self._shown_at = 0.0
        self._left_at: float | None = None
        self._bring_back: Callable[[], None] = lambda: None
        self.ui.studyEdit.text = slicer.util.settingsValue(FOLDER_KEY, "")
        self.ui.readerEdit.text = slicer.util.settingsValue(READER_KEY, "")
        self._sure = [getattr(self.ui, f"sureButton{number}") for number in range(1, 6)]
        self.ui.studyEdit.connect("textChanged(QString)", lambda: self.refresh())
        self.ui.readerEdit.connect("textChanged(QString)", lambda: self.refresh())
        self.ui.studyButton.connect("clicked()", self._browse)
        self.ui.startButton.connect("clicked()", self._start)
        self.ui.closeStudyButton.connect("clicked()", self._close_study)
        self.ui.exportButton.connect("clicked()", self._export)
        actions = {
            "R": (self.ui.realButton, lambda: self._choose("real")),
            "S": (self.ui.syntheticButton, lambda: self._choose("synthetic")),
            "B": (self.ui.backButton, self._back),
        }
        for number, button in enumerate(self._sure, start=1):
            actions[str(number)] = (button, lambda number=number: self._rate(number))
        self._shortcuts = []
        for key, (button, action) in actions.items():
            button.connect("clicked()", action)
            # not the button's own shortcut: that would wait a tenth of a second before it acts
            shortcut = qt.QShortcut(qt.QKeySequence(key), self.widget)
            shortcut.connect("activated()", lambda button=button, action=action: button.enabled and action())
            self._shortcuts.append(shortcut)
        self.refresh()

    def refresh(self) -> None:
        reading = self.reading
        case = reading.case if reading else None
        for widget in (self.ui.studyEdit, self.ui.studyButton, self.ui.readerEdit):
            widget.enabled = reading is None
        ready = bool(self.ui.studyEdit.text.strip() and self.ui.readerEdit.text.strip())
        self.ui.startButton.enabled = reading is None and ready
        self.ui.readingBox.visible = reading is not None
        self.ui.readerStudyHint.visible = self.ui.startButton.visible = reading is None
        for shortcut in self._shortcuts:
            shortcut.enabled = reading is not None
        self.ui.realButton.enabled = self.ui.syntheticButton.enabled = case is not None
        self.ui.realButton.checked = self._answer == "real"
        self.ui.syntheticButton.checked = self._answer == "synthetic"
        for button in self._sure:
            button.enabled = bool(self._answer)
        self.ui.backButton.enabled = bool(reading and reading.done)
        if reading:
            self.ui.studyProgress.maximum = reading.total
            self.ui.studyProgress.value = reading.done
            self.ui.caseLabel.text = self._task(case)
        self.ui.studyStatus.text = self._problem
        self.ui.studyStatus.visible = bool(self._problem)

    def enter(self) -> None:
        if self._left_at is not None:
            self._shown_at += time.monotonic() - self._left_at
            self._left_at = None
        if self.reading:
            self.window.editor.leave()

    def leave(self) -> None:
        """The time in other modules does not count."""
        if self.reading:
            self._left_at = time.monotonic()

    @property
    def takes_views(self) -> bool:
        return self.reading is not None

    def forget_scene(self) -> None:
        self._view.forget()
        if self.reading:
            self._end(_("The scene was closed. Every answer is kept: start again to go on."))

    def close(self) -> None:
        if self.reading:
            self._view.close()
            self.reading = None

    def _task(self, case: str | None) -> str:
        if case is None:
            return _("All {total} cases are read. Thank you. Export the answers.").format(total=self.reading.total)
        place = _("Case {number} of {total}").format(
            number=self.reading.study.cases.index(case) + 1, total=self.reading.total
        )
        question = _("How sure are you?") if self._answer else _("Real or synthetic?")
        return f"{place}: {question}"

    def _browse(self) -> None:
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of the study"), self.ui.studyEdit.text)
        if folder:
            self.ui.studyEdit.text = folder

    def _start(self) -> None:
        folder, reader, self._problem = self.ui.studyEdit.text.strip(), self.ui.readerEdit.text.strip(), ""
        try:
            if not self.window.finish_edits() or self.window.views_are_taken:
                raise EvaluationError(
                    _("Something is still being made or moved that the views show."),
                    _("Wait until it is finished, or cancel it; then start the study."),
                )
            self.reading = ReaderStudy(folder, reader)
        except MedDDPMError as error:
            self._problem = str(error)
            self.refresh()
            return
        qt.QSettings().setValue(FOLDER_KEY, folder)
        qt.QSettings().setValue(READER_KEY, reader)
        self.window.editor.leave()  # its number keys mean other things
        self._bring_back = self.window.set_others_aside(self)
        self._show_case()
        self.ui.realButton.setFocus()

    def _show_case(self) -> None:
        """Show the next case, from when on its time counts."""
        self._answer = ""
        if self.reading.case is not None:
            try:
                self._view.show(self.reading.path, self.reading.case)
            except MedDDPMError as error:
                self._view.close()
                self._end(str(error))
        self.refresh()
        self._shown_at = time.monotonic()

    def _choose(self, answer: str) -> None:
        self._answer = answer
        self.refresh()

    def _rate(self, confidence: int) -> None:
        seconds = time.monotonic() - self._shown_at
        self._keep(lambda: self.reading.answer(self._answer, confidence, seconds))

    def _back(self) -> None:
        self._keep(self.reading.take_back)

    def _keep(self, change: Callable[[], None]) -> None:
        """Change the answers and show the case that is to be read now; what cannot be written changes nothing."""
        self._problem = ""
        try:
            change()
        except MedDDPMError as error:
            self._problem = str(error)
            self.refresh()
            return
        self._show_case()

    def _export(self) -> None:
        suggested = str(self.reading.study.folder.parent / f"answers-{self.reading.reader}.csv")
        path = qt.QFileDialog.getSaveFileName(self.widget, _("Answers"), suggested, _("CSV files (*.csv)"))
        if not path:
            return
        try:
            self.reading.export(path)
            left = self.reading.total - self.reading.done
            self._problem = _("The answers are in {path}.").format(path=path)
            if left:
                self._problem += " " + _("{left} cases are not read yet.").format(left=left)
        except MedDDPMError as error:
            self._problem = str(error)
        self.refresh()

    def _close_study(self) -> None:
        self._view.close()
        self._end()
        self.window.editor.enter()

    def _end(self, problem: str = "") -> None:
        self.reading, self._answer, self._problem, self._left_at = None, "", problem, None
        self._bring_back()
        self._bring_back = lambda: None
        self.refresh()
