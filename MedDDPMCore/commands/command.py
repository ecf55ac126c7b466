"""What the files of commands share."""

from __future__ import annotations

import argparse

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def add_command(commands, name: str, function, text: str) -> argparse.ArgumentParser:
    """Adds a command to the parser's commands: function(args) -> exit code, and a sentence that says what it does."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser
