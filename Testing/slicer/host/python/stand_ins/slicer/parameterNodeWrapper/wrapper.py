"""The decorator: a class of annotations becomes a typed view of a parameter node."""

import weakref

import qt
import slicer
import vtk

from .guiConnectors import GuiConnector, createGuiConnector
from .serializers import parameters_of

SlicerParameterNamePropertyName = "SlicerParameterName"
_RESERVED = (
    "allParameters",
    "default",
    "isCached",
    "dataType",
    "getValue",
    "setValue",
    "connectGui",
    "connectParametersToGui",
    "disconnectGui",
    "StartModify",
    "EndModify",
    "AddObserver",
    "RemoveObserver",
    "Modified",
)


def parameterNodeWrapper(classtype=None):
    return _wrap(classtype) if classtype is not None else _wrap


def _wrap(cls):
    parameters = parameters_of(cls)
    for name in parameters:
        if name in _RESERVED:
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
    members = {name: _parameter_property(name) for name in parameters}
    return type(cls.__name__, (_Wrapper, cls), {**members, "allParameters": parameters, "__module__": cls.__module__})


def _parameter_property(name):
    return property(lambda self: self._read(name), lambda self, value: self._write(name, value))


def isParameterNodeWrapper(classOrObj):
    return isinstance(classOrObj, _Wrapper) or (isinstance(classOrObj, type) and issubclass(classOrObj, _Wrapper))


class _Wrapper:
    allParameters = {}

    def __init__(self, parameterNode, prefix=None):
        self.parameterNode = parameterNode
        self._prefix = prefix or ""
        self._cache, self._connected, self._next_tag, self._updating = {}, {}, 1, False
        self._refresh_cache()
        weak_self = weakref.ref(self)

        def modified(*_):
            if weak_self() is not None:
                weak_self()._refresh_cache()

        self._tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, modified, 10.0)

    def __del__(self):
        if hasattr(self, "_tag"):
            self.parameterNode.RemoveObserver(self._tag)

    def _refresh_cache(self):
        for name, parameter in self.allParameters.items():
            value = parameter.read(self.parameterNode, self._prefix)
            if parameter.serializer.cached:
                self._cache[name] = value

    def _read(self, name):
        if name in self._cache:
            return self._cache[name]
        return self.allParameters[name].read(self.parameterNode, self._prefix)

    def _write(self, name, value):
        parameter = self.allParameters[name]
        with slicer.util.NodeModify(self.parameterNode):
            parameter.write(self.parameterNode, self._prefix, value)
            if parameter.serializer.cached:
                self._cache[name] = parameter.read(self.parameterNode, self._prefix)

    def _find(self, name):
        """(owner of the member, member name) of "parameter" or "pack.member"."""
        owner, rest = self, name
        while "." in rest:
            head, _, rest = rest.partition(".")
            owner = getattr(owner, head)
        if rest not in owner.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {name}")
        return owner, rest

    def default(self, paramName):
        owner, name = self._find(paramName)
        return owner.allParameters[name].default

    def isCached(self, paramName):
        owner, name = self._find(paramName)
        return owner.allParameters[name].serializer.cached

    @classmethod
    def dataType(cls, membername):
        parameters = cls.allParameters
        head, _, rest = membername.partition(".")
        while rest:
            parameters = parameters[head].kind.allParameters
            head, _, rest = rest.partition(".")
        return parameters[head].unalteredType

    def getValue(self, name):
        owner, member = self._find(name)
        return getattr(owner, member)

    def setValue(self, name, value):
        owner, member = self._find(name)
        setattr(owner, member, value)

    def connectGui(self, gui):
        widgets = gui.findChildren(qt.QWidget) if getattr(gui, "isWidgetType", lambda: False)() else vars(gui).values()
        named = {widget.property(SlicerParameterNamePropertyName): widget for widget in widgets}
        named.pop(None, None)
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping):
        for name in mapping:
            self._find(name)
        connectors = {}
        for name, widget in mapping.items():
            owner, member = self._find(name)
            ready = isinstance(widget, GuiConnector)
            connectors[name] = widget if ready else createGuiConnector(widget, owner.allParameters[member])
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        self._connected[tag] = connectors, None
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(lambda name=name, connector=connector: self._from_gui(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._to_gui())
        self._connected[tag] = connectors, observer
        return tag

    def disconnectGui(self, guiTag):
        connectors, observer = self._connected.pop(guiTag, ({}, None))
        for connector in connectors.values():
            connector.onChanged(None)
        if observer is not None:
            self.RemoveObserver(observer)

    def _from_gui(self, name, connector):
        if not self._updating:
            self.setValue(name, connector.read())

    def _to_gui(self):
        if self._updating:
            return
        self._updating = True
        try:
            for connectors, _ in list(self._connected.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updating = False

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        return self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()


def findChildWidgetForParameter(widget, parameter):
    children = widget.findChildren(qt.QWidget)
    return next((child for child in children if child.property(SlicerParameterNamePropertyName) == parameter), None)
