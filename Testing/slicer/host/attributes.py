"""Attribute access of Qt objects as PythonQt does it, laid over PySide6's own classes.

A property hides its getter, unknown names raise, new attributes need a Python subclass, a child is reached by its
object name.
"""

import contextlib

import shiboken6
from PySide6 import QtCore

from .signals import BoundSignal, connect, disconnect

_object_get = QtCore.QObject.__getattribute__
_object_set = shiboken6.Object.__setattr__
_getters = {}  # QFile and QMenu have their own, for methods that are static and not
_surfaces = {}
_VIRTUAL = ("sizeHint", "minimumSizeHint")
_reading = set()
_loading = False
_HOST_PACKAGE = __name__.rpartition(".")[0]


class Surface:
    """What one class offers: its Qt properties, and whether it stands for a C++ class."""

    def __init__(self, cls):
        mro = cls.__mro__
        native = next(c for c in mro if c.__module__.startswith("PySide6"))
        python_part = mro[: mro.index(native)]
        self.python_names = set().union(*(vars(c) for c in python_part)) if python_part else set()
        meta = native.staticMetaObject
        self.properties = {}
        for index in range(meta.propertyCount()):
            if meta.property(index).name() not in self.python_names:
                self.properties[meta.property(index).name()] = meta.property(index)
        self.get = next(_getters[c] for c in mro if c in _getters)
        self.bare = cls is native or cls.__module__.startswith(_HOST_PACKAGE)


def surface_of(cls):
    if cls not in _surfaces:
        _surfaces[cls] = Surface(cls)
    return _surfaces[cls]


def install(modules):
    """Give every class of the PySide6 modules, and what is derived from it later, PythonQt's attribute access."""
    for module in modules:
        for name in dir(module):
            getattr(module, name)  # PySide6 makes its classes on first use
    for cls in _with_subclasses(QtCore.QObject):
        if "__setattr__" in vars(cls):
            cls.__setattr__ = set_attribute
        if "__getattribute__" in vars(cls):
            _getters[cls] = vars(cls)["__getattribute__"]
            cls.__getattribute__ = get_attribute


def _with_subclasses(cls):
    yield cls
    for child in cls.__subclasses__():
        yield from _with_subclasses(child)


@contextlib.contextmanager
def loading_ui():
    """PySide6's QUiLoader sets every child as an attribute of the root; here a child is found by its name instead."""
    global _loading
    _loading = True
    try:
        yield
    finally:
        _loading = False


def get_attribute(self, name):
    if name.startswith("_"):
        return _object_get(self, name)
    if not shiboken6.isValid(self):
        raise ValueError(f"Trying to access '{name}' on a destroyed {type(self).__name__} object")
    surface = surface_of(type(self))
    if name == "name" and name not in surface.python_names:
        name = "objectName"
    if name in surface.properties and name not in _reading:
        return _read_property(self, name)
    if name in _BUILT_IN:
        return lambda *arguments: _BUILT_IN[name](self, *arguments)
    try:
        value = surface.get(self, name)
    except AttributeError:
        return _last_resort(self, name)
    if isinstance(value, QtCore.SignalInstance):
        return BoundSignal(self, name, value)
    return value


def _read_property(self, name):
    if name not in _VIRTUAL:
        return _to_python(QtCore.QObject.property(self, name))
    _reading.add(name)  # the getter looks for an override in Python, by this very name
    try:
        return QtCore.QObject.property(self, name)
    finally:
        _reading.discard(name)


def _last_resort(self, name):
    if name in dynamic_properties(self):
        return QtCore.QObject.property(self, name)
    child = QtCore.QObject.findChild(self, QtCore.QObject, name, QtCore.Qt.FindChildOption.FindDirectChildrenOnly)
    if child is not None:
        return child
    if name.endswith("_"):
        return get_attribute(self, name[:-1])
    raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")


def dynamic_properties(self):
    return {bytes(name).decode() for name in QtCore.QObject.dynamicPropertyNames(self)}


def _to_python(value):
    return tuple(value) if isinstance(value, list) else value


def set_attribute(self, name, value):
    if name.startswith("_") or isinstance(value, QtCore.SignalInstance):  # PySide6 keeps the signals it has bound
        _object_set(self, name, value)
        return
    if not shiboken6.isValid(self):
        raise AttributeError(f"Trying to set '{name}' on a destroyed {type(self).__name__} object")
    surface = surface_of(type(self))
    if name == "name" and name not in surface.python_names:
        name = "objectName"
    if name in surface.properties:
        _write_property(self, surface.properties[name], value)
    elif isinstance(declared := getattr(type(self), name, None), QtCore.Property):
        if declared.fset is None:
            raise AttributeError(f"Property '{name}' of {type(self).__name__} is not writable")
        declared.fset(self, value)
    elif name in dynamic_properties(self):
        QtCore.QObject.setProperty(self, name, value)
    elif _loading:
        return
    elif surface.bare:
        raise AttributeError(
            f"'{name}' does not exist on {type(self).__name__}, "
            "and creating new attributes on C++ objects is not allowed"
        )
    else:
        _object_set(self, name, value)


def _write_property(self, prop, value):
    name = prop.name()
    if not prop.isWritable():
        raise AttributeError(f"Property '{name}' of {type(self).__name__} is not writable")
    is_number = prop.typeName() in ("int", "uint", "double")
    refused = is_number and (value is None or isinstance(value, str))  # Qt would convert these, PythonQt does not
    if refused or not QtCore.QObject.setProperty(self, name, _to_qt(prop, value)):
        raise AttributeError(
            f"Property '{name}' of type '{prop.typeName()}' of {type(self).__name__} "
            f"does not accept an object of type {type(value).__name__}"
        )


def _to_qt(prop, value):
    kind = prop.typeName()
    if kind == "QString":
        return str(value)
    if kind == "bool":
        return bool(value)
    if kind == "QStringList":
        return [str(item) for item in value]
    if kind == "int" and isinstance(value, float):
        return int(value // 1)
    return value


def _class_name(self):
    return type(self).__name__


def _delete(self):
    shiboken6.delete(self)


def _find_children(self, kind=QtCore.QObject, name=""):
    """By a class, an instance, or the name of a class."""
    if isinstance(kind, str):
        return tuple(
            child
            for child in QtCore.QObject.findChildren(self, QtCore.QObject)
            if child.inherits(kind) and name in ("", child.objectName)
        )
    cls = kind if isinstance(kind, type) else type(kind)
    return tuple(QtCore.QObject.findChildren(self, cls, name or None))


def _find_child(self, kind=QtCore.QObject, name=""):
    return next(iter(_find_children(self, kind, name)), None)


_BUILT_IN = {
    "connect": connect,
    "disconnect": disconnect,
    "className": _class_name,
    "delete": _delete,
    "findChildren": _find_children,
    "findChild": _find_child,
}
