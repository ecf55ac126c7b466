"""A training run in the background: started, watched through its log, stopped and resumed. No Qt in here."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from .loss_plot import read_log

STOP_GRACE_MS = 60_000


class TrainingProcess:
    """Owns one run of the training entry point; `poll` reads what its log has gained, `on_end` hears of its end."""

    def __init__(self, transport, python: str, folder: str, on_end):
        self._transport, self._python, self._folder, self._on_end = transport, python, folder, on_end
        transport.on_output = transport.on_error_output = self._output
        transport.on_end = self._ended
        self.output: deque[str] = deque(maxlen=200)
        self.run: Path | None = None
        self.last: dict = {}
        self._offset = 0
        self._stopping = False

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def start(self, arguments: list[str], run: Path) -> None:
        """Run the command line's `train` with these arguments; `run` is the folder it writes to."""
        self.run, self._offset, self._stopping, self.last = run, 0, False, {}
        self.output.clear()
        self._transport.start(
            self._python, ["-u", "-X", "utf8", "-m", "MedDDPMCore.cli", "train", *arguments], self._folder
        )

    def poll(self) -> list[dict]:
        """The log's new entries."""
        if self.run is None:
            return []
        entries, self._offset = read_log(self.run / "log.jsonl", self._offset)
        if entries:
            self.last = {**self.last, **entries[-1]}
        return entries

    def stop(self) -> None:
        """Ask for a checkpoint and the end; kill if that takes longer than a minute."""
        if self.is_running and not self._stopping:
            self._stopping = True
            self._transport.interrupt()
            self._transport.call_later(STOP_GRACE_MS, self._kill_if_still)

    def close(self) -> None:
        """End it now: Slicer quits or the module is reloaded. The last checkpoint stays."""
        self._on_end = lambda description: None
        self._transport.kill()

    def newest_sample(self) -> Path | None:
        """The newest sample picture of the run."""
        pictures = sorted(self.run.glob("**/*.png"), key=lambda path: path.stat().st_mtime) if self.run else []
        return pictures[-1] if pictures else None

    def _kill_if_still(self) -> None:
        if self._stopping and self.is_running:
            self._transport.kill()

    def _output(self, data: bytes) -> None:
        self.output.extend(line for line in data.decode("utf-8", "replace").splitlines() if line.strip())

    def _ended(self, description: str) -> None:
        stopped, self._stopping = self._stopping, False
        self._on_end("" if stopped else description)
