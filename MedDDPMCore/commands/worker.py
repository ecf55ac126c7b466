"""`medddpm` worker."""

from __future__ import annotations

from ..worker import start
from .command import Commands, add_command


def add(commands: Commands) -> None:
    """Adds the command to the command line's."""
    start.add_arguments(add_command(commands, "worker", start.run, start.DESCRIPTION))
