"""slicer.app.coreIOManager() and ioManager(): files in and out through the real readers and storage nodes."""

import os

import slicer
import vtk
from PySide6.QtCore import QObject, Signal

_BY_SUFFIX = (
    ("SceneFile", (".mrb", ".mrml")),
    ("SegmentationFile", (".seg.nrrd", ".seg.nhdr")),
    ("SequenceFile", (".seq.nrrd", ".seq.nhdr")),
    ("VolumeFile", (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")),
    ("TransformFile", (".h5", ".tfm")),
    ("ModelFile", (".vtk", ".vtp", ".stl", ".ply", ".obj")),
    ("MarkupsFile", (".mrk.json",)),
    ("ColorTableFile", (".ctbl", ".txt")),
    ("TableFile", (".tsv", ".csv")),
)
_BY_CLASS = (
    ("SegmentationFile", "vtkMRMLSegmentationNode"),
    ("SequenceFile", "vtkMRMLSequenceNode"),
    ("VolumeFile", "vtkMRMLVolumeNode"),
    ("TransformFile", "vtkMRMLTransformNode"),
    ("ModelFile", "vtkMRMLModelNode"),
    ("MarkupsFile", "vtkMRMLMarkupsNode"),
    ("ColorTableFile", "vtkMRMLColorNode"),
    ("TableFile", "vtkMRMLTableNode"),
    ("TextFile", "vtkMRMLTextNode"),
)
_LABEL_MAP, _CENTERED, _SINGLE_FILE, _DISCARD_ORIENTATION = 1, 2, 4, 16


class qSlicerCoreIOManager(QObject):
    newFileLoaded = Signal(object)
    fileSaved = Signal(object)
    _signals = {
        "newFileLoaded(qSlicerIO::IOProperties)": "newFileLoaded",
        "fileSaved(qSlicerIO::IOProperties)": "fileSaved",
    }

    def __init__(self, logics):
        super().__init__()
        self._logics = logics
        self._readers = {
            "SceneFile": self._read_scene,
            "VolumeFile": self._read_volume,
            "SegmentationFile": self._read_segmentation,
            "ModelFile": self._read_model,
        }

    def fileType(self, file):
        lowered = str(file).lower()
        for kind, suffixes in _BY_SUFFIX:
            if lowered.endswith(suffixes):
                return kind
        return "NoFile"

    def fileWriterFileType(self, node, extension=""):
        return next((kind for kind, class_name in _BY_CLASS if node.IsA(class_name)), "NoFile")

    def registeredFileReaderCount(self, fileType):
        return int(fileType in self._readers)

    def loadNodes(self, fileType, parameters, loadedNodes=None, userMessages=None):
        if fileType not in self._readers:
            _tell(userMessages, f"No reader for {fileType}")
            return False
        if not os.path.exists(parameters["fileName"]):
            _tell(userMessages, f"File does not exist: {parameters['fileName']}")
            return False
        nodes = self._readers[fileType](parameters, userMessages)
        if nodes is None:
            return False
        for node in nodes:
            if loadedNodes is not None:
                loadedNodes.AddItem(node)
        self.newFileLoaded.emit(dict(parameters, fileType=fileType))
        return True

    def loadScene(self, fileName, clear=True, userMessages=None):
        return self.loadNodes("SceneFile", {"fileName": fileName, "clear": clear}, None, userMessages)

    def loadFile(self, fileName, userMessages=None):
        return self.loadNodes(self.fileType(fileName), {"fileName": fileName}, None, userMessages)

    def saveScene(self, fileName, screenShot=None, userMessages=None):
        return self.saveNodes("SceneFile", {"fileName": fileName}, userMessages)

    def saveNodes(self, fileType, parameters, userMessages=None, scene=None):
        scene = scene or self._logics.scene
        write = self._write_scene if fileType == "SceneFile" else self._write_node
        done = write(scene, parameters, userMessages)
        if done:
            self.fileSaved.emit(dict(parameters, fileType=fileType))
        return done

    def addDefaultStorageNodes(self):
        scene = self._logics.scene
        for index in range(scene.GetNumberOfNodesByClass("vtkMRMLStorableNode")):
            scene.GetNthNodeByClass(index, "vtkMRMLStorableNode").AddDefaultStorageNode()

    def _read_scene(self, parameters, messages):
        path, clear = parameters["fileName"], parameters.get("clear", False)
        scene = self._logics.scene
        if path.lower().endswith(".mrb"):
            return [] if scene.ReadFromMRB(path, clear, messages) else None
        scene.SetURL(path)
        return [] if (scene.Connect(messages) if clear else scene.Import(messages)) else None

    def _read_volume(self, parameters, messages):
        path = parameters["fileName"]
        options = (
            _LABEL_MAP * bool(parameters.get("labelmap"))
            | _CENTERED * bool(parameters.get("center"))
            | _SINGLE_FILE * bool(parameters.get("singleFile"))
            | _DISCARD_ORIENTATION * bool(parameters.get("discardOrientation"))
        )
        node = self._logics.modules["Volumes"].AddArchetypeVolume(path, _node_name(parameters, path), options)
        if node is None:
            _tell(messages, f"Failed to read {path}")
            return None
        if parameters.get("show", True):
            selection = self._logics.application.GetSelectionNode()
            if node.IsA("vtkMRMLLabelMapVolumeNode"):
                selection.SetActiveLabelVolumeID(node.GetID())
            else:
                selection.SetActiveVolumeID(node.GetID())
            self._logics.application.PropagateVolumeSelection()
        return [node]

    def _read_segmentation(self, parameters, messages):
        path = parameters["fileName"]
        node = self._logics.modules["Segmentations"].LoadSegmentationFromFile(
            path, parameters.get("autoOpacities", True), _node_name(parameters, path)
        )
        if node is None:
            _tell(messages, f"Failed to read {path}")
            return None
        return [node]

    def _read_model(self, parameters, messages):
        node = self._logics.modules["Models"].AddModel(parameters["fileName"])
        return None if node is None else [node]

    def _write_scene(self, scene, parameters, messages):
        path = parameters["fileName"]
        if path.lower().endswith(".mrb"):
            return scene.WriteToMRB(path, None, messages)
        if path.lower().endswith(".mrml"):
            scene.SetURL(path)
            return bool(scene.Commit(path, messages))
        os.makedirs(path, exist_ok=True)
        return self._logics.application.SaveSceneToSlicerDataBundleDirectory(path, None, messages)

    def _write_node(self, scene, parameters, messages):
        node = scene.GetNodeByID(parameters["nodeID"])
        if not node.AddDefaultStorageNode():
            _tell(messages, f"{node.GetName()} cannot be stored")
            return False
        storage = node.GetStorageNode()
        storage.SetFileName(str(parameters["fileName"]))
        if "useCompression" in parameters:
            storage.SetUseCompression(parameters["useCompression"])
        return bool(storage.WriteData(node))


class qSlicerIOManager(qSlicerCoreIOManager):
    pass


def _node_name(parameters, path):
    name = parameters.get("name") or os.path.basename(path).partition(".")[0]
    return slicer.mrmlScene.GenerateUniqueName(name)


def _tell(messages, text):
    if messages is not None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
