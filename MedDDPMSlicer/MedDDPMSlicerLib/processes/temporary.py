"""Folders for the files of one run, in Slicer's temporary folder."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from slicer.i18n import tr as _

from MedDDPMCore.base.errors import ResourceError
from MedDDPMCore.worker.private import folder_within


def new_folder(prefix: str, parent: str | None, stack: contextlib.ExitStack) -> Path:
    """A new folder, which is gone once the stack is closed; what a killed Slicer left there is removed first.
    ResourceError where there can be none."""
    try:
        return stack.enter_context(folder_within(Path(parent or tempfile.gettempdir()), prefix))
    except OSError as error:
        raise unwritable(error) from error


def unwritable(error: OSError) -> ResourceError:
    """What is said of a temporary folder that is full or must not be written to."""
    return ResourceError(
        _("The temporary folder could not be written to: {error}.").format(error=error),
        _("Make room on the disk, or choose another temporary folder in Slicer's settings."),
    )
