"""Which packages the module needs beyond Slicer, and in which versions. Plain Python: a program of its own reads it."""

from __future__ import annotations

import re
from importlib import metadata

SYNTHESIS = {"torch": "2.2", "safetensors": "0.4", "nibabel": "5.0", "tqdm": "4.60", "psutil": "5.9"}
"""Package -> the oldest version that will do, for synthesis and training."""
DICOM = {"pydicom": "3.0", "highdicom": "0.25"}
"""The same for DICOM export."""


def is_enough(version: str, oldest: str) -> bool:
    """Whether a version ("2.9.1+cu126") is not older than another ("2.2")."""
    return _release(version) >= _release(oldest)


def requirement(name: str, table: dict[str, str]) -> str:
    """A package as pip is asked for it."""
    return f"{name}>={table[name]}"


def lacking(table: dict[str, str]) -> dict[str, str]:
    """The packages of a table that are not installed or too old here, each with the version that is there or ""."""
    lacks = {}
    for name, oldest in table.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        if not version or not is_enough(version, oldest):
            lacks[name] = version
    return lacks


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(\.\d+)*", version)
    parts = [int(part) for part in numbers.group().split(".")] if numbers else [0]
    while parts[-1:] == [0]:
        parts.pop()
    return tuple(parts)
