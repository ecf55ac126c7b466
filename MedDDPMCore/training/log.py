"""The log of a training run: JSON lines, and TensorBoard where it is installed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.files import write_bytes

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class TrainingLog:
    """Appends one JSON object a step. Lines after `step` (of a run that was killed and resumes) are dropped.

    Writing raises OSError on a full disk; a line that was cut off there is dropped on the next start.
    """

    def __init__(self, path: Path, step: int):
        kept = b""
        if path.exists():
            entries = (_parsed(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
            kept = b"".join(_line(entry) for entry in entries if entry is not None and entry["step"] <= step)
        write_bytes(path, kept)
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115
        self.board = _board(path.with_suffix(""), step)

    def write(self, entry: dict) -> None:
        """entry: "step" and numbers by name."""
        line = _line(entry)
        if self.file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.board is not None:
            for name, value in entry.items():
                if name not in ("step", "stage"):
                    self.board.add_scalar(name, value, entry["step"])

    def close(self) -> None:
        """Closes; what TensorBoard's own files then lack for want of space is in the JSON lines."""
        self.file.close()
        if self.board is not None:
            with contextlib.suppress(OSError):
                self.board.close()


def _board(folder: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)


def _line(entry: dict) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parsed(line: str) -> dict | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
