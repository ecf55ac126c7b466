"""The main window: the module's panel beside the slice views."""

import slicer
from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QGridLayout, QMainWindow, QScrollArea, QWidget

_PANEL_WIDTH = 470


class qSlicerMainWindow(QMainWindow):
    def __init__(self, layout_manager):
        super().__init__()
        self.setObjectName("qSlicerMainWindow")
        self.windowTitle = "3D Slicer"
        self._selector = qSlicerModuleSelectorToolBar()
        self._views = QWidget(self)
        self._views.setObjectName("CentralWidget")
        self._layouts = layout_manager
        self._grid = QGridLayout(self._views)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._arrange()
        layout_manager.layoutChanged.connect(self._arrange)
        self.setCentralWidget(self._views)
        self._panel = QScrollArea()
        self._panel.setWidgetResizable(True)
        self._panel.setMinimumWidth(_PANEL_WIDTH)
        self._panel.horizontalScrollBarPolicy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        dock = QDockWidget("", self)
        dock.setObjectName("PanelDockWidget")
        dock.setWidget(self._panel)
        self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
        self.statusBar()
        self.resize(QSize(1360, 900))

    def moduleSelector(self):
        return self._selector

    def _arrange(self):
        while self._grid.count():
            self._grid.takeAt(0).widget().hide()
        for index, view in enumerate(self._layouts._views()):
            self._grid.addWidget(view, index // 2, index % 2)
            view.show()

    def _show_module(self, widget):
        if self._panel.widget() is not None:
            self._panel.takeWidget().setParent(None)
        self._panel.setWidget(widget)
        widget.show()


class qSlicerModuleSelectorToolBar(QObject):
    """Selects the module whose panel is shown; leaves the old one and enters the new one."""

    _current = ""

    def selectModule(self, name):
        manager = slicer.app.moduleManager()
        if self._current and manager.module(self._current) is not None:
            manager.module(self._current).widgetRepresentation().exit()
        widget = manager.module(name).widgetRepresentation()
        self._current = name
        slicer.util.mainWindow()._show_module(widget)
        widget.enter()

    @property
    def selectedModule(self):
        return self._current
