"""What the files of commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base.errors import MedDDPMError
from ..base.files import make_folder, writing

Commands = argparse._SubParsersAction
"""What commands are added to: `ArgumentParser.add_subparsers` gives it."""
EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def add_command(
    commands: Commands, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Adds a command to the parser's commands: function(args) -> exit code, and a sentence that says what it does."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def at_least_one(text: str) -> int:
    """A number of things to make, as argparse's type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of 1 or more, not {text!r}")
    return number


def new_folder(path: str) -> Path:
    """Makes a folder that is not there yet, or finds it empty; MedDDPMError where it holds anything."""
    from ..volumes.folder import is_hidden

    folder = make_folder(path)
    with writing(folder):
        if any(not is_hidden(path, folder) for path in folder.iterdir()):
            raise MedDDPMError(f"{folder} is not empty, and nothing is written over.", "Name another folder.")
    return folder


def require_apart(out: str | Path, *inputs: str | Path | None) -> None:
    """MedDDPMError where what is to be written is one of the inputs, by whatever name."""
    for path in inputs:
        if path and Path(path).exists() and Path(out).exists() and Path(out).samefile(path):
            raise MedDDPMError(f"{out} is an input, and is not written over.", "Name another for what is made.")


def require_new(paths: Iterable[Path]) -> None:
    """MedDDPMError where one of the files is there already."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise MedDDPMError(
                f"{path} is there already, and is not written over.", "Name another, or remove it first."
            )
