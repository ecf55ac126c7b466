"""Start of the host, and what a test asks of it."""

import atexit
import importlib
import pathlib
import shutil
import sys
import tempfile
import time
import types

import slicer

from . import pip_stand_in, python_sources, qt_module, signals
from .dialogs import dialogs

_DEFERRED_DELETE = 52  # QEvent's
_host = None


def start(testing=False):
    """The one host of this process."""
    global _host
    if _host is None:
        _host = Host()
    _host.testing(testing)
    return _host


class Host:
    """Slicer's start, and the handles a test needs."""

    def __init__(self):
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="Slicer-"))
        atexit.register(shutil.rmtree, self.temporary, ignore_errors=True)
        self.dialogs = dialogs
        self.pip = pip_stand_in.Pip(self.temporary)
        self.failures = signals.failures
        slicer.modules = sys.modules["slicer.modules"] = types.ModuleType("slicer.modules")
        slicer.moduleNames = sys.modules["slicer.moduleNames"] = types.ModuleType("slicer.moduleNames")
        qt_module.install()
        importlib.import_module("slicer.util")
        from . import application, layout_manager, main_window, namespaces
        from .scene import Logics

        self._enable_testing = application.enable_testing
        self._logics = Logics(self.temporary)
        slicer.mrmlScene = self._logics.scene
        self.app = slicer.app = application.qSlicerApplication(self._logics, self.temporary)
        namespaces.install()
        self.sources = python_sources.install()
        self.app._command_options = application.qSlicerCommandOptions()
        self.app._layout_manager = layout_manager.qSlicerLayoutManager(self._logics)
        self._window = main_window.qSlicerMainWindow(self.app._layout_manager)
        self._window.show()
        self.process_events()

    def testing(self, enabled):
        """Whether slicer.app.testingEnabled()."""
        self._enable_testing(enabled)

    def load(self, path):
        """Load the scripted module at `path` as the application does at its start."""
        module = self.app.moduleManager()._load(path)
        self.app.startupCompleted.emit()
        self.app.startupCompleted.disconnect()  # an application starts once: modules loaded before have heard of it
        return module

    def open(self, name):
        """Select the module in the main window; returns its Python widget."""
        slicer.util.mainWindow().show()  # an application that quits closes its windows
        slicer.util.selectModule(name)
        self.process_events()
        return slicer.util.getModuleWidget(name)

    def unload(self, name):
        self.app.moduleManager()._unload(name)
        self.process_events()

    @property
    def installs(self):
        """What pip was asked for: lists of arguments. Nothing was installed."""
        return self.pip.asked

    def reset(self):
        """An empty scene and nothing recorded, for the next test."""
        slicer.mrmlScene.Clear(0)
        self.app.layoutManager()._reset()
        self.dialogs.clear()
        self.failures.clear()
        self.pip.reset()
        self.testing(False)
        self.process_events()

    def quit(self):
        """Leave the application: aboutToQuit is emitted, as when the user closes Slicer."""
        qt = sys.modules["qt"]
        qt.QTimer.singleShot(0, self.app.quit)
        self.app.exec()

    def process_events(self):
        self.app.processEvents()
        self.app.sendPostedEvents(None, 0)
        self.app.sendPostedEvents(None, _DEFERRED_DELETE)  # they wait for an event loop otherwise

    def wait(self, condition, seconds=30.0):
        """Run the event loop until `condition()`; False when the time ran out."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.process_events()
            time.sleep(0.005)
        return True

    def screenshot(self, path, widget=None):
        """Write the main window, or one widget, with freshly drawn slice views, as a PNG."""
        self.process_events()
        for view in self.app.layoutManager()._views():
            view.viewWidget()._render()
        self.process_events()
        (widget or self._window).grab().save(str(path))
        return path
