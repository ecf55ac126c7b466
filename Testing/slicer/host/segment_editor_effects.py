"""The Segment Editor's effects by name, and the factory that modules register theirs with. None of them paints."""

from PySide6.QtCore import Property, QObject, Signal

EFFECTS = (
    "Threshold",
    "Paint",
    "Draw",
    "Erase",
    "Level tracing",
    "Grow from seeds",
    "Fill between slices",
    "Margin",
    "Hollow",
    "Smoothing",
    "Scissors",
    "Islands",
    "Logical operators",
    "Mask volume",
)


class qSlicerSegmentEditorEffectFactory(QObject):
    """The effects there are; extensions register theirs when they are loaded, which may be late."""

    effectRegistered = Signal(str)
    _signals = {"effectRegistered(QString)": "effectRegistered"}
    _only = None

    def __init__(self):
        super().__init__()
        self._names = list(EFFECTS)

    @staticmethod
    def instance():
        factory = qSlicerSegmentEditorEffectFactory
        if factory._only is None:
            factory._only = factory()
        return factory._only

    def _register(self, name):
        self._names.append(name)
        self.effectRegistered.emit(name)


class qSlicerSegmentEditorAbstractEffect(QObject):
    def __init__(self, editor, name):
        super().__init__(editor)
        self._editor, self._name = editor, name

    def active(self):
        return self._editor.activeEffect() is self

    def scene(self):
        return self._editor.mrmlScene()

    def parameterSetNode(self):
        return self._editor.mrmlSegmentEditorNode()

    def parameter(self, name):
        return self.parameterSetNode().GetAttribute(f"{self._name}.{name}") or ""

    def integerParameter(self, name):
        return int(self.parameter(name) or 0)

    def doubleParameter(self, name):
        return float(self.parameter(name) or 0.0)

    def parameterDefined(self, name):
        return self.parameterSetNode().GetAttribute(f"{self._name}.{name}") is not None

    def setParameter(self, name, value):
        self.parameterSetNode().SetAttribute(f"{self._name}.{name}", str(value))

    def setParameterDefault(self, name, value):
        if not self.parameterDefined(name):
            self.setParameter(name, value)

    def saveStateForUndo(self):
        self._editor.saveStateForUndo()

    name = Property(str, lambda self: self._name)
    title = Property(str, lambda self: self._name)
