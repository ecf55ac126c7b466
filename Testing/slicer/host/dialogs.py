"""Modal dialogs that would wait for a person: recorded, and answered from a queue or with the safest button."""

from dataclasses import dataclass

from PySide6 import QtGui, QtWidgets

QMessageBox = QtWidgets.QMessageBox
_SAFEST = (
    QMessageBox.StandardButton.Cancel,
    QMessageBox.StandardButton.No,
    QMessageBox.StandardButton.Close,
    QMessageBox.StandardButton.Abort,
    QMessageBox.StandardButton.Ok,
)


@dataclass
class Shown:
    """One dialog that the module opened."""

    kind: str
    title: str
    text: str
    answer: object


class Dialogs:
    """`shown` lists what was opened; `answer(...)` queues the answers of the next dialogs, in order."""

    def __init__(self):
        self.shown = []
        self._answers = []

    def answer(self, *answers):
        self._answers.extend(answers)

    def clear(self):
        self.shown.clear()
        self._answers.clear()

    def record(self, kind, title, text, otherwise):
        answer = self._answers.pop(0) if self._answers else otherwise
        self.shown.append(Shown(kind, title, text, answer))
        return answer

    def install(self):
        """Put the recorder in place of the dialogs' own event loops."""
        for kind in ("question", "information", "warning", "critical"):
            setattr(QMessageBox, kind, staticmethod(self._message(kind)))
        QMessageBox.exec = _run_message_box
        for name, otherwise in (
            ("getOpenFileName", ""),
            ("getSaveFileName", ""),
            ("getExistingDirectory", ""),
            ("getOpenFileNames", ()),
        ):
            setattr(QtWidgets.QFileDialog, name, staticmethod(self._chosen(name, otherwise)))
        for name, otherwise in (("getText", ""), ("getItem", ""), ("getInt", 0), ("getDouble", 0.0)):
            setattr(QtWidgets.QInputDialog, name, staticmethod(self._typed(name, otherwise)))
        QtGui.QDesktopServices.openUrl = staticmethod(self._open_url)

    def _message(self, kind):
        def show(parent, title, text, buttons=QMessageBox.StandardButton.Ok, default=None):
            return self.record(kind, title, text, default or _safest(buttons))

        return show

    def _chosen(self, kind, otherwise):
        def choose(parent=None, caption="", *_):
            return self.record(kind, caption, "", otherwise)

        return choose

    def _typed(self, kind, otherwise):
        def type_in(parent, title, label, *_):
            return self.record(kind, title, label, otherwise)

        return type_in

    def _open_url(self, url):
        return self.record("openUrl", "", url.toString(), True)


def _safest(buttons):
    return next((button for button in _SAFEST if int(button) & int(buttons)), QMessageBox.StandardButton.NoButton)


def _run_message_box(box):
    default = box.defaultButton()
    otherwise = box.standardButton(default) if default is not None else _safest(box.standardButtons)
    answer = dialogs.record("messageBox", box.windowTitle, box.text, otherwise)
    box.done(int(answer))
    return int(answer)


dialogs = Dialogs()
