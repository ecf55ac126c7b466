"""Conversion of a published checkpoint into a model folder, by the command line, in the background."""

from __future__ import annotations

from pathlib import Path

from .command_process import CommandProcess


class WeightsImport:
    """Runs `import-model FILE FOLDER`; `on_end(folder, problem)` hears of its end, problem "" meaning success."""

    def __init__(self, transport, python: str, core_folder: str, on_end):
        self._process = CommandProcess(
            transport, python, core_folder, lambda _line: None, lambda problem: on_end(self._folder, problem)
        )
        self._folder = Path()

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    def start(self, file: Path, models_folder: Path) -> None:
        """The model gets the file's name, with a number if there is one of that name."""
        name, number = file.stem, 2
        while (models_folder / name).exists():
            name, number = f"{file.stem}-{number}", number + 1
        self._folder = models_folder / name
        self._process.start(["import-model", str(file), str(self._folder)])

    def close(self) -> None:
        self._process.close()
