"""Which of several processes this one is, and its share of the computer."""

from __future__ import annotations

import os


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are, as torchrun sets them; (0, 1) without it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def cores_each() -> int:
    """How many of the cores that this process may use are its own, where torchrun started several on this computer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
