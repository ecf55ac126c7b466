"""slicer.i18n without translations: every text is its own."""

import os

FILEPATH_TO_CONTEXT = {}


def translate(context, text):
    return text


def getContext(sourceFile):
    """The file's name, with its package's before it where it lies in one."""
    folder, name = os.path.split(sourceFile)
    package = f"{os.path.basename(folder)}." if os.path.isfile(os.path.join(folder, "__init__.py")) else ""
    return package + os.path.splitext(name)[0]


def tr(text):
    return text
