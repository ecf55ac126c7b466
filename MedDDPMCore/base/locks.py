"""Locks between processes, as files that are there while someone holds them. A lock ends with its process, however that
ends; a file that a killed process left holds nobody up.

Written here because the usual library must leave its files behind, in every folder that is written to, and cannot say
who holds one.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What file systems say that know none: there, nobody is kept out. macOS has two numbers for the last, Linux one."""
_PLACE = 1 << 30
"""The byte that Windows locks, which nobody can then read: one behind all that is written."""
_PAUSE = 0.01


def take(path: Path, patience: float = 0, surely: bool = False) -> int | None:
    """A handle on the lock; None where someone else, or another part of this process, holds it for longer than
    `patience` seconds. OSError where the file cannot be made.

    surely: None, too, where the file system knows no locks, so that nobody can tell whether someone holds it."""
    end = time.monotonic() + patience
    while (handle := _take_now(path, surely)) is None and time.monotonic() < end:
        time.sleep(_PAUSE)
    return handle


def wait_for(path: Path) -> int:
    """A handle on the lock, once nobody else holds it. OSError where the file cannot be made."""
    while (handle := _take_now(path)) is None:
        time.sleep(_PAUSE)
    return handle


def let_go(path: Path, handle: int) -> None:
    """Ends a lock and removes its file."""
    if os.name == "nt":  # which removes no open file, and nobody else's either
        os.close(handle)
    with contextlib.suppress(OSError):
        path.unlink()
    if os.name != "nt":
        os.close(handle)


@contextlib.contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Within the context nobody else is in one of the same path: waits for its turn."""
    handle = wait_for(path)
    try:
        yield
    finally:
        let_go(path, handle)


def sign(handle: int) -> None:
    """Writes into a lock who holds it."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else ""
    text = json.dumps(
        {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "user": user,
            "command": " ".join(sys.argv)[:500],
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
    )
    os.ftruncate(handle, 0)
    os.write(handle, text.encode())


def holder(path: Path) -> str:
    """What `sign` wrote, in words behind "another process": " (number 7 of user on host, since then: command)". Nothing
    where it cannot be read, as while it is being written."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        process = f"number {owner['pid']} of {owner['user']} on {owner['host']}, since {owner['since']}"
        return f" ({process}: {owner['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _take_now(path: Path, surely: bool = False) -> int | None:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            if os.name == "nt" and path.exists():  # it is being removed
                return None
            raise
        try:
            if not _lock(handle, surely):
                os.close(handle)
                return None
            status = os.fstat(handle)
            with contextlib.suppress(FileNotFoundError):
                if status.st_nlink and os.path.samestat(status, path.stat()):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # whoever held it has removed it meanwhile


def _lock(handle: int, surely: bool) -> bool:
    """Whether the lock could be had, without waiting; where there are none, whether it need not be sure."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _PLACE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return not surely
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True
