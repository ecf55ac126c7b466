"""slicer.i18n without translations: every text is its own."""

import os

FILEPATH_TO_CONTEXT = {}


def translate(context, text):
    return text


def getContext(sourceFile):
    return os.path.splitext(os.path.basename(sourceFile))[0]


def tr(text):
    return text
