"""The scene with the application's and the modules' logics, as Slicer sets them up at its start."""

import pathlib

import slicer

from .subject_hierarchy import SubjectHierarchyItems

SHARE = pathlib.Path(__file__).parent / "share"

_LOGICS = {
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Units": "vtkSlicerUnitsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}


class Logics:
    """The scene, the application logic, and every module logic by module name."""

    def __init__(self, temporary):
        self.scene = slicer.vtkMRMLScene()
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetHomeDirectory(str(SHARE.parent))
        self.application.SetShareDirectory(SHARE.name)
        self.application.SetTemporaryPath(str(temporary))
        self.application.SetMRMLScene(self.scene)
        self.modules = {}
        self._add("Colors", slicer.vtkSlicerColorLogic())
        self.scene.AddNewNodeByClass("vtkMRMLSubjectHierarchyNode")
        self._items = SubjectHierarchyItems(self.scene)
        terminologies = slicer.vtkSlicerTerminologiesModuleLogic()
        terminologies.SetModuleShareDirectory(str(SHARE / "terminologies"))
        self._add("Terminologies", terminologies)
        for name, class_name in _LOGICS.items():
            self._add(name, getattr(slicer, class_name)())
        self._remote_io(temporary)

    def _add(self, name, logic):
        logic.SetMRMLApplicationLogic(self.application)
        logic.SetMRMLScene(self.scene)
        self.application.SetModuleLogic(name, logic)
        self.modules[name] = logic

    def _remote_io(self, temporary):
        """Scene bundles are unpacked through the data IO manager and its cache folder."""
        cache = temporary / "cache"
        cache.mkdir(exist_ok=True)
        self._remote = slicer.vtkMRMLRemoteIOLogic()
        self._remote.SetMRMLScene(self.scene)
        self._remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
        self._remote.AddDataIOToScene()
        self._data_io = slicer.vtkDataIOManagerLogic()
        self._data_io.SetMRMLApplicationLogic(self.application)
        self._data_io.SetAndObserveDataIOManager(self._remote.GetDataIOManager())
