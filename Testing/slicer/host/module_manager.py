"""slicer.modules and the module manager: scripted modules loaded from a file, and the C++ modules' logics."""

import importlib.util
import pathlib
import sys
import traceback

import slicer
from PySide6.QtCore import Property, QObject, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QVBoxLayout

from .qmrml_nodes import qSlicerWidget
from .stand_in import stored


class qSlicerAbstractCoreModule(QObject):
    _path = ""

    def __init__(self, name, logic=None):
        super().__init__()
        self._name, self._logic, self._widget = name, logic, None

    def logic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    name = Property(str, lambda self: self._name)
    path = Property(str, lambda self: self._path)


class qSlicerLoadableModule(qSlicerAbstractCoreModule):
    def widgetRepresentation(self):
        return self._widget


class qSlicerScriptedLoadableModule(qSlicerLoadableModule):
    """What a scripted module's constructor gets as its parent."""

    def __init__(self, path):
        path = pathlib.Path(path).resolve()
        super().__init__(path.stem, slicer.vtkSlicerScriptedLoadableModuleLogic())
        self._path = str(path)

    def widgetRepresentation(self):
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self):
        widget = qSlicerScriptedLoadableModuleWidget()
        widget._module = self
        widget.setMRMLScene(slicer.mrmlScene)
        widget.reload()
        return widget

    title = stored(str, "title", "")
    categories = stored("QStringList", "categories", ())
    contributors = stored("QStringList", "contributors", ())
    associatedNodeTypes = stored("QStringList", "associatedNodeTypes", ())
    dependencies = stored("QStringList", "dependencies", ())
    helpText = stored(str, "helpText", "")
    acknowledgementText = stored(str, "acknowledgementText", "")
    icon = stored("QIcon", "icon", QIcon())
    hidden = stored(bool, "hidden", False)
    index = stored(int, "index", -1)


class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The panel of one scripted module; calls setup, enter and exit of the Python class as the application does."""

    _module, _python = None, None

    def self(self):
        return self._python

    def module(self):
        return self._module

    def reload(self):
        if self.layout() is None:
            self.setLayout(QVBoxLayout())
        source = sys.modules[self.moduleName]
        self._python = getattr(source, self.moduleName + "Widget")(self)
        setattr(slicer.modules, self.moduleName + "Widget", self._python)
        _call(self._python, "setup")

    def enter(self):
        self._entered = True
        _call(self._python, "enter")

    def exit(self):
        self._entered = False
        _call(self._python, "exit")

    _entered = False
    moduleName = Property(str, lambda self: self._module.name)
    isEntered = Property(bool, lambda self: self._entered)


class qSlicerModuleFactoryManager(QObject):
    def __init__(self, modules):
        super().__init__()
        self._modules = modules

    def loadedModuleNames(self):
        return tuple(self._modules)

    def isLoaded(self, name):
        return name in self._modules

    def loadedModule(self, name):
        return self._modules.get(name)


class qSlicerModuleManager(QObject):
    moduleLoaded = Signal(str)
    moduleAboutToBeUnloaded = Signal(str)

    def __init__(self, logics):
        super().__init__()
        self._modules = {}
        self._factory = qSlicerModuleFactoryManager(self._modules)
        for name, logic in logics.modules.items():
            self._add(qSlicerLoadableModule(name, logic))

    def module(self, name):
        return self._modules.get(name)

    def modulesNames(self):
        return tuple(self._modules)

    def factoryManager(self):
        return self._factory

    def _add(self, module):
        self._modules[module.name] = module
        setattr(slicer.modules, module.name.lower(), module)
        setattr(slicer.moduleNames, module.name, module.name)

    def _load(self, path):
        """Register the scripted module at `path`: what module discovery does."""
        module = qSlicerScriptedLoadableModule(path)
        folder = str(pathlib.Path(module.path).parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        spec = importlib.util.spec_from_file_location(module.name, module.path)
        source = importlib.util.module_from_spec(spec)
        sys.modules[module.name] = source
        spec.loader.exec_module(source)
        self._add(module)
        instance = getattr(source, module.name)(module)
        setattr(slicer.modules, module.name + "Instance", instance)
        _call(instance, "setup")
        self.moduleLoaded.emit(module.name)
        return module

    def _unload(self, name):
        self.moduleAboutToBeUnloaded.emit(name)
        module = self._modules.pop(name)
        for attribute in (name.lower(), name + "Widget", name + "Instance"):
            if hasattr(slicer.modules, attribute):
                delattr(slicer.modules, attribute)
        if module._widget is not None:
            module._widget.deleteLater()


def _call(instance, method):
    """C++ calls these methods where they exist, and prints what they raise."""
    if hasattr(instance, method):
        try:
            getattr(instance, method)()
        except Exception as error:
            from . import signals

            signals.failures.append(error)
            traceback.print_exc()
