"""The PyTorch extension's logic: says what is installed, records what would be, and installs nothing."""
import importlib
import importlib.util

from slicer.packaging import _installs
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic


class PyTorchUtilsLogic(ScriptedLoadableModuleLogic):
    @staticmethod
    def torchInstalled():
        return importlib.util.find_spec("torch") is not None

    @property
    def torch(self):
        return self.importTorch()

    def importTorch(self):
        return importlib.import_module("torch") if self.torchInstalled() else self.installTorch()

    def installTorch(self, askConfirmation=False, forceComputationBackend=None, torchVersionRequirement=None,
                     torchvisionVersionRequirement=None):
        _installs.append(f"torch{torchVersionRequirement or ''}")
        return importlib.import_module("torch") if self.torchInstalled() else None

    def uninstallTorch(self, askConfirmation=False, forceComputationBackend=None):
        _installs.append(("uninstall", "torch"))

    @staticmethod
    def getCompatibleComputationBackends(forceComputationBackend=None, torchVersionRequirement=None):
        return [forceComputationBackend or "cpu"]
