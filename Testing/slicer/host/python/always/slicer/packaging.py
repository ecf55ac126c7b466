"""slicer.packaging, as far as the module asks it."""


def isPipInstallInProgress():
    return False
