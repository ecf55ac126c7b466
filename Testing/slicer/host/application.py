"""slicer.app: a QApplication with the parts of qSlicerApplication that need no desktop."""

import os
import pathlib
import sys
from importlib import metadata

from PySide6.QtCore import Property, QObject, QProcessEnvironment, QSettings, Signal
from PySide6.QtWidgets import QApplication

from .dialogs import dialogs
from .io_manager import qSlicerIOManager
from .module_manager import qSlicerModuleManager
from .scene import SHARE
from .stand_in import stored


class qSlicerCoreApplication(QApplication):
    mrmlSceneChanged = Signal(object)
    _signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    _testing = False

    def __init__(self, logics, temporary):
        super().__init__([sys.argv[0]])
        self.setOrganizationName("NA-MIC")
        self.setApplicationName("Slicer")
        self.setApplicationVersion(metadata.version("slicer-core"))
        self._logics = logics
        self._restarts = 0
        self.temporaryPath = str(temporary)
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(temporary / "settings"))
        self._settings = QSettings()
        self._io = qSlicerIOManager(logics)
        self._modules = qSlicerModuleManager(logics)
        self._extensions = qSlicerExtensionsManagerModel()
        self._environment = QProcessEnvironment.systemEnvironment()

    @staticmethod
    def testingEnabled():
        return qSlicerCoreApplication._testing

    def mrmlScene(self):
        return self._logics.scene

    def applicationLogic(self):
        return self._logics.application

    def moduleLogic(self, moduleName):
        return self._logics.modules.get(moduleName)

    def moduleManager(self):
        return self._modules

    def coreIOManager(self):
        return self._io

    def settings(self):
        return self._settings

    def userSettings(self):
        return self._settings

    def revisionUserSettings(self):
        return self._settings

    def extensionsManagerModel(self):
        return self._extensions

    def startupEnvironment(self):
        return self._environment

    def environment(self):
        return QProcessEnvironment.systemEnvironment()

    def setEnvironmentVariable(self, key, value):
        os.environ[key] = value

    def moduleDocumentationUrl(self, moduleName):
        return f"{self.documentationBaseUrl}user_guide/modules/{moduleName.lower()}.html"

    def restart(self):
        self._restarts += 1

    def pauseRender(self):
        """Rendering happens on demand."""

    def resumeRender(self):
        """Rendering happens on demand."""

    def logUsageEvent(self, component, event):
        """Nothing is logged."""

    def toSlicerHomeAbsolutePath(self, path):
        return path if os.path.isabs(path) else str(SHARE.parent / path)

    temporaryPath = stored(str, "temporaryPath", "")
    slicerHome = Property(str, lambda self: str(SHARE.parent))
    slicerSharePath = Property(str, lambda self: SHARE.name)
    cachePath = Property(str, lambda self: str(pathlib.Path(self.temporaryPath) / "cache"))
    majorVersion = Property(int, lambda self: _version()[0])
    minorVersion = Property(int, lambda self: _version()[1])
    revision = Property(str, lambda self: str(_version()[2]))
    platform = Property(str, lambda self: "linux-amd64")
    arch = Property(str, lambda self: "amd64")
    os = Property(str, lambda self: "linux")
    isInstalled = Property(bool, lambda self: True)
    documentationBaseUrl = Property(str, lambda self: "https://slicer.readthedocs.io/en/latest/")
    mainApplicationName = Property(str, lambda self: "Slicer")


class qSlicerApplication(qSlicerCoreApplication):
    startupCompleted = Signal()
    _layout_manager = None

    def ioManager(self):
        return self._io

    def layoutManager(self):
        return self._layout_manager

    def commandOptions(self):
        return self._command_options

    def openNodeModule(self, node, role="", context=""):
        """There is no other module to open."""

    def confirmRestart(self, reason=""):
        if dialogs.record("confirmRestart", "Restart", reason, False):
            self.restart()

    def recentLogFiles(self):
        return (self.currentLogFile(),)

    def currentLogFile(self):
        return str(pathlib.Path(self.temporaryPath) / "Slicer.log")


class qSlicerExtensionsManagerModel(QObject):
    """Without a server: an installation is recorded as a dialog, whose queued answer is its result."""

    def isExtensionInstalled(self, extensionName):
        return False

    def installExtensionFromServer(self, extensionName, restart=True, update=True):
        return bool(dialogs.record("installExtension", extensionName, "", False))

    interactive = stored(bool, "interactive", True)


class qSlicerCommandOptions(QObject):
    runPythonAndExit = stored(bool, "runPythonAndExit", False)
    noMainWindow = Property(bool, lambda self: False)
    testingEnabled = Property(bool, lambda self: qSlicerCoreApplication.testingEnabled())


def _version():
    return tuple(int(part) for part in metadata.version("slicer-core").split(".")[:3])


def enable_testing(enabled):
    """What `Slicer --testing` would set."""
    qSlicerCoreApplication._testing = enabled
