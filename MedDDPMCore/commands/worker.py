"""`medddpm` worker."""

from __future__ import annotations

from ..worker import start
from .command import add_command


def add(commands) -> None:
    """Its grammar."""
    start.add_arguments(add_command(commands, "worker", start.run, start.DESCRIPTION))
