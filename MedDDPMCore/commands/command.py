"""What the files of commands share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from ..base.errors import MedDDPMError
from ..base.files import make_folder, writing

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def add_command(commands, name: str, function, text: str) -> argparse.ArgumentParser:
    """Adds a command to the parser's commands: function(args) -> exit code, and a sentence that says what it does."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def new_folder(path: str) -> Path:
    """Makes a folder that is not there yet, or finds it empty; MedDDPMError where it holds anything."""
    folder = make_folder(path)
    with writing(folder):
        if any(folder.iterdir()):
            raise MedDDPMError(f"{folder} is not empty, and nothing is written over.", "Name another folder.")
    return folder


def require_new(paths: Iterable[Path]) -> None:
    """MedDDPMError where one of the files is there already."""
    for path in paths:
        if path.exists():
            raise MedDDPMError(
                f"{path} is there already, and is not written over.", "Name another, or remove it first."
            )
