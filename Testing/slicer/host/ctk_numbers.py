"""CTK's number widgets: spin box, slider, both together, and ranges."""

from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from .stand_in import accept, designer, stored

_TICKS = 1000


def _row(widget, *children):
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for child in children:
        layout.addWidget(child)


class _Number(QWidget):
    """A bounded number: what ctkDoubleSpinBox, ctkDoubleSlider and ctkSliderWidget share."""

    valueChanged = Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._value = 0.0
        self._build()
        self._show()

    def _limit(self):
        self.setValue(self._value)
        self._show()

    def _read_value(self):
        return self._value

    def setValue(self, value):
        value = min(max(accept(float, "value", value), self.minimum), self.maximum)
        if value != self._value:
            self._value = value
            self._show()
            self.valueChanged.emit(value)

    minimum = stored(float, "minimum", 0.0, _limit)
    maximum = stored(float, "maximum", 99.0, _limit)
    singleStep = stored(float, "singleStep", 1.0, lambda self: self._show())
    value = Property(float, _read_value, setValue)


class _Spinning:
    """The parts that show the number in a spin box."""

    def _make_spin_box(self):
        self._spin_box = QDoubleSpinBox(self)
        self._spin_box.setKeyboardTracking(False)
        self._spin_box.valueChanged.connect(self._typed)

    def _typed(self, value):
        if abs(value - self._value) > 0.5 * 10.0**-self.decimals:
            self.setValue(value)

    def _show_spin_box(self):
        box = self._spin_box
        blocked = box.blockSignals(True)
        box.decimals, box.prefix, box.suffix = self.decimals, self.prefix, self.suffix
        box.minimum, box.maximum, box.singleStep, box.value = self.minimum, self.maximum, self.singleStep, self._value
        box.blockSignals(blocked)


class _Sliding:
    """The parts that show the number on a slider."""

    def _make_slider(self):
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, _TICKS)
        self._slider.valueChanged.connect(self._slid)

    def _slid(self, position):
        above = (self.maximum - self.minimum) * position / _TICKS
        if self.singleStep:
            above = round(above / self.singleStep) * self.singleStep
        self.setValue(self.minimum + above)

    def _show_slider(self):
        span = self.maximum - self.minimum
        blocked = self._slider.blockSignals(True)
        self._slider.value = round(_TICKS * (self._value - self.minimum) / span) if 0 < span < float("inf") else 0
        self._slider.blockSignals(blocked)


@designer
class ctkDoubleSpinBox(_Number, _Spinning):
    editingFinished = Signal()
    decimalsChanged = Signal(int)

    def _build(self):
        self._make_spin_box()
        self._spin_box.editingFinished.connect(self.editingFinished)
        _row(self, self._spin_box)

    def _show(self):
        self._show_spin_box()

    def _decimals_changed(self):
        self._show()
        self.decimalsChanged.emit(self.decimals)

    def setDecimals(self, decimal):
        self.decimals = decimal

    def stepUp(self):
        self.setValue(self._value + self.singleStep)

    def stepDown(self):
        self.setValue(self._value - self.singleStep)

    decimals = stored(int, "decimals", 2, _decimals_changed)
    prefix = stored(str, "prefix", "", lambda self: self._show())
    suffix = stored(str, "suffix", "", lambda self: self._show())


@designer
class ctkDoubleSlider(_Number, _Sliding):
    def _build(self):
        self._make_slider()
        _row(self, self._slider)

    def _show(self):
        self._show_slider()

    pageStep = stored(float, "pageStep", 10.0)
    tracking = stored(bool, "tracking", True)


@designer
class ctkSliderWidget(_Number, _Spinning, _Sliding):
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)

    def _build(self):
        self._make_slider()
        self._slider.setObjectName("Slider")
        self._make_spin_box()
        self._spin_box.setObjectName("SpinBox")
        _row(self, self._slider, self._spin_box)

    def _show(self):
        self._show_slider()
        self._show_spin_box()

    def _decimals_changed(self):
        self._show()
        self.decimalsChanged.emit(self.decimals)

    def _show_parts(self):
        self._spin_box.visible = self.spinBoxVisible

    def setDecimals(self, decimals):
        self.decimals = decimals

    def setSpinBoxVisible(self, visible):
        self.spinBoxVisible = visible

    def reset(self):
        self.setValue(self.minimum)

    decimals = stored(int, "decimals", 2, _decimals_changed)
    prefix = stored(str, "prefix", "", lambda self: self._show())
    suffix = stored(str, "suffix", "", lambda self: self._show())
    pageStep = stored(float, "pageStep", 10.0)
    tickInterval = stored(float, "tickInterval", 0.0)
    tracking = stored(bool, "tracking", True)
    spinBoxVisible = stored(bool, "spinBoxVisible", True, _show_parts)


class _Range(QWidget):
    """Two numbers within bounds: what ctkRangeWidget and ctkDoubleRangeSlider share."""

    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    valuesChanged = Signal(float, float)
    rangeChanged = Signal(float, float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._low, self._high = 0.0, 99.0
        self._boxes = [QDoubleSpinBox(self), QDoubleSpinBox(self)]
        for box in self._boxes:
            box.setKeyboardTracking(False)
            box.valueChanged.connect(self._typed)
        _row(self, *self._boxes)
        self._show()

    def _typed(self):
        self.setValues(*(box.value for box in self._boxes))

    def _show(self):
        for box, value in zip(self._boxes, (self._low, self._high), strict=True):
            blocked = box.blockSignals(True)
            box.minimum, box.maximum, box.singleStep, box.value = self.minimum, self.maximum, self.singleStep, value
            box.blockSignals(blocked)

    def _bounded(self):
        self.setValues(self._low, self._high)
        self._show()
        self.rangeChanged.emit(self.minimum, self.maximum)

    def setRange(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def setMinimumValue(self, value):
        self.setValues(value, max(value, self._high))

    def setMaximumValue(self, value):
        self.setValues(min(value, self._low), value)

    def setValues(self, low, high):
        low, high = (min(max(float(value), self.minimum), self.maximum) for value in sorted((low, high)))
        before = self._low, self._high
        self._low, self._high = low, high
        self._show()
        if low != before[0]:
            self.minimumValueChanged.emit(low)
        if high != before[1]:
            self.maximumValueChanged.emit(high)
        if (low, high) != before:
            self.valuesChanged.emit(low, high)

    def _read_low(self):
        return self._low

    def _read_high(self):
        return self._high

    minimum = stored(float, "minimum", 0.0, _bounded)
    maximum = stored(float, "maximum", 99.0, _bounded)
    singleStep = stored(float, "singleStep", 1.0, lambda self: self._show())
    minimumValue = Property(float, _read_low, setMinimumValue)
    maximumValue = Property(float, _read_high, setMaximumValue)


@designer
class ctkDoubleRangeSlider(_Range):
    pass


@designer
class ctkRangeWidget(_Range):
    def setDecimals(self, decimals):
        self.decimals = decimals

    def _show_decimals(self):
        for box in self._boxes:
            box.decimals = self.decimals

    decimals = stored(int, "decimals", 2, _show_decimals)
