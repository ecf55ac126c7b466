"""A small scripted module as Slicer's documentation teaches it: what the tests of the host run."""

import enum
from typing import Annotated

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper, parameterPack
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class HostSample(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Host sample")
        parent.categories = ["Testing"]
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="HostSample", sampleName="HostSample1", uris="file:///none", fileNames="a.nrrd", nodeNames="a"
    )


class Shape(enum.Enum):
    BALL = "ball"
    BOX = "box"


@parameterPack
class Size:
    radius: Annotated[int, WithinRange(1, 50)] = 7


@parameterNodeWrapper
class HostSampleParameters:
    inputVolume: slicer.vtkMRMLScalarVolumeNode
    result: slicer.vtkMRMLScalarVolumeNode | None
    threshold: Annotated[float, WithinRange(-100, 500)] = 100
    steps: Annotated[int, WithinRange(1, 1000)] = 15
    sampler: Annotated[str, Choice(["ddim", "dpm"])] = "ddim"
    title: Annotated[str, Default("none")]
    shape: Shape = Shape.BALL
    invert: bool = False
    size: Size


class HostSampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.parameters = None
        self.entered = self.cleaned = 0

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/HostSample.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = HostSampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.useParameters)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.useParameters)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.useParameters()

    def cleanup(self):
        self.cleaned += 1
        self.removeObservers()

    def enter(self):
        self.entered += 1

    def onSceneStartClose(self, caller, event):
        self.parameters.disconnectGui(self.guiTag)
        self.parameters = None

    def useParameters(self, caller=None, event=None):
        self.parameters = self.logic.getParameterNode()
        self.guiTag = self.parameters.connectGui(self.ui)
        self.parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, self.enableApply)
        self.enableApply()

    def enableApply(self, caller=None, event=None):
        self.ui.applyButton.enabled = self.parameters is not None and self.parameters.inputVolume is not None

    def onApply(self):
        with slicer.util.tryWithErrorDisplay(_("Failed to compute results."), waitCursor=True):
            self.parameters.result = self.logic.process(self.parameters.inputVolume, self.parameters.threshold)
            qt.QSettings().setValue("HostSample/last", self.parameters.result.GetID())


class HostSampleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return HostSampleParameters(super().getParameterNode())

    def process(self, volume, threshold):
        if threshold > 400:
            raise ValueError("threshold is too high")
        result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", volume.GetName() + " above")
        result.CopyOrientation(volume)
        slicer.util.updateVolumeFromArray(result, (slicer.util.arrayFromVolume(volume) > threshold).astype("uint8"))
        return result


class HostSampleTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def test_threshold(self):
        import numpy

        volume = slicer.util.addVolumeFromArray(numpy.arange(27).reshape(3, 3, 3).astype("int16"))
        result = HostSampleLogic().process(volume, 13)
        self.assertEqual(int(slicer.util.arrayFromVolume(result).sum()), 13)
