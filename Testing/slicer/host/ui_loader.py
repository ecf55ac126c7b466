"""Designer files: QUiLoader that makes the stand-ins of CTK and Slicer widgets, and MRML connections made in Python."""

import sys
import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools

from .attributes import loading_ui

custom_widgets = {}


class UiLoader:
    """qt.QUiLoader, reduced to load()."""

    _maker = None

    def load(self, device, parent=None):
        root = ElementTree.fromstring(bytes(device.readAll().data()))
        connections = _take_connections(root)
        _replace_custom_enums(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        if UiLoader._maker is None:
            UiLoader._maker = _Maker()  # kept: PySide6 takes what a loader made down with it
        with loading_ui():
            widget = UiLoader._maker.load(buffer, parent)
        UiLoader._maker._made.clear()
        if widget is not None:
            _connect(widget, connections)
        return widget


class _Maker(QtUiTools.QUiLoader):
    """Makes a stand-in by its class name; what has none becomes its <extends> class, as without a Designer plugin."""

    def __init__(self):
        super().__init__()
        self._made = []  # a widget without parent belongs to Python until load() hands it over

    def createWidget(self, class_name, parent=None, name=""):
        if class_name not in custom_widgets:
            return super().createWidget(class_name, parent, name)
        widget = custom_widgets[class_name](parent)
        widget.setObjectName(name)
        self._made.append(widget)
        return widget


def _take_connections(root):
    section = root.find("connections")
    if section is None:
        return []
    root.remove(section)
    return [[connection.findtext(part) for part in ("sender", "signal", "receiver", "slot")] for connection in section]


def _replace_custom_enums(root):
    """Enumerators of the stand-ins ("ctkPathLineEdit::Dirs|ctkPathLineEdit::Files") become the numbers Qt can set."""
    for widget in root.iter("widget"):
        cls = custom_widgets.get(widget.get("class"))
        for prop in widget.findall("property") if cls else ():
            for kind in ("enum", "set"):
                element = prop.find(kind)
                if element is not None and _known(cls, element.text):
                    element.tag, element.text = "number", str(_value(cls, element.text))


def _known(cls, text):
    return all(hasattr(cls, name.rpartition("::")[2]) for name in text.split("|"))


def _value(cls, text):
    value = 0
    for name in text.split("|"):
        value |= int(getattr(cls, name.rpartition("::")[2]))
    return value


def _connect(root, connections):
    for sender, signal, receiver, slot in connections:
        ends = [
            root if root.objectName == name else root.findChild(QtCore.QObject, name) for name in (sender, receiver)
        ]
        slot_name = slot.partition("(")[0]
        if None in ends or not hasattr(ends[1], slot_name):
            print(f"QUiLoader: no connection {sender}.{signal} -> {receiver}.{slot}", file=sys.stderr)
            continue
        ends[0].connect(signal, ends[1], slot)
