"""Messages and files between two machines over a pair of byte streams.

A message is a JSON object on a line; one with the entry "bytes": n is followed by n bytes. A file is a message "begin"
(file: its number, and what the sender says about it), messages "block" with at most BLOCK of its bytes each, and "end"
with its size and SHA-256; other messages come between. What is not gzipped already travels compressed by zlib.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..base.errors import MedDDPMError
from ..base.files import writing

VERSION = 1
BLOCK = 1 << 18
"""Bytes of a file in a message, before compression."""
_LONGEST_LINE = 1 << 20


class LineError(MedDDPMError):
    """The connection to another machine: not to be had, lost, or carrying something else than it should."""

    code = "connection"


class Channel:
    """One end. Threads may send at the same time; one thread receives. OSError where the other end is gone.

    sent and received count bytes; noise holds the last lines that were no messages.
    """

    def __init__(self, reader: IO[bytes], writer: IO[bytes]):
        self._reader, self._writer = reader, writer
        self._lock, self._numbers = threading.Lock(), itertools.count(1)
        self.sent = self.received = 0
        self.noise: deque[str] = deque(maxlen=20)

    def send(self, message: dict, data: bytes = b"") -> None:
        """Sends a message, with data where there is some."""
        line = json.dumps({**message, "bytes": len(data)} if data else message).encode() + b"\n"
        with self._lock:
            self._writer.write(line + data)
            self._writer.flush()
            self.sent += len(line) + len(data)

    def send_file(self, path: Path, about: dict, stopped: Callable[[int], bool] = lambda _bytes: False) -> int | None:
        """Sends a file whole; returns its number, or None where stopped(bytes read so far) was true in between."""
        number, digest, size = next(self._numbers), hashlib.sha256(), 0
        packer = None if path.name.lower().endswith(".gz") else zlib.compressobj(1)
        with path.open("rb") as file:
            self.send(
                {**about, "carry": "begin", "file": number, "name": plain_name(path.name), "packed": packer is not None}
            )
            while block := file.read(BLOCK):
                if stopped(size):
                    self.send({"carry": "drop", "file": number})
                    return None
                digest.update(block)
                size += len(block)
                data = packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else block
                self.send({"carry": "block", "file": number}, data)
        self.send({"carry": "end", "file": number, "size": size, "sha256": digest.hexdigest()})
        return number

    def receive(self) -> tuple[dict, bytes] | None:
        """The next message and its data; None at the end of the stream. What is no message goes to `noise`."""
        while line := self._reader.readline(_LONGEST_LINE):
            self.received += len(line)
            try:
                message = json.loads(line)
                count = message.get("bytes", 0)
                if not isinstance(count, int) or not 0 <= count <= 2 * BLOCK:
                    raise ValueError
            except (ValueError, AttributeError, RecursionError):
                self.noise.append(line[:300].decode("utf-8", "replace").rstrip())
                continue
            data = self._reader.read(count) if count else b""
            self.received += len(data)
            return None if len(data) < count else (message, data)
        return None


@dataclass
class _Arrival:
    path: Path
    unpacker: zlib._Decompress | None
    file: IO[bytes] | None = None
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    whole: bool = False
    error: MedDDPMError | None = None


class Arrivals:
    """The files that a channel brings, each in a folder of its own in `folder`; wanted(about): which are kept."""

    def __init__(self, folder: Path, wanted: Callable[[dict], bool] = lambda _about: True):
        self.folder, self._wanted = folder, wanted
        self._files: dict[int, _Arrival] = {}

    def take(self, message: dict, data: bytes) -> None:
        """Takes in a message with the entry "carry". What goes wrong is kept for who asks for the file."""
        number, step = message.get("file"), message["carry"]
        if not isinstance(number, int):
            return
        if step == "begin":
            self._begin(number, message)
        elif (arrival := self._files.get(number)) is not None and step == "drop":
            self.drop(number)
        elif arrival is not None and arrival.error is None:
            try:
                with writing(arrival.path):
                    self._block(arrival, data) if step == "block" else self._end(arrival, message)
            except (MedDDPMError, zlib.error) as error:
                arrival.error = error if isinstance(error, MedDDPMError) else _damaged(arrival.path)
                self._close(arrival)

    def path(self, number: int) -> Path:
        """Where a file lies that has come whole; its error where it has not."""
        arrival = self._files.get(number)
        if arrival is None or not arrival.whole:
            raise arrival.error if arrival and arrival.error else LineError(f"File {number} has not come whole.")
        return arrival.path

    def drop(self, number: int) -> None:
        """Removes a file, come or coming."""
        if (arrival := self._files.pop(number, None)) is not None:
            self._close(arrival)
            arrival.path.unlink(missing_ok=True)
            arrival.path.parent.rmdir()

    def _begin(self, number: int, about: dict) -> None:
        if number in self._files or not self._wanted(about):
            return
        path = self.folder / f"file-{number}" / own_name(about.get("name"))
        arrival = self._files[number] = _Arrival(path, zlib.decompressobj() if about.get("packed") else None)
        try:
            with writing(path):
                path.parent.mkdir(mode=0o700)
                arrival.file = path.open("xb")
        except MedDDPMError as error:
            arrival.error = error

    def _block(self, arrival: _Arrival, data: bytes) -> None:
        if arrival.file is None:
            raise _damaged(arrival.path)
        if arrival.unpacker:
            data = arrival.unpacker.decompress(data, BLOCK + 1)
        if len(data) > BLOCK:
            raise _damaged(arrival.path)
        arrival.digest.update(data)
        arrival.size += len(data)
        arrival.file.write(data)

    def _end(self, arrival: _Arrival, message: dict) -> None:
        if (arrival.size, arrival.digest.hexdigest()) != (message.get("size"), message.get("sha256")):
            raise _damaged(arrival.path)
        self._close(arrival)
        arrival.whole = True

    @staticmethod
    def _close(arrival: _Arrival) -> None:
        if arrival.file is not None:
            arrival.file.close()


def own_name(name: object) -> str:
    """A file's name from the other machine, where it is one and leads nowhere else; LineError otherwise."""
    if not isinstance(name, str) or not name or name in (".", "..") or plain_name(name) != name:
        raise LineError(f"The other machine sent a file of the name {name!r:.100}, which is not taken.")
    return name


def plain_name(name: str) -> str:
    """A name without what some system does not take in one."""
    return re.sub(r'[/\\\0:<>|"?*]', "_", name)


def swapped(value: Any, pairs: dict[str, str]) -> Any:
    """A copy of plain data in which each text of `pairs` is replaced, wherever it stands in a text."""
    if isinstance(value, str):
        for old, new in pairs.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {key: swapped(entry, pairs) for key, entry in value.items()}
    return [swapped(entry, pairs) for entry in value] if isinstance(value, (list, tuple)) else value


def _damaged(path: Path) -> LineError:
    return LineError(f"{path.name} was damaged on its way.", "Try again.")
