"""How the stand-ins of CTK and Slicer widgets declare what they offer."""

from PySide6 import QtCore

from .ui_loader import custom_widgets

_ACCEPTS = {
    float: lambda value: float(value),
    int: lambda value: int(value // 1),
    bool: bool,
    str: str,
}


def stored(kind, name, default, changed=None):
    """A Qt property kept in the widget itself; `changed(self)` runs after a new value was set.

    kind is float, int, bool, str, or the name of a Qt type.
    """
    slot = "_stored_" + name

    def read(self):
        return vars(self).get(slot, default)

    def write(self, value):
        value = accept(kind, name, value)
        if value != read(self):
            setattr(self, slot, value)
            if changed:
                changed(self)

    return QtCore.Property(kind, read, write)


def accept(kind, name, value):
    """The value as the property's type takes it, or AttributeError as PythonQt raises it."""
    if kind in (int, float) and (value is None or isinstance(value, str)):
        raise AttributeError(f"Property '{name}' does not accept an object of type {type(value).__name__}")
    return _ACCEPTS[kind](value) if kind in _ACCEPTS else value


def designer(cls):
    """Class decorator: the real widget has a Designer plugin, so .ui files can hold it."""
    custom_widgets[cls.__name__] = cls
    return cls
