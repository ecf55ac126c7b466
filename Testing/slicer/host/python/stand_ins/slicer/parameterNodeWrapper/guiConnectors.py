"""Widgets that can show a parameter. A widget is chosen by its exact class, as in Slicer."""

import abc
import dataclasses
import enum
import pathlib

import ctk
import qt
import slicer

from .serializers import Parameter, node_classes
from .validators import Choice, Maximum, Minimum, WithinRange

_INT32 = 2**31 - 1


@dataclasses.dataclass
class Decimals:
    value: int


@dataclasses.dataclass
class SingleStep:
    value: float


class GuiConnector(abc.ABC):
    """One widget for one parameter: read, write, and a callback when the user changes it."""

    signal = None

    def __init__(self, widget, parameter):
        self._widget, self._parameter, self._callback = widget, parameter, None
        self.prepare()
        if self.signal:
            widget.connect(self.signal, self.changed)

    def prepare(self):  # noqa: B027 (there is not always anything to set up)
        """Set the widget up for the parameter's annotations."""

    def onChanged(self, callback):
        self._callback = callback

    def changed(self):
        if self._callback:
            self._callback()

    def widget(self):
        return self._widget

    @abc.abstractmethod
    def read(self):
        """The widget's value."""

    @abc.abstractmethod
    def write(self, value):
        """Show the value."""

    def bounds(self):
        """(minimum, maximum) of the annotations; None where there is none."""
        within = self._parameter.find(WithinRange)
        if within:
            return within.minimum, within.maximum
        low, high = self._parameter.find(Minimum), self._parameter.find(Maximum)
        return low and low.minimum, high and high.maximum

    def require_bounds(self):
        low, high = self.bounds()
        if low is None or high is None:
            raise RuntimeError(f"{type(self._widget).__name__} needs WithinRange, or Minimum and Maximum")
        return low, high


class CheckBox(GuiConnector):
    widgets, signal = (qt.QCheckBox, ctk.ctkCheckBox), "stateChanged(int)"

    def read(self):
        return self._widget.checked

    def write(self, value):
        self._widget.checked = value


class PushButton(CheckBox):
    widgets, signal = (qt.QPushButton, ctk.ctkCheckablePushButton), "toggled(bool)"

    def prepare(self):
        self._widget.checkable = True


class WholeNumber(GuiConnector):
    widgets, signal = (qt.QSlider, qt.QSpinBox), "valueChanged(int)"

    def prepare(self):
        low, high = self.require_bounds() if type(self._widget) is qt.QSlider else self.bounds()
        self._widget.minimum = -_INT32 - 1 if low is None else low
        self._widget.maximum = _INT32 if high is None else high
        step = self._parameter.find(SingleStep)
        if step:
            self._widget.singleStep = step.value

    def read(self):
        return self._widget.value

    def write(self, value):
        self._widget.value = value


class Number(GuiConnector):
    widgets = (
        qt.QDoubleSpinBox,
        ctk.ctkSliderWidget,
        slicer.qMRMLSliderWidget,
        ctk.ctkDoubleSlider,
        ctk.ctkDoubleSpinBox,
        slicer.qMRMLSpinBox,
    )
    signal = "valueChanged(double)"

    def prepare(self):
        sliders = (ctk.ctkSliderWidget, slicer.qMRMLSliderWidget)
        low, high = self.require_bounds() if type(self._widget) in sliders else self.bounds()
        decimals, step = self._parameter.find(Decimals), self._parameter.find(SingleStep)
        if self._parameter.kind is int:
            self._widget.decimals = 0
        elif decimals:
            self._widget.decimals = decimals.value
        if step:
            self._widget.singleStep = step.value
        self._widget.minimum = float("-inf") if low is None else low
        self._widget.maximum = float("inf") if high is None else high

    def read(self):
        return self._parameter.kind(self._widget.value)

    def write(self, value):
        self._widget.value = value


class Chosen(GuiConnector):
    """A combo box over the annotated choices, or over an enumeration's members."""

    widgets, signal = (qt.QComboBox, ctk.ctkComboBox), "currentIndexChanged(int)"

    def prepare(self):
        choice = self._parameter.find(Choice)
        if isinstance(self._parameter.kind, type) and issubclass(self._parameter.kind, enum.Enum):
            self._choices = list(self._parameter.kind)
            texts = [member.label() if hasattr(member, "label") else member.name for member in self._choices]
        elif choice:
            self._choices = list(choice.choices)
            texts = [str(value) for value in self._choices]
        else:
            raise RuntimeError("QComboBox needs a Choice annotation or an enumeration")
        self._widget.clear()
        self._widget.addItems(texts)

    def read(self):
        return self._choices[self._widget.currentIndex]

    def write(self, value):
        self._widget.currentIndex = self._choices.index(value)


class LineEdit(GuiConnector):
    widgets, signal = (qt.QLineEdit,), "textChanged(QString)"

    def read(self):
        return self._widget.text

    def write(self, value):
        if value != self._widget.text:
            self._widget.text = value


class Label(LineEdit):
    widgets, signal = (qt.QLabel,), None


class TextEdit(GuiConnector):
    widgets, signal = (qt.QTextEdit,), "textChanged()"

    def read(self):
        return self._widget.toPlainText()

    def write(self, value):
        if value != self._widget.toPlainText():
            self._widget.setPlainText(value)


class PathLine(GuiConnector):
    widgets, signal = (ctk.ctkPathLineEdit,), "currentPathChanged(QString)"

    def read(self):
        return self._parameter.kind(self._widget.currentPath)

    def write(self, value):
        self._widget.currentPath = str(value)


class Directory(GuiConnector):
    widgets, signal = (ctk.ctkDirectoryButton,), "directoryChanged(QString)"

    def read(self):
        return self._parameter.kind(self._widget.directory)

    def write(self, value):
        self._widget.directory = str(value)


class NodeSelector(GuiConnector):
    widgets, signal = (slicer.qMRMLNodeComboBox,), "currentNodeChanged(vtkMRMLNode*)"

    def prepare(self):
        self._widget.nodeTypes = [cls.__name__ for cls in node_classes(self._parameter.kind)]

    def read(self):
        return self._widget.currentNode()

    def write(self, value):
        self._widget.setCurrentNode(value)


def _connector_classes(kind):
    if node_classes(kind):
        return [NodeSelector]
    if kind is bool:
        return [CheckBox, PushButton, Chosen]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [Chosen]
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return [PathLine, Directory]
    plain = {int: [WholeNumber, Number, Chosen], float: [Number, Chosen], str: [LineEdit, Label, TextEdit, Chosen]}
    return plain.get(kind, [])


def createGuiConnector(widget, datatype):
    parameter = datatype if isinstance(datatype, Parameter) else Parameter("", datatype, None)
    for cls in _connector_classes(parameter.kind):
        if type(widget) in cls.widgets:
            return cls(widget, parameter)
    raise RuntimeError(f"Unable to connect {type(widget).__name__} to {parameter.unalteredType}")
