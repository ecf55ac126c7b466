"""CTK's choosers of files and folders. What "browse" would ask is answered through the recorded dialogs."""

from PySide6.QtCore import Property, QDir, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QPushButton, QToolButton, QWidget

from .stand_in import designer, stored


@designer
class ctkPathLineEdit(QWidget):
    currentPathChanged = Signal(str)

    Dirs = int(QDir.Filter.Dirs)
    Files = int(QDir.Filter.Files)
    NoDotAndDotDot = int(QDir.Filter.NoDotAndDotDot)
    Readable = int(QDir.Filter.Readable)
    Writable = int(QDir.Filter.Writable)
    Executable = int(QDir.Filter.Executable)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._combo = QComboBox(self)
        self._combo.editable = True
        self._combo.editTextChanged.connect(self.currentPathChanged)
        button = QToolButton(self)
        button.text = "\u2026"
        button.clicked.connect(self.browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo, 1)
        layout.addWidget(button)

    def _read_path(self):
        return self._combo.currentText

    def setCurrentPath(self, path):
        self._combo.setEditText(str(path))

    def comboBox(self):
        return self._combo

    def browse(self):
        folders = self.filters & self.Dirs and not self.filters & self.Files
        choose = QFileDialog.getExistingDirectory if folders else QFileDialog.getOpenFileName
        path = choose(self, self.label)
        if path:
            self.setCurrentPath(path)

    def addCurrentPathToHistory(self):
        if self._combo.findText(self.currentPath) < 0:
            self._combo.addItem(self.currentPath)

    label = stored(str, "label", "")
    filters = stored(int, "filters", int(QDir.Filter.AllEntries))
    settingKey = stored(str, "settingKey", "")
    showBrowseButton = stored(bool, "showBrowseButton", True)
    showHistoryButton = stored(bool, "showHistoryButton", True)
    nameFilters = stored("QStringList", "nameFilters", ())
    currentPath = Property(str, _read_path, setCurrentPath)


@designer
class ctkDirectoryButton(QWidget):
    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._directory = QDir.currentPath()
        self._button = QPushButton(self._directory, self)
        self._button.clicked.connect(self.browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)

    def _read_directory(self):
        return self._directory

    def _write_directory(self, directory):
        directory = QDir(str(directory)).absolutePath()
        if directory != self._directory:
            self._directory = directory
            self._button.text = directory
            self.directoryChanged.emit(directory)

    def browse(self):
        chosen = QFileDialog.getExistingDirectory(self, self.caption)
        if chosen:
            self.directory = chosen
            self.directorySelected.emit(self.directory)
        return chosen

    caption = stored(str, "caption", "")
    directory = Property(str, _read_directory, _write_directory)
