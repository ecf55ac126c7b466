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
    with contextlib.ExitStack() as stack:
        with writing(place / _BEGINNING):
            folder = stack.enter_context(folder_within(place, _BEGINNING))
        yield folder


@contextlib.contextmanager
def folder_within(place: Path, beginning: str) -> Iterator[Path]:
    """A new folder of the user alone, gone at the end of the context, whose name begins so.

    Those of that beginning that killed processes left in `place` are removed first. OSError where it cannot be made.
    """
    sweep(place, beginning)
    folder = place / f"{beginning}{secrets.token_hex(8)}"
    lock = folder.with_name(folder.name + _LOCK)
    handle = wait_for(lock)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        let_go(lock, handle)


def sweep(place: Path, beginning: str) -> None:
    """Removes the private folders of this user, in a folder and of a beginning, whose processes are gone; where there
    are no locks to tell that by, those that have not been written to for a day."""
    for lock in place.glob(f"{beginning}*{_LOCK}"):
        with contextlib.suppress(OSError):
            if hasattr(os, "getuid") and lock.lstat().st_uid != os.getuid():
                continue
            folder = lock.with_name(lock.name.removesuffix(_LOCK))
            if (handle := take(lock, surely=not is_forgotten(lock, folder))) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                let_go(lock, handle)
