"""The volumes of a folder, and files that only stand for one that is elsewhere."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..base.errors import VolumeError, shown
from .files import ENDINGS
from .voxels import warn

_POINTER = re.compile(rb"[./]*(\.git)?/annex/objects/|version https://git-lfs\.github\.com/")
"""How small files begin that stand in for content: unlocked git-annex (and datalad), git-lfs."""
_POINTER_BYTES = 512
_UNREAD = (".dcm", ".ima", ".mgz", ".mgh", ".img", ".hdr", ".mnc", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".gz",
           ".tif", ".tiff", ".par", ".rec", ".gipl", ".nia", ".npy", ".npz", ".mat", ".rtss")  # fmt: skip
"""What may hold a volume, and is not read where a folder is searched."""


def is_volume_file(path: Path) -> bool:
    """Whether a path is called as volume files are."""
    return path.name.lower().endswith(ENDINGS)


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a file of a folder, or a folder on the way to it, is the system's own: ._x, .DS_Store, .git, __MACOSX."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)


def volume_files(folder: str | Path) -> list[Path]:
    """Every volume file in the folder and those below, sorted by path. What the system hides there is passed over.

    Links whose content is not here are among them: reading them says so (`require_content`). Beside volumes, files
    that may hold others, but are not read, are warned of. OSError as the system has it is a VolumeError.
    """
    folder = Path(folder)

    def refuse(error: OSError) -> None:
        raise VolumeError(
            f"{shown(error.filename)} cannot be looked into: {error.strerror}.", "Check the rights on it."
        )

    files, others = [], []
    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not is_hidden(Path(name), Path())]
        shown_names = [name for name in names if not name.startswith(".")]
        files += [Path(root, name) for name in shown_names if is_volume_file(Path(name))]
        others += [name for name in shown_names if name.lower().endswith(_UNREAD) and not is_volume_file(Path(name))]
    if files and others:
        listed = ", ".join(map(shown, sorted(others)[:4])) + (" …" if len(others) > 4 else "")
        warn(f"{folder} holds {len(others)} files of other kinds, which are passed over: {listed}.")
    return sorted(files)


def require_content(path: Path) -> None:
    """VolumeError where a path is a link to what is not there, or a small file that stands for content elsewhere."""
    try:
        if path.is_symlink() and not path.exists():
            target = os.readlink(path)
            raise VolumeError(f"{shown(path)} is a link to {shown(target)}, which is not there.", _advice(path, target))
        if not path.is_file() or path.stat().st_size > _POINTER_BYTES:
            return
        start = path.read_bytes()
    except (OSError, ValueError):  # said by whoever opens it
        return
    if _POINTER.match(start):
        target = start.decode("utf-8", "replace").split("\n")[0]
        raise VolumeError(f"{shown(path)} only names its content ({shown(target)}), which is not here.",
                          _advice(path, target))  # fmt: skip


def _advice(path: Path, target: str) -> str:
    name = shown(path)
    if "git-lfs" in target:
        return f"Fetch it: git lfs pull --include {path.name}"
    if "annex" in target:
        return f"Fetch it: datalad get {name} (or: git annex get {name})"
    return "Restore what it points to, or take the link away."


def distinct_names(paths: Sequence[Path], stems: Sequence[str]) -> list[str]:
    """A name for each of some files, from their stems, no two the same on any file system.

    Equal stems get their folder's name in front, and where that does not tell them apart, their ending behind.
    """
    names = _told_apart(list(stems), [f"{path.parent.name}_{stem}" for path, stem in zip(paths, stems, strict=True)])
    endings = [path.name[len(stem) :].strip(".").replace(".", "_") for path, stem in zip(paths, stems, strict=True)]
    names = _told_apart(names, [f"{s}_{e}" if e else s for s, e in zip(stems, endings, strict=True)])
    if len({name.casefold() for name in names}) < len(names):
        raise VolumeError(
            "Several files would get the same name: " + ", ".join(shown(path) for path in paths[:4]) + ".",
            "Rename them, or give one folder at a time.",
        )
    return names


def _told_apart(names: list[str], longer: list[str]) -> list[str]:
    count = Counter(name.casefold() for name in names)
    better = [long if count[name.casefold()] > 1 else name for name, long in zip(names, longer, strict=True)]
    return better if len({name.casefold() for name in better}) > len(count) else names
