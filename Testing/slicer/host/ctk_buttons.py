"""CTK's buttons, boxes that fold, and message box."""

from PySide6.QtCore import Property, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QFrame,
    QGroupBox,
    QMenu,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QTextBrowser,
    QToolButton,
)

from .stand_in import designer, stored

_TITLE_HEIGHT = 26


@designer
class ctkCollapsibleButton(QAbstractButton):
    """A title bar to click, above contents that fold away."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self.checkable = True
        self.checked = True
        self.setContentsMargins(2, _TITLE_HEIGHT, 2, 2)
        self.sizePolicy = QSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
        self.toggled.connect(self._fold)

    def _fold(self, opened):
        for child in self.children():
            if child.isWidgetType():
                child.setVisible(opened)
        self.updateGeometry()
        self.contentsCollapsed.emit(not opened)

    def _read_collapsed(self):
        return not self.checked

    def _write_collapsed(self, collapsed):
        self.checked = not collapsed

    def hitButton(self, position):
        return position.y() <= _TITLE_HEIGHT

    def minimumSizeHint(self):
        return self._hint(lambda layout: layout.totalMinimumSize())

    def sizeHint(self):
        return self._hint(lambda layout: layout.totalSizeHint())

    def _hint(self, opened):
        layout = self.layout()
        return QSize(120, _TITLE_HEIGHT) if layout is None or not self.checked else opened(layout)

    def paintEvent(self, event):
        painter = QPainter(self)
        option = QStyleOptionButton()
        option.initFrom(self)
        option.rect = QRect(0, 0, self.width, _TITLE_HEIGHT)
        option.text = ("\u25be  " if self.checked else "\u25b8  ") + self.text
        option.state |= QStyle.StateFlag.State_Raised
        self.style().drawControl(QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        painter.drawText(option.rect.adjusted(8, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), option.text)
        painter.end()

    collapsed = Property(bool, _read_collapsed, _write_collapsed)
    collapsedHeight = stored(int, "collapsedHeight", 10)
    flat = stored(bool, "flat", False)
    contentsFrameShape = stored(int, "contentsFrameShape", int(QFrame.Shape.NoFrame))
    contentsLineWidth = stored(int, "contentsLineWidth", 1)


@designer
class ctkCollapsibleGroupBox(QGroupBox):
    def __init__(self, parent=None):
        super().__init__(parent)
        self.checkable = True
        self.toggled.connect(self._fold)

    def _fold(self, opened):
        for child in self.children():
            if child.isWidgetType():
                child.setVisible(opened)

    def _read_collapsed(self):
        return not self.checked

    def _write_collapsed(self, collapsed):
        self.checked = not collapsed

    collapsed = Property(bool, _read_collapsed, _write_collapsed)
    collapsedHeight = stored(int, "collapsedHeight", 14)


@designer
class ctkPushButton(QPushButton):
    pass


@designer
class ctkCheckBox(QCheckBox):
    pass


@designer
class ctkCheckablePushButton(ctkPushButton):
    checkBoxControlsButton = stored(bool, "checkBoxControlsButton", True)
    checkBoxControlsButtonToggleState = stored(bool, "checkBoxControlsButtonToggleState", True)
    checkBoxUserCheckable = stored(bool, "checkBoxUserCheckable", True)


@designer
class ctkMenuButton(QPushButton):
    def __init__(self, parent=None):
        super().__init__(parent)
        self.setMenu(QMenu(self))


@designer
class ctkExpandButton(QToolButton):
    pass


@designer
class ctkComboBox(QComboBox):
    returnRelease = Signal()

    def _read_user_data(self):
        return "" if self.currentData is None else str(self.currentData)

    def setCurrentUserDataAsString(self, userData):
        self.currentIndex = self.findData(userData)

    defaultText = stored(str, "defaultText", "")
    forceDefault = stored(bool, "forceDefault", False)
    currentUserDataAsString = Property(str, _read_user_data, setCurrentUserDataAsString)


@designer
class ctkColorPickerButton(QPushButton):
    colorChanged = Signal(QColor)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._color = QColor(0, 0, 0)
        self._show_color()

    def _show_color(self):
        swatch = QPixmap(16, 16)
        swatch.fill(self._color)
        self.icon = swatch
        self.text = self._color.name() if self.displayColorName else ""

    def _read_color(self):
        return QColor(self._color)

    def setColor(self, color):
        if color != self._color:
            self._color = QColor(color)
            self._show_color()
            self.colorChanged.emit(QColor(color))

    def setDisplayColorName(self, displayColorName):
        self.displayColorName = displayColorName

    displayColorName = stored(bool, "displayColorName", True, _show_color)
    color = Property(QColor, _read_color, setColor)


@designer
class ctkFittedTextBrowser(QTextBrowser):
    pass


@designer
class ctkExpandableWidget(QFrame):
    def updateSizeHint(self):
        self.updateGeometry()


class ctkMessageBox(QMessageBox):
    def setDontShowAgain(self, dontShow):
        self.dontShowAgain = dontShow

    dontShowAgain = stored(bool, "dontShowAgain", False)
    dontShowAgainVisible = stored(bool, "dontShowAgainVisible", False)
    dontShowAgainSettingsKey = stored(str, "dontShowAgainSettingsKey", "")
