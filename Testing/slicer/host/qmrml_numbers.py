"""qMRML's number widgets: CTK's, with a scene. Units are not applied."""

from PySide6.QtCore import Signal

from .ctk_buttons import ctkCollapsibleButton
from .ctk_numbers import ctkDoubleSpinBox, ctkRangeWidget, ctkSliderWidget
from .stand_in import designer, stored


class _InScene:
    _scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._scene = scene

    def setQuantity(self, baseName):
        self.quantity = baseName


@designer
class qMRMLSliderWidget(ctkSliderWidget, _InScene):
    quantity = stored(str, "quantity", "")


@designer
class qMRMLSpinBox(ctkDoubleSpinBox, _InScene):
    quantity = stored(str, "quantity", "")


@designer
class qMRMLRangeWidget(ctkRangeWidget, _InScene):
    mrmlScene = None
    quantity = stored(str, "quantity", "")


@designer
class qMRMLCollapsibleButton(ctkCollapsibleButton):
    mrmlSceneChanged = Signal(object)
    _signals = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}

    def setMRMLScene(self, scene):
        self.mrmlSceneChanged.emit(scene)
