"""The log of a training run: JSON lines, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from pathlib import Path


class TrainingLog:
    """Appends one JSON object a step. Lines after `step` (of a run that was killed and resumes) are dropped."""

    def __init__(self, path: Path, step: int):
        kept = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = _parsed(line)
                if entry is not None and entry["step"] <= step:
                    kept.append(line)
        path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.board = None
        else:
            self.board = SummaryWriter(str(path.with_suffix("")), purge_step=step)

    def write(self, entry: dict) -> None:
        """entry: "step" and numbers by name."""
        self.file.write(json.dumps(entry) + "\n")
        if self.board is not None:
            for name, value in entry.items():
                if name not in ("step", "stage"):
                    self.board.add_scalar(name, value, entry["step"])

    def close(self) -> None:
        """Flushes and closes."""
        self.file.close()
        if self.board is not None:
            self.board.close()


def _parsed(line: str) -> dict | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("step"), int) else None
