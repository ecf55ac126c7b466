"""Files and folders written whole or not at all.

What is written goes to a hidden `.part` file or folder beside its target, which then takes the target's name: a kill at
any moment leaves the old file or the new one. A part's name says whose it is, so that what a killed process left is
removed when another process first writes into that folder. Rights are those that the umask gives. Whatever the system
refuses becomes a ResourceError that says what to do.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import BusyError, MedDDPMError, ResourceError, shown
from .locks import holder, in_turn, let_go, sign, take
from .parallel import rank_and_world
from .shortage import lacks_memory

_RUN = uuid.uuid4().hex[:8]
"""Tells this process from an earlier one of the same number."""
_COUNT = itertools.count()
_PART = re.compile(r"\..*\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\d+\.part", re.DOTALL)
_LOCK = ".medddpm-lock"
_PATIENCE = 0.3
"""Seconds that a lock is asked for: a sweep holds those that nobody has, for a moment."""
_LONGEST_NAME = 40
"""Characters of a target's name that its part's name repeats: file systems take 255 bytes."""
_FORGOTTEN_SECONDS = 24 * 3600
"""What was last written to so long ago, and cannot be told whose it is, belongs to nobody."""
_REPLACE_TRIES = 40 if os.name == "nt" else 1
_REPLACE_PAUSE = 0.05


@contextlib.contextmanager
def replacing(path: str | Path, durable: bool = True, hint: str = "") -> Iterator[Path]:
    """A path to write a file to, empty at first, which takes the place of `path` at the end of the block.

    After an exception `path` is as it was. A link is followed. durable: on the disk before the name changes, as is
    needed where a power cut would cost work. hint: added to what a ResourceError advises. The path to write to ends
    with .part: give writers that go by the ending an open file, or use `together`.
    """
    path = Path(path)
    with writing(path, hint):
        target = _target(path)
        part = part_of(target)
        try:
            with open(part, "xb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            yield part
            if durable:
                _flush(part)
            _give_rights(part, mode)
            _replace(part, target)
            if durable:
                _flush_folder(target.parent)
        finally:
            _discard(part)


def write_bytes(path: str | Path, data: bytes, durable: bool = True) -> None:
    """Writes a file whole or not at all; see `replacing`."""
    with replacing(path, durable) as part:
        part.write_bytes(data)


def write_text(path: str | Path, text: str, durable: bool = True) -> None:
    """Writes UTF-8 with the line ends as they are; half a surrogate pair, which is no character, becomes \\udc80."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), durable)


