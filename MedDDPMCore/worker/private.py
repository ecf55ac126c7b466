"""Temporary folders that the user alone can read, and that do not outlast their process for long."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..base.files import is_forgotten, writing
from ..base.locks import let_go, take, wait_for

_BEGINNING = "medddpm-private-"
_LOCK = ".lock"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder among the system's temporary files, gone at the end of the context.

    Those of processes that were killed, and of the time before the computer was started again, are removed first.
    ResourceError where it cannot be made.
    """
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = place / f"{_BEGINNING}{secrets.token_hex(8)}"
    lock = _lock_of(folder)
    with writing(folder):
        handle = wait_for(lock)
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        let_go(lock, handle)


def sweep(place: Path) -> None:
    """Removes the private folders of this user, in a folder, whose processes are gone; where there are no locks to tell
    that by, those that have not been written to for a day."""
    for lock in place.glob(f"{_BEGINNING}*{_LOCK}"):
        with contextlib.suppress(OSError):
            if hasattr(os, "getuid") and lock.lstat().st_uid != os.getuid():
                continue
            folder = lock.with_name(lock.name.removesuffix(_LOCK))
            if (handle := take(lock, surely=not is_forgotten(lock, folder))) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                let_go(lock, handle)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)
