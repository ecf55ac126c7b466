"""Checks that JSON from anywhere has the entries and kinds of values that a program is about to rely on."""

from __future__ import annotations

import math
from collections.abc import Collection

from ..base.errors import ModelError

Kind = type | list | dict
"""A type, [kind] for a list of that kind, {str: kind} for an object with any keys."""
_NAMES = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "an object",
}  # fmt: skip


def check_entries(values: object, wanted: dict[str, Kind], where: str, optional: Collection[str] = ()) -> dict:
    """The values, if they are an object with exactly the wanted entries, but for optional ones, each of its kind.

    Raises ModelError that names the entry and says where it is.
    """
    _check(values, dict, where)
    if unknown := sorted(set(map(str, values)) - set(wanted)):
        raise ModelError(f"{where} has unknown entries: {', '.join(name[:40] for name in unknown[:5])}.")
    for name, kind in wanted.items():
        if name in values:
            _check(values[name], kind, f"{name} of {where}")
        elif name not in optional:
            raise ModelError(f"{where} lacks the entry {name!r}.")
    return values


def check_range(value: float, low: float, high: float, where: str) -> None:
    """Raises ModelError where low <= value <= high does not hold."""
    if not low <= value <= high:
        raise ModelError(f"{where} is {str(value)[:40]}, not within {low} to {high}.")


def check_choice(value: str, known: Collection[str], where: str) -> None:
    """Raises ModelError where the value is not a known one."""
    if value not in known:
        raise ModelError(f"{where} is {value[:40]!r}, not one of {', '.join(known)}.")


def _check(value: object, kind: Kind, where: str) -> None:
    plain = kind if isinstance(kind, type) else type(kind)
    accepted = {float: (int, float), list: (list, tuple)}.get(plain, plain)
    if not isinstance(value, accepted) or (isinstance(value, bool) and plain is not bool):
        raise ModelError(f"{where} is not {_NAMES[plain]}.")
    if plain is float and not (abs(value) < 1e12 and math.isfinite(value)):
        raise ModelError(f"{where} is not a finite number.")
    if isinstance(kind, list):
        for item in value:
            _check(item, kind[0], f"an item of {where}")
    elif isinstance(kind, dict):
        for name, item in value.items():
            _check(item, kind[str], f"{str(name)[:40]!r} of {where}")
