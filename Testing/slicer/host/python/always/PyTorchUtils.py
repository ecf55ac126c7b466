"""The PyTorch extension's logic: says what is installed, records what would be, and installs nothing."""

import importlib

from slicer.packaging import _installs, pip_check
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic


class PyTorchUtilsLogic(ScriptedLoadableModuleLogic):
    @staticmethod
    def torchInstalled():
        return pip_check("torch")

    @property
    def torch(self):
        return self.importTorch()

    def importTorch(self):
        return importlib.import_module("torch") if self.torchInstalled() else self.installTorch()

    def installTorch(
        self,
        askConfirmation=False,
        forceComputationBackend=None,
        torchVersionRequirement=None,
        torchvisionVersionRequirement=None,
    ):
        _installs.append(f"torch{torchVersionRequirement or ''}")
        return importlib.import_module("torch") if self.torchInstalled() else None

    def uninstallTorch(self, askConfirmation=False, forceComputationBackend=None):
        _installs.append(("uninstall", "torch"))

    @staticmethod
    def getCompatibleComputationBackends(forceComputationBackend=None, torchVersionRequirement=None):
        return [forceComputationBackend or "cpu"]
