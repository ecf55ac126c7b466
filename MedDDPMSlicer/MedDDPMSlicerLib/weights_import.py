"""Conversion of a published checkpoint into a model folder, by the command line, in the background. No Qt in here."""

from __future__ import annotations

from collections import deque
from pathlib import Path


class WeightsImport:
    """Runs `import-model FILE FOLDER`; `on_end(folder, problem)` hears of its end, problem "" meaning success."""

    def __init__(self, transport, python: str, core_folder: str, on_end):
        self._transport, self._python, self._core_folder, self._on_end = transport, python, core_folder, on_end
        transport.on_output = transport.on_error_output = self._output
        transport.on_end = self._ended
        self._lines: deque[str] = deque(maxlen=20)
        self._folder = Path()

    @property
    def is_running(self) -> bool:
        return self._transport.is_running()

    def start(self, file: Path, models_folder: Path) -> None:
        """The model gets the file's name, with a number if there is one of that name."""
        name, number = file.stem, 2
        while (models_folder / name).exists():
            name, number = f"{file.stem}-{number}", number + 1
        self._folder = models_folder / name
        self._lines.clear()
        arguments = ["-u", "-X", "utf8", "-m", "MedDDPMCore.cli", "import-model", str(file), str(self._folder)]
        self._transport.start(self._python, arguments, self._core_folder)

    def close(self) -> None:
        self._on_end = lambda _folder, _problem: None
        self._transport.kill()

    def _output(self, data: bytes) -> None:
        self._lines.extend(line for line in data.decode("utf-8", "replace").splitlines() if line.strip())

    def _ended(self, description: str) -> None:
        self._on_end(self._folder, "" if description == "exit code 0" else "\n".join(self._lines) or description)
