"""The worker's command line: here, here for another machine, or there."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import BinaryIO

from ..base.errors import MedDDPMError
from ..base.interrupts import ended_in_order
from ..base.standard_input import load_before_reading
from .lines import Unheard, lines_of
from .server import Worker, as_text

DESCRIPTION = (
    "Work for a program: JSON lines on standard input and output (Documentation/architecture.md, Worker protocol). "
    "With --on, on another machine over ssh."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("--on", metavar="USER@HOST", help="compute there, over the system's ssh, without passwords")
    parser.add_argument("--launch", default="", metavar="COMMAND", help='put in front there: "srun --gres=gpu:1"')
    parser.add_argument("--remote-command", metavar="COMMAND", help="what starts medddpm there, if not medddpm")
    parser.add_argument("--carried", action="store_true", help="files come and go with the lines: what --on asks for")


def run(args: argparse.Namespace) -> int:
    """Works until the input ends or asks for it; Ctrl-C and SIGTERM end it in order. Returns the exit code."""
    with ended_in_order():
        try:
            return _run(args)
        except KeyboardInterrupt:
            return 130


def _run(args: argparse.Namespace) -> int:
    reader, writer = _standard_streams()
    load_before_reading()
    try:
        if args.on:
            from . import near, ssh

            near.serve(reader, writer, ssh.Host(args.on, args.launch, args.remote_command or ssh.PROGRAM))
        elif args.carried and args.launch:
            from .launch import relay

            return relay(reader, writer, args.launch)
        elif args.carried:
            from .far import serve

            serve(reader, writer)
        else:
            Worker(lines_of(reader), as_text(writer)).serve()
    except MedDDPMError as error:
        _say(str(error))
        return 1
    except Unheard as error:
        _say(f"nobody takes the events any more ({error})")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer.fileno())  # what could not be written is not tried again
        return 1
    return 0


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"medddpm: {text}", file=sys.stderr)


def _standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone: all else that prints goes to standard error."""
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "rb"), writer
