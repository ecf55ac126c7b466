"""MedDDPM in 3D Slicer: paint a tumor, press Synthesize, see the MRI."""

import os
import sys

import qt
import slicer
import vtk
from MedDDPMSlicerLib import model_info, panels, paths, report, roles
from MedDDPMSlicerLib.mrml import loading, parameters, samples, scene, views
from MedDDPMSlicerLib.panels import about, annotation
from MedDDPMSlicerLib.processes.qt_transport import QtTransport
from MedDDPMSlicerLib.processes.run import SynthesisRun
from MedDDPMSlicerLib.processes.synthesis_process import SynthesisProcess
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

IMPORTED_MODELS_KEY = "MedDDPM/ImportedModels"


class MedDDPMSlicer(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "MedDDPM"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = ["Segmentations", "SegmentEditor", "Sequences", "SubjectHierarchy"]
        parent.contributors = ["SlicerMedDDPM developers"]
        parent.helpText, parent.acknowledgementText = about.help_text(), about.acknowledgement()
        slicer.app.connect("startupCompleted()", self._started)

    def _started(self):
        samples.register(os.path.join(os.path.dirname(self.parent.path), "Resources", "Icons", "MedDDPMSlicer.png"))


class MedDDPMSlicerLogic(ScriptedLoadableModuleLogic):
    """The module without its window: the settings in the scene."""

    def getParameterNode(self):
        """The settings, with defaults in place of values that cannot be right."""
        node = super().getParameterNode()
        self.repaired = parameters.repair(node)
        return parameters.MedDDPMParameters(node)


class MedDDPMSlicerWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The window: its boxes, the run they share, and the scene's comings and goings."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = MedDDPMSlicerLogic()
        self.parameters = None
        self._gui_tags = []
        self._found_for = None
        self._shown_choice = self._shown_result = None
        self._closed = False
        self._refreshing = False
        self.models = model_info.available(self._importedModels())
        self.process = SynthesisProcess(QtTransport(), self._processEvent, paths.python(), str(paths.core_folder()))
        self.run = SynthesisRun(slicer.mrmlScene, self.process, self._runChanged, slicer.app.temporaryPath)
        self.panels = panels.create(self)
        for panel in self.panels.values():
            self.layout.addWidget(panel.widget)
        self.layout.addStretch(1)
        events = slicer.vtkMRMLScene
        self.addObserver(slicer.mrmlScene, events.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, events.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, events.StartImportEvent, self.onSceneStartImport)
        self.addObserver(slicer.mrmlScene, events.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, events.NodeAddedEvent, self.onNodeAdded)
        for node in annotation.watched(slicer.mrmlScene):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onViewChanged)
        self.addObserver(slicer.mrmlScene, events.StartSaveEvent, lambda *_arguments: self.run.outlines.pause())
        self.addObserver(slicer.mrmlScene, events.EndSaveEvent, lambda *_arguments: self.run.outlines.resume())
        slicer.app.connect("aboutToQuit()", self.cleanup)
        self.initializeParameterNode()

    def cleanup(self):
        """The module is reloaded or Slicer quits (both call this): end every process and let go of the scene."""
        if self._closed:
            return
        self._closed = True
        slicer.app.disconnect("aboutToQuit()", self.cleanup)
        self.run.close()
        self.process.kill()
        self.setParameterNode(None)
        self.removeObservers()
        for panel in self.panels.values():
            panel.close()

    def onReload(self):
        """The developer's Reload button: all of the extension's Python is read again, not this file alone."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("MedDDPMSlicerLib", "MedDDPMCore")]:
            del sys.modules[name]
        super().onReload()

    def enter(self):
        self.initializeParameterNode()
        self.run.outlines.resume()
        for panel in self.panels.values():
            panel.enter()

    def exit(self):
        self.run.outlines.pause()
        for panel in self.panels.values():
            panel.leave()

    def onSceneStartClose(self, _caller=None, _event=None):
        self.run.close()
        for panel in self.panels.values():
            panel.forget_scene()
        self.setParameterNode(None)

    def onSceneEndClose(self, _caller=None, _event=None):
        self.initializeParameterNode()

    def onSceneStartImport(self, _caller=None, _event=None):
        self._disconnectGui()

    def onSceneEndImport(self, _caller=None, _event=None):
        self.initializeParameterNode()
        if self.logic.repaired:
            self.panels["input"].notice = _(
                "Settings of the loaded scene that cannot be right were reset: {names}."
            ).format(names=", ".join(self.logic.repaired))
            self.refresh()

    def initializeParameterNode(self):
        """Make sure that the scene's settings are shown, with first choices where there are none."""
        if slicer.mrmlScene.IsClosing() or slicer.mrmlScene.IsImporting():
            return
        self.setParameterNode(self.logic.getParameterNode())
        node = self.parameters
        if node.model not in self.models and self.models:
            node.model = next(iter(self.models))
        if node.segmentation is None and node.mri is None:
            mri, node.segmentation = loading.first_choice(slicer.mrmlScene)
            node.mri = mri

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, _caller, _event, node):
        if annotation.is_watched(node):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onViewChanged)
        elif node.IsA("vtkMRMLSegmentationNode") or node.IsA("vtkMRMLScalarVolumeNode"):
            self.process.call_later(0, self._chooseLoaded)  # when it holds what was loaded

    def onViewChanged(self, _caller=None, _event=None):
        if not self._closed:
            annotation.mark_views()

    def _chooseLoaded(self):
        """Choose what was loaded where nothing was chosen yet."""
        node = self.parameters
        if node is None or self._closed or slicer.mrmlScene.IsClosing() or slicer.mrmlScene.IsImporting():
            return
        if node.segmentation is None and node.mri is None:
            mri, segmentation = loading.first_choice(slicer.mrmlScene)
            node.segmentation, node.mri = segmentation, mri
        elif node.segmentation is None:
            node.segmentation = loading.drawn_on(scene.segmentations(slicer.mrmlScene), node.mri)
        self.panels["input"].refresh()

    def _disconnectGui(self):
        """Let the window no longer follow the settings; what is bound to them stays so."""
        if self._gui_tags:
            self.removeObserver(self.parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onSettingsChanged)
        while self._gui_tags:
            self.parameters.disconnectGui(self._gui_tags.pop())

    def setParameterNode(self, node):
        self._disconnectGui()
        self.parameters, self._shown_choice = node, None
        self._shown_result = node.result if node is not None else None
        for panel in self.panels.values():
            panel.bind(node)
        if node is not None:
            self._gui_tags = [node.connectParametersToGui(widgets) for widgets in self._parameter_widgets()]
        self._observeSegmentation()
        if node is not None:
            self.addObserver(node.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onSettingsChanged)
            self.refresh()

    def _parameter_widgets(self):
        """Name of a parameter -> its widget, over all boxes; a second widget of a parameter is in a second dictionary.

        Whatever is connected by a call of its own is written anew with every change of any parameter.
        """
        groups = [{}]
        for panel in self.panels.values():
            for name, widget in panel.parameter_widgets():
                group = next((group for group in groups if name not in group), None)
                if group is None:
                    groups.append(group := {})
                group[name] = widget
        return groups

    def onSettingsChanged(self, _caller=None, _event=None):
        self._observeSegmentation()
        self.refresh()

    def _observeSegmentation(self):
        node = self.parameters.segmentation if self.parameters else None
        if node is self._found_for:
            return
        events = (
            slicer.vtkSegmentation.SegmentAdded,
            slicer.vtkSegmentation.SegmentRemoved,
            slicer.vtkSegmentation.SegmentModified,
        )
        for event in events:
            if self._found_for is not None:
                self.removeObserver(self._found_for, event, self.onSegmentsChanged)
            if node is not None:
                self.addObserver(node, event, self.onSegmentsChanged)
        self._found_for = node

    def onSegmentsChanged(self, _caller=None, _event=None):
        self.refresh()

    def refresh(self):
        """Show the present state in every box."""
        if self.parameters is None or self._refreshing or slicer.mrmlScene.IsImporting():
            return
        self._refreshing = True
        try:
            segmentation = self.parameters.segmentation
            self.segments = scene.find_segments(segmentation, self.roles) if segmentation else {}
            for panel in self.panels.values():
                panel.refresh()
        finally:
            self._refreshing = False
        self._followChoice()
        if self.parameters.result is not self._shown_result:
            self._followResult()

    def _followResult(self):
        """Leave nothing beside the result that is of an earlier one."""
        self._shown_result = self.parameters.result
        for panel in self.panels.values():
            panel.new_result()
        self.refresh()

    def _followChoice(self):
        """Show the MRI and the segmentation that were just chosen, and hide those of before."""
        chosen, before = (self.parameters.mri, self.parameters.segmentation), self._shown_choice
        self._shown_choice = chosen
        if before is None or before == chosen or self.views_are_taken:
            return
        if before[1] is not chosen[1]:
            views.set_visible(before[1], False)
            views.set_visible(chosen[1], True)
        if any(chosen):
            self.show_source()

    @property
    def model(self):
        return self.models.get(self.parameters.model) if self.parameters else None

    @property
    def roles(self):
        return roles.roles_for(self.model.labels) if self.model else ()

    @property
    def can_synthesize(self):
        return self.panels["setup"].allows_synthesis

    @property
    def has_gpu(self):
        """Whether any device but the CPU was found."""
        state = self.panels["setup"].state
        return self.process.is_elsewhere or state is None or any(device["id"] != "cpu" for device in state.devices)

    def _processEvent(self, event):
        if event["event"] == "ready":
            self.show_devices(event.get("devices") or [])
        self.run.handle(event)
        self.panels["advanced"].compute_on.handle(event)
        if event["event"] != "progress":
            self.panels["advanced"].show_log()
            self.refresh()

    def _runChanged(self):
        if self.parameters is not None and not self.run.is_active and self.run.results:
            (result, *_others), self.run.results = self.run.results, []
            self._shown_result = self.parameters.result = result
            if self.run.has_replaced:
                self.parameters.output = result
            self._followResult()
            self.panels["synthesize"].note_duration(self.run.seconds)
            self.jump_to_lesion()
        self.panels["synthesize"].refresh()
        if self.run.status.phase != "running":
            self.refresh()

    def install(self, commands, then):
        self.panels["setup"].install(commands, then)

    def show_setup(self):
        self.panels["setup"].show()

    def show_source(self):
        """Show what is painted on in the slice views, at the tumor if there is one; zoomed anew where it is another."""
        segmentation = self.parameters.segmentation
        self.run.outlines.restore()
        source = self.parameters.mri or samples.canvas_of(segmentation)
        if source is not None:
            other = not views.is_shown(slicer.mrmlScene, source)
            slicer.util.setSliceViewerLayers(background=source, foreground=None, fit=other)
        self.jump_to_lesion()

    def jump_to_lesion(self):
        """Move the slice views to what is painted: the tumor if there is one."""
        segmentation = self.parameters.segmentation if self.parameters else None
        if segmentation is None:
            return
        painted = [
            identity
            for role in self.roles
            for identity in self.segments.get(role.label, ())
            if not scene.is_empty(segmentation, identity)
        ]
        if painted:
            views.jump_to(slicer.mrmlScene, segmentation.GetSegmentCenterRAS(painted[-1]))

    def finish_edits(self):
        return all(panel.finish() for panel in self.panels.values())

    @property
    def editor(self):
        return self.panels["edit"]

    def show_devices(self, devices):
        self.panels["advanced"].show_devices(devices)

    @property
    def views_are_taken(self):
        return any(panel.takes_views for panel in self.panels.values())

    def set_others_aside(self, panel):
        return panels.set_aside([other.widget for other in self.panels.values() if other is not panel])

    def copy_report(self):
        names = parameters.MedDDPMParameters.allParameters
        settings = {name: self.parameters.getValue(name) for name in names}
        text = report.error_report(
            slicer.app.applicationVersion, settings, self.panels["synthesize"].failure, list(self.process.log)
        )
        slicer.app.clipboard().setText(text)
        slicer.util.showStatusMessage(_("The error report is in the clipboard."), 3000)

    def _importedModels(self):
        return [folder for folder in slicer.util.settingsValue(IMPORTED_MODELS_KEY, "").split("\n") if folder]

    def add_model(self, folder):
        """Remember an imported model and choose it."""
        folders = list(dict.fromkeys([*self._importedModels(), folder]))
        qt.QSettings().setValue(IMPORTED_MODELS_KEY, "\n".join(folders))
        self.models = model_info.available(folders)
        self.panels["advanced"].show_models()
        self.parameters.model = folder
        self.refresh()


class MedDDPMSlicerTest(ScriptedLoadableModuleTest):
    """A self-test that runs inside Slicer: what needs neither torch nor a download."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_SampleHeadToMask()

    def test_SampleHeadToMask(self):
        """A sample head becomes a mask in the model's values, and the user's segments stay as they are."""
        self.delayDisplay("Loading a sample head")
        known = roles.roles_for(roles.WHOLE_HEAD)
        segmentation = samples.load_sample(slicer.mrmlScene, samples.sample_files()[0])
        before = scene.segments_of(segmentation)
        mask = scene.build_mask(segmentation, known, scene.find_segments(segmentation, known))
        self.assertGreater(mask.counts["head"], 1000)
        self.assertEqual(scene.segments_of(segmentation), before)
        views.show(slicer.mrmlScene, samples.canvas_of(segmentation), None, 1.0)
        self.delayDisplay("Test passed")
