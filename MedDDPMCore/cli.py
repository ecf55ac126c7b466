"""`medddpm`: the command line. The commands are in commands/."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import sys
import warnings

from .base.errors import FEWER_LETTERS, MedDDPMError
from .base.interrupts import ended_in_order
from .base.shortage import memory_explained, refusals_explained
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
from .commands.command import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, Parser, print_result
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
    """Runs one command; returns the exit code: 0, 1 after a message, 2 for wrong usage, 130 when interrupted (by Ctrl-C
    or SIGTERM)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal, or a file, of fewer letters than names may have
            stream.reconfigure(errors=FEWER_LETTERS)
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
        _say(str(error))
        return EXIT_ERROR
    finally:
        warnings.formatwarning = python_words


def _run(args: argparse.Namespace) -> int:
    """Runs the command; what ends it is said."""
    try:
        with ended_in_order(), refusals_explained(), memory_explained():
            code = int(args.function(args))
            sys.stdout.flush()
            return code
    except MedDDPMError as error:
        _say(str(error))
        if getattr(args, "json", False):
            print_result(args, {"error": {"code": error.code, "message": error.message, "hint": error.hint}}, [])
        return EXIT_INTERRUPTED if error.code == "interrupted" else EXIT_ERROR
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except OSError as error:
        if error.errno not in _UNHEARD:
            raise
        _say(f"nobody takes what is printed ({error.strerror})")
        _print_no_more()
        return EXIT_ERROR


_UNHEARD = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF)
"""What the system says of a broken pipe, a full disk, a terminal that is gone and a closed stream; files that commands
write say it as ResourceError."""


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"medddpm: {text}", file=sys.stderr)


def _print_no_more() -> None:
    """So that what could not be written is not tried again at the process's end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _words(message: Warning | str, category: type[Warning], *_where: object, **_more: object) -> str:
    """A warning as a user reads it: what is said of files, without the place in the program that says it."""
    return f"medddpm: warning: {message}\n" if category is UserWarning else f"medddpm: {category.__name__}: {message}\n"


if __name__ == "__main__":
    sys.exit(main())
