"""JSON to typed data and back: a dataclass says by its annotations what a file may hold, limits included.

    @dataclass(frozen=True)
    class Settings:
        steps: Annotated[int, at_least(1)]
        schedule: Annotated[str, one_of(("cosine", "constant"))] = "cosine"

Known are bool, int, float (finite; whole numbers are taken too), str, dict (as it is), dict[str, T], tuple[T, ...],
tuple[T, T], T | None, Annotated[T, limits], dataclasses of these, and classes of the core that check themselves when
they are made. Fields without a default must be there; unknown ones are errors. Every error names file and entry.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from . import reading
from .errors import MedDDPMError, shown

T = TypeVar("T")
_LARGEST = 1e38
"""About the largest number that float32 holds."""
_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "an object"}


@dataclass(frozen=True)
class Limit:
    """What a value must be beside its kind. wording: goes on from “must be”."""

    holds: Callable[[Any], bool]
    wording: str


def at_least(low: float) -> Limit:
    return Limit(lambda value: value >= low, f"{low} or more")


def above(low: float) -> Limit:
    return Limit(lambda value: value > low, f"above {low}")


def within(low: float, high: float) -> Limit:
    """low <= value <= high."""
    return Limit(lambda value: low <= value <= high, f"from {low} to {high}")


def below(high: float) -> Limit:
    """0 <= value < high."""
    return Limit(lambda value: 0 <= value < high, f"at least 0 and below {high}")


def above_up_to(low: float, high: float) -> Limit:
    """low < value <= high."""
    return Limit(lambda value: low < value <= high, f"above {low} and at most {high}")


RISING = Limit(lambda pair: 0 < pair[0] <= pair[1], "two numbers above 0, the smaller one first")


def one_of(known: Collection[str]) -> Limit:
    return Limit(lambda value: value in known, f"one of {', '.join(known)}")


def count_within(low: int, high: int) -> Limit:
    """Of a list or an object: how many entries it has."""
    wording = f"a list of {low} or more" if high > 10**6 else f"a list of {low} to {high}"
    return Limit(lambda value: low <= len(value) <= high, wording)


def read_json(path: str | Path, error: type[MedDDPMError] = MedDDPMError) -> dict:
    """The JSON object in a file; the error where it cannot be read, or holds something else."""
    try:
        values = reading.read_json(path)
    except (OSError, ValueError) as reason:
        raise error(f"{shown(path)} cannot be read as JSON: {reason}.") from reason
    if not isinstance(values, dict):
        raise error(f"{shown(path)} does not hold a JSON object.")
    return values


def from_json(kind: type[T], values: object, where: str, error: type[MedDDPMError] = MedDDPMError) -> T:
    """A dataclass of this kind from plain data. where: the file, or whatever holds the data.

    error: raised with the entry that is missing, unknown, of the wrong kind or out of its limits.
    """
    return _Reader(where, error).made(kind, values, "")


def given_entries(
    kind: type, values: object, where: str, error: type[MedDDPMError] = MedDDPMError, entry: str = ""
) -> dict[str, Any]:
    """What of a dataclass's fields is there, each converted and checked; the others are left out. entry: where the
    values lie within the whole."""
    return _Reader(where, error).entries(kind, values, entry)


def to_json(value: Any) -> Any:
    """As plain data: dataclasses as objects, tuples as lists."""
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, (list, tuple)) else value


class _Reader:
    """Converts values; `entry` is where one lies within the whole, as in stages[0].domain."""

    def __init__(self, where: str, error: type[MedDDPMError]):
        self.where, self.error = where, error

    def wrong(self, entry: str, must_be: str, value: object) -> MedDDPMError:
        text = repr(value)
        text = text if len(text) <= 60 else f"{text[:57]}…"
        return self.error(f"{self.where}: {entry or 'it'} must be {must_be}, not {text}.")

    def made(self, kind: type, values: object, entry: str) -> Any:
        given = self.entries(kind, values, entry)
        missing = dataclasses.MISSING
        for field in dataclasses.fields(kind):
            if field.name not in given and field.default is missing and field.default_factory is missing:
                raise self.error(f"{self.where} lacks the entry {_joined(entry, field.name)}.")
        try:
            return kind(**given)
        except MedDDPMError as reason:
            raise self.error(f"{self.where}: {f'{entry}: ' if entry else ''}{reason.message}", reason.hint) from reason

    def entries(self, kind: type, values: object, entry: str) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise self.wrong(entry, "an object with named entries", values)
        known = _fields(kind)
        if unknown := sorted(str(name)[:40] for name in set(values) - set(known)):
            named = ", ".join(_joined(entry, name) for name in unknown[:5])
            raise self.error(f"{self.where} has unknown entries: {named}.", f"Known are {', '.join(known)}.")
        return {name: self.value(known[name], value, _joined(entry, name)) for name, value in values.items()}

    def value(self, kind: Any, value: object, entry: str) -> Any:
        origin, parts = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            made = self.value(parts[0], value, entry)
            for limit in parts[1:]:
                if made is not None and not limit.holds(made):
                    raise self.wrong(entry, limit.wording, value)
            return made
        if origin in (typing.Union, types.UnionType):
            return None if value is None else self.value(next(p for p in parts if p is not type(None)), value, entry)
        if origin is dict:
            if not isinstance(value, dict):
                raise self.wrong(entry, "an object with named entries", value)
            return {name: self.value(parts[1], item, _joined(entry, str(name)[:40])) for name, item in value.items()}
        if origin is tuple:
            return self.items(parts, value, entry)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self.made(kind, value, entry)
        return self.plain(kind, value, entry)

    def items(self, parts: tuple, value: object, entry: str) -> tuple:
        fixed = parts[-1] is not Ellipsis
        if not isinstance(value, (list, tuple)) or (fixed and len(value) != len(parts)):
            raise self.wrong(entry, f"a list of {len(parts)}" if fixed else "a list", value)
        kinds = parts if fixed else parts[:1] * len(value)
        return tuple(self.value(kind, v, f"{entry}[{i}]") for i, (kind, v) in enumerate(zip(kinds, value, strict=True)))

    def plain(self, kind: type, value: Any, entry: str) -> Any:
        accepted = (int, float) if kind is float else (kind,)
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(entry, _NAMES[kind], value)
        if isinstance(value, (int, float)) and kind is float and not (abs(value) < _LARGEST and math.isfinite(value)):
            raise self.wrong(entry, "a finite number", value)
        return kind(value)


@lru_cache(maxsize=128)
def _fields(kind: type) -> dict[str, Any]:
    """Name -> type, with its limits, of a dataclass's fields."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def _joined(entry: str, name: str) -> str:
    return f"{entry}.{name}" if entry else name
