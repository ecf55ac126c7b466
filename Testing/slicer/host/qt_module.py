"""The `qt` module: PySide6's classes under the names that PythonQt gathers in one module."""

import sys
import types

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from . import attributes, signals
from .dialogs import dialogs
from .ui_loader import UiLoader

QT_MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools)
NAMES = [
    "QAbstractButton",
    "QAbstractItemModel",
    "QAbstractItemView",
    "QAbstractListModel",
    "QAbstractProxyModel",
    "QAbstractScrollArea",
    "QAbstractSlider",
    "QAbstractSpinBox",
    "QAbstractTableModel",
    "QAction",
    "QActionGroup",
    "QApplication",
    "QBitmap",
    "QBoxLayout",
    "QBrush",
    "QBuffer",
    "QButtonGroup",
    "QByteArray",
    "QCheckBox",
    "QClipboard",
    "QCloseEvent",
    "QColor",
    "QColorDialog",
    "QComboBox",
    "QCompleter",
    "QCoreApplication",
    "QCryptographicHash",
    "QCursor",
    "QDate",
    "QDateTime",
    "QDesktopServices",
    "QDialog",
    "QDialogButtonBox",
    "QDir",
    "QDirIterator",
    "QDockWidget",
    "QDoubleSpinBox",
    "QDoubleValidator",
    "QElapsedTimer",
    "QEvent",
    "QEventLoop",
    "QFile",
    "QFileDialog",
    "QFileInfo",
    "QFileSystemWatcher",
    "QFont",
    "QFontDatabase",
    "QFontMetrics",
    "QFormLayout",
    "QFrame",
    "QGridLayout",
    "QGroupBox",
    "QGuiApplication",
    "QHBoxLayout",
    "QHeaderView",
    "QIODevice",
    "QIcon",
    "QImage",
    "QInputDialog",
    "QIntValidator",
    "QItemSelection",
    "QItemSelectionModel",
    "QKeyEvent",
    "QKeySequence",
    "QLabel",
    "QLayout",
    "QLayoutItem",
    "QLineEdit",
    "QListView",
    "QListWidget",
    "QListWidgetItem",
    "QLocale",
    "QMainWindow",
    "QMargins",
    "QMenu",
    "QMenuBar",
    "QMessageBox",
    "QMimeData",
    "QModelIndex",
    "QMouseEvent",
    "QMovie",
    "QObject",
    "QPaintEvent",
    "QPainter",
    "QPainterPath",
    "QPalette",
    "QPen",
    "QPersistentModelIndex",
    "QPixmap",
    "QPlainTextEdit",
    "QPoint",
    "QPointF",
    "QPolygon",
    "QProcess",
    "QProcessEnvironment",
    "QProgressBar",
    "QProgressDialog",
    "QPushButton",
    "QRadioButton",
    "QRect",
    "QRectF",
    "QRegion",
    "QRegularExpression",
    "QRegularExpressionValidator",
    "QResizeEvent",
    "QScreen",
    "QScrollArea",
    "QScrollBar",
    "QSettings",
    "QShortcut",
    "QShowEvent",
    "QSize",
    "QSizeF",
    "QSizePolicy",
    "QSlider",
    "QSortFilterProxyModel",
    "QSpacerItem",
    "QSpinBox",
    "QSplitter",
    "QStackedLayout",
    "QStackedWidget",
    "QStandardItem",
    "QStandardItemModel",
    "QStandardPaths",
    "QStatusBar",
    "QStorageInfo",
    "QStringListModel",
    "QStyle",
    "QStyleOptionViewItem",
    "QStyledItemDelegate",
    "QSysInfo",
    "QTabBar",
    "QTabWidget",
    "QTableView",
    "QTableWidget",
    "QTableWidgetItem",
    "QTemporaryDir",
    "QTemporaryFile",
    "QTextBrowser",
    "QTextCharFormat",
    "QTextCursor",
    "QTextDocument",
    "QTextEdit",
    "QTextOption",
    "QThread",
    "QTime",
    "QTimer",
    "QToolBar",
    "QToolBox",
    "QToolButton",
    "QToolTip",
    "QTransform",
    "QTreeView",
    "QTreeWidget",
    "QTreeWidgetItem",
    "QUrl",
    "QUrlQuery",
    "QUuid",
    "QVBoxLayout",
    "QValidator",
    "QWheelEvent",
    "QWidget",
    "QWidgetAction",
    "QWidgetItem",
    "QWindow",
    "QNetworkAccessManager",
    "QNetworkProxy",
    "QNetworkReply",
    "QNetworkRequest",
    "Qt",
    "Signal",
    "Slot",
    "Property",
    "qVersion",
]


def install():
    """Register `qt` in sys.modules and lay PythonQt's behaviour over the classes."""
    attributes.install(QT_MODULES)
    QtCore.QIODevice.write = _accepting_text(QtCore.QIODevice.write)
    QtCore.QTimer.singleShot = staticmethod(single_shot)
    dialogs.install()
    module = types.ModuleType("qt", "PythonQt's qt module over PySide6")
    for name in NAMES:
        setattr(module, name, next(getattr(source, name) for source in QT_MODULES if hasattr(source, name)))
    module.QUiLoader = UiLoader
    sys.modules["qt"] = module
    return module


def _accepting_text(write):
    def write_bytes(self, data):
        return write(self, data.encode() if isinstance(data, str) else data)

    return write_bytes


def single_shot(msec, *target):
    """(msec, callable) or (msec, receiver, "slot()"). What the callable raises is printed, as for a slot."""
    timer = QtCore.QTimer(QtCore.QCoreApplication.instance())
    timer.setSingleShot(True)
    slot = target[0] if len(target) == 1 else getattr(target[0], target[1].partition("(")[0])
    signals.connect(timer, "timeout()", slot)
    signals.connect(timer, "timeout()", timer.deleteLater)
    timer.start(msec)
