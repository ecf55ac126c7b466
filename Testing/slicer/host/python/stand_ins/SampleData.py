"""Sample Data's registry, without its panel, its downloads and its built-in data sets."""

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic


class SampleDataSource:
    def __init__(
        self,
        sampleName=None,
        sampleDescription=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        checksums=None,
        loadFiles=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFileProperties=None,
        loadFileType=None,
    ):
        self.sampleName, self.sampleDescription = sampleName, sampleDescription or sampleName
        self.uris, self.fileNames, self.nodeNames = _listed(uris), _listed(fileNames), _listed(nodeNames)
        self.checksums, self.loadFiles = _listed(checksums), _listed(loadFiles)
        self.customDownloader, self.thumbnailFileName = customDownloader, thumbnailFileName
        self.loadFileTypes, self.loadFileProperties = _listed(loadFileTypes or loadFileType), loadFileProperties or {}

    def __eq__(self, other):
        return str(vars(self)) == str(vars(other))


class SampleDataLogic(ScriptedLoadableModuleLogic):
    def __init__(self, logMessage=None):
        super().__init__()
        self.logMessage = logMessage or self.logMessage

    @staticmethod
    def registerCustomSampleDataSource(
        category="Custom",
        sampleName=None,
        uris=None,
        fileNames=None,
        nodeNames=None,
        customDownloader=None,
        thumbnailFileName=None,
        loadFileTypes=None,
        loadFiles=None,
        loadFileProperties={},  # noqa: B006 (as the real one)
        checksums=None,
        loadFileType=None,
    ):
        source = SampleDataSource(
            sampleName,
            None,
            uris,
            fileNames,
            nodeNames,
            checksums,
            loadFiles,
            customDownloader,
            thumbnailFileName,
            loadFileTypes,
            loadFileProperties,
            loadFileType,
        )
        if not SampleDataLogic.isSampleDataSourceRegistered(category, source):
            SampleDataLogic.sampleDataSourcesByCategory().setdefault(category, []).append(source)

    @staticmethod
    def registerCustomSampleDataCategory(category, title):
        if not hasattr(slicer.modules, "sampleDataCategories"):
            slicer.modules.sampleDataCategories = {}
        slicer.modules.sampleDataCategories[category] = title

    @staticmethod
    def categoryTitle(category):
        return getattr(slicer.modules, "sampleDataCategories", {}).get(category, category)

    @staticmethod
    def sampleDataSourcesByCategory(category=None):
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        sources = slicer.modules.sampleDataSources
        return sources if category is None else sources.get(category, [])

    @staticmethod
    def isSampleDataSourceRegistered(category, sampleDataSource):
        return sampleDataSource in SampleDataLogic.sampleDataSourcesByCategory(category)

    def sourceForSampleName(self, sampleName):
        sources = (source for group in self.sampleDataSourcesByCategory().values() for source in group)
        return next((source for source in sources if source.sampleName == sampleName), None)

    def downloadFromSource(self, source, maximumAttemptsCount=3, forceDownload=False):
        return source.customDownloader(source) if source.customDownloader else []

    def logMessage(self, message, logLevel=10):
        """Nothing is logged."""


def _listed(value):
    return value if isinstance(value, list) or value is None else [value]
