"""The training set that is packed into a run folder: of which images it was made, and whether they still are those.

A note beside the set says what it was made of.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from slicer.i18n import tr as _

from MedDDPMCore.base.errors import TrainingError, shown
from MedDDPMCore.base.files import only_writer, write_json, writing
from MedDDPMCore.volumes.files import ENDINGS

NOTE = "slicer-images.json"
DESCRIPTION = "dataset.json"
_SET = (DESCRIPTION, "images.npy", "labels.npy", "brain.npy", "contact_sheet.png", "report.txt")
_BEGINNING = ("config.json", "atlas.npz", "atlas-cases.npy", "data.json")
"""What a training finds out of its images before its first checkpoint."""
_BESIDE_HEADERS = (".raw", ".raw.gz", ".zraw")
"""How the names of files end that hold the voxels of a header's volume."""


def has_checkpoint(run: Path) -> bool:
    """Whether a run folder holds something to resume from."""
    return any(run.glob("stage-*.pt"))


def folder_of(run: Path) -> Path:
    """Where a run's images are packed."""
    return run / "dataset"


def is_there(data: Path, run: Path) -> bool:
    """Whether a run folder holds the packed set of a folder of images, without one that could not be packed; a set
    that a checkpoint was trained on is held as it is. TrainingError where a checkpoint was trained on
    others, or a set lies there that was not packed for this run."""
    known, is_packed = _read(run / NOTE), (folder_of(run) / DESCRIPTION).is_file()
    if is_packed and known is None:
        raise TrainingError(
            _("{folder} holds a training set that was not packed here.").format(folder=shown(folder_of(run))),
            _("Choose that folder as the images, or choose a new output folder."),
        )
    if not has_checkpoint(run):
        return is_packed and images_of(data) == known and not left_out(run)
    if known is not None and images_of(data) != known:
        raise TrainingError(
            _("The training in {folder} was begun with other images.").format(folder=shown(run)),
            _("Choose a new output folder."),
        )
    return is_packed


def left_out(run: Path) -> dict[str, str]:
    """The images that could not be packed into a run's set, each with the reason."""
    return (_read(folder_of(run) / DESCRIPTION) or {}).get("left_out") or {}


def make_way(data: Path, run: Path) -> None:
    """Note of which images the run's set is about to be packed, after the set of others is gone, and what a training
    that has no checkpoint yet had found out of it. BusyError while another process works there."""
    with only_writer(run), only_writer(folder_of(run)), writing(run):
        if (run / NOTE).exists() and not has_checkpoint(run):
            begun = [*run.glob("stage-*.jsonl"), *(run / name for name in _BEGINNING)]
            for path in (*(folder_of(run) / name for name in _SET), *begun):
                path.unlink(missing_ok=True)
        write_json(run / NOTE, images_of(data))


def images_of(data: Path) -> dict:
    """The volumes in a folder and below, by their paths in it, each with its size and time of change (ns)."""
    files = {}
    for root, folders, names in os.walk(data):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(root, name) for name in names if _is_image(name)):
            files[path.relative_to(data).as_posix()] = _state(path)
    return files


def _is_image(name: str) -> bool:
    return name.lower().endswith((*ENDINGS, *_BESIDE_HEADERS)) and not name.startswith(".")


def _state(path: Path) -> list[int]:
    """Size and time of change; none of a link to what is not there."""
    with contextlib.suppress(OSError):
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    return []


def _read(path: Path) -> dict | None:
    with contextlib.suppress(OSError, ValueError):
        values = json.loads(path.read_text(encoding="utf-8"))
        return values if isinstance(values, dict) else None
    return None
