"""`medddpm`: the command line. The commands are in commands/."""

from __future__ import annotations

import argparse
import io
import sys
import warnings

from .base.errors import MedDDPMError
from .base.shortage import memory_explained
from .commands import (
    editing,
    evaluation,
    export,
    lesions,
    models,
    privacy,
    reader_study,
    study,
    synthesis,
    training,
    worker,
)
from .commands.command import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, Parser
from .commands.console import console
from .version import __version__

GROUPS = (synthesis, lesions, editing, models, training, evaluation, study, export, reader_study, privacy, worker)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = Parser("medddpm", description="Whole-head MRI from a head/tumour mask, by 3D diffusion.")
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 after a message, 2 for wrong usage, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal, or a file, of fewer letters than names may have
            stream.reconfigure(errors="backslashreplace")
    top = parser()
    args = top.parse_args(argv)
    if args.command is None:
        top.print_help()
        return EXIT_USAGE
    python_words, warnings.formatwarning = warnings.formatwarning, _words
    try:
        with console(args, sys.argv[1:] if argv is None else argv):
            return _run(args)
    except MedDDPMError as error:  # there is no log to write it to
        print(f"medddpm: {error}", file=sys.stderr)
        return EXIT_ERROR
    finally:
        warnings.formatwarning = python_words


def _run(args: argparse.Namespace) -> int:
    """Runs the command; what ends it is said."""
    try:
        with memory_explained():
            return args.function(args)
    except MedDDPMError as error:
        print(f"medddpm: {error}", file=sys.stderr)
        return EXIT_INTERRUPTED if error.code == "interrupted" else EXIT_ERROR
    except KeyboardInterrupt:
        print("medddpm: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _words(message: Warning | str, category: type[Warning], *_where: object, **_more: object) -> str:
    """A warning as a user reads it: what is said of files, without the place in the program that says it."""
    return f"medddpm: warning: {message}\n" if category is UserWarning else f"medddpm: {category.__name__}: {message}\n"


if __name__ == "__main__":
    sys.exit(main())