def write_json(path: str | Path, values: Any, durable: bool = True) -> None:
    """Writes plain data as JSON, an entry a line."""
    write_text(path, json.dumps(values, indent=1), durable)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, which takes the name `path` at the end of the block, all of it on the disk.

    After an exception there is nothing. ResourceError where something has that name already, then as now.
    """
    path = Path(path)
    with writing(path):
        _refuse_existing(path)
        part = part_of(path)
        try:
            part.mkdir()
            yield part
            for name in _files_in(part):
                _flush(part / name)
            _refuse_existing(path)
            _replace(part, path)
            _flush_folder(path.parent)
        finally:
            _discard(part)


@contextlib.contextmanager
def together(folder: str | Path, last: str) -> Iterator[Path]:
    """A folder to write files into that belong together; at the end of the block they take their places in `folder`.

    last: the file, by its path within the folder, that says of the others that they are whole. The old one is removed
    before any other changes, and the new one comes when all are there: so it never stands beside files that it does not
    speak of, whenever the process is killed and whoever else writes the same files. `folder` is made where it is not
    there. After an exception in the block it is as it was.
    """
    folder = make_folder(folder)
    with writing(folder):
        part = part_of(folder / Path(last).name)
        try:
            part.mkdir()
            yield part
            names = sorted(_files_in(part), key=lambda name: (name == Path(last), name))
            if Path(last) not in names:
                raise ValueError(f"{last} was not written")
            for name in names:
                _flush(part / name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with in_turn(_lock_of(folder / last)):
                _patiently((folder / last).unlink, missing_ok=True)
                for name in names:
                    _replace(part / name, _target(folder / name))
            for parent in {folder / name.parent for name in names}:
                _flush_folder(parent)
        finally:
            _discard(part)


@contextlib.contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Within the context this process alone writes into the folder, which is made where it is not there.

    BusyError says which process does already: its number, computer, command and since when. ResourceError where the
    folder cannot be written. The lock ends with the process; on a file system without locks there is none. Of
    torchrun's processes the first takes it for all.
    """
    folder = make_folder(folder)
    if rank_and_world()[0] > 0:
        yield
        return
    lock = _lock_of(folder / "folder")
    with writing(folder):
        handle = take(lock, _PATIENCE)
        if handle is None:
            raise BusyError(
                f"{shown(folder)} is being written by another process{holder(lock)}.",
                "Wait until it has ended, end it, or name another folder.",
            )
    try:
        with writing(folder):
            sign(handle)
        sweep(folder)
        yield
    finally:
        let_go(lock, handle)


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def make_folder(path: str | Path) -> Path:
    """The folder, made with its parents where it is not there. ResourceError where it cannot be."""
    with writing(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def require_writable(folder: str | Path) -> Path:
    """The folder, made where it is not there, after a file was written into it. ResourceError where that cannot be."""
    folder = make_folder(folder)
    with writing(folder):
        part = part_of(folder / "probe")
        try:
            part.write_bytes(b"\0")
        finally:
            _discard(part)
    return folder


@contextlib.contextmanager
def writing(path: str | Path, hint: str = "") -> Iterator[None]:
    """Makes of what the system says when `path` cannot be written a ResourceError with the reason and what to do.

    hint: added to that.
    """
    try:
        yield
    except MedDDPMError:
        raise
    except Exception as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        reason, advice = _reason(Path(path), refusal)
        raise ResourceError(f"{shown(path)} could not be written: {reason}.", f"{advice} {hint}".strip()) from error


def part_of(target: Path) -> Path:
    """A new hidden name beside a target, by which `sweep` knows whose it is.

    What dead processes left in that folder is removed when this process first asks for a name there.
    """
    _sweep_once(str(target.parent))
    return target.with_name(f".{target.name[-_LONGEST_NAME:]}.{_here()}-{os.getpid()}-{_RUN}-{next(_COUNT)}.part")


def sweep(folder: str | Path) -> None:
    """Removes the parts and locks of dead processes in a folder; parts of another computer once a day has passed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            path, match = Path(entry.path), _PART.fullmatch(entry.name)
            if match and _is_dead(path, match[1], int(match[2]), match[3]):
                _discard(path)
            elif entry.name.endswith(_LOCK) and (handle := take(path)) is not None:
                let_go(path, handle)


def is_forgotten(*paths: Path) -> bool:
    """Whether these files and folders, and all within, have not been written to for a day; no if one is not there."""
    try:
        newest = max(found.lstat().st_mtime for path in paths for found in (path, *path.rglob("*")))
    except OSError:
        return False
    return time.time() - newest > _FORGOTTEN_SECONDS


def _lock_of(target: Path) -> Path:
    return target.with_name(f".{target.name[-_LONGEST_NAME:]}{_LOCK}")


@lru_cache(maxsize=256)
def _sweep_once(folder: str) -> None:
    sweep(folder)


def _is_dead(part: Path, host: str, pid: int, run: str) -> bool:
    if host == _here():
        return run != _RUN if pid == os.getpid() else not _is_running(pid)
    return is_forgotten(part)


def _is_running(pid: int) -> bool:
    """Whether there is a process of that number; yes where that cannot be told (Slicer before its set-up)."""
    try:
        import psutil
    except ImportError:
        return True
    return psutil.pid_exists(pid)


@lru_cache(maxsize=1)
def _here() -> str:
    """This computer, or container, in eight digits that do not tell its name."""
    import socket

    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _target(path: Path) -> Path:
    """Where a file of that name lies, behind its links. ResourceError where something is there that is no file."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise ResourceError(f"{shown(path)} is {kind}, not a file that can be written.", "Choose another name.")
    return target


def _refuse_existing(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.lstat()
        raise ResourceError(f"{shown(path)} is there already, and nothing is written over.", "Name a new folder.")


def _files_in(folder: Path) -> list[Path]:
    return [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]


def _give_rights(part: Path, mode: int) -> None:
    """Those that the file was made with, where a writer has narrowed them; some file systems know none."""
    if stat.S_IMODE(part.stat().st_mode) != mode:
        with contextlib.suppress(OSError):
            part.chmod(mode)


def _replace(part: Path, target: Path) -> None:
    _patiently(os.replace, part, target)


def _patiently(action: Callable[..., Any], *arguments: Path, **options: bool) -> None:
    """Renames or removes; on Windows again and again for two seconds, while another program has the file open."""
    for tries_left in reversed(range(_REPLACE_TRIES)):
        try:
            action(*arguments, **options)
            return
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_REPLACE_PAUSE)


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """So that a new name outlasts a power cut; not every system can."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _discard(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _refusal(error: Exception) -> OSError | None:
    """What the system refused, also where torch, safetensors or numpy say it in words of their own; None for other
    errors."""
    if lacks_memory(error):
        return None
    if isinstance(error, OSError):
        short = error.errno is None and "requested and" in str(error)  # numpy's count of items it could not write
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if short else error
    if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
        return error.__context__
    if isinstance(error, UnicodeEncodeError) or (isinstance(error, ValueError) and "null" in str(error)):
        return OSError(errno.EILSEQ, str(error))
    code = re.search(r"os error (\d+)", str(error))
    return OSError(int(code[1]), os.strerror(int(code[1]))) if code else None


def _reason(path: Path, error: OSError) -> tuple[str, str]:
    """Why something could not be written, and what to do."""
    code = error.errno
    if code in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG):
        return "the disk is full", "Free some space, or choose another disk."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "there is no right to write there", "Check the rights on it and its folder, or choose another folder."
    if code in (errno.ENAMETOOLONG, errno.EILSEQ):
        return "this computer does not take such a name", "Choose another, shorter one."
    if code in (errno.ENOTDIR, errno.EEXIST):
        return "a file is where a folder should be", "Choose another folder."
    if code == errno.ENOENT and not path.parent.is_dir():
        return f"there is no folder {shown(path.parent)}", "Make it first, or choose another."
    return error.strerror or str(error) or type(error).__name__, "Choose another folder."
