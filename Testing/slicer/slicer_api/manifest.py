"""The lists in Testing/data/slicer_api as Python sees them: each class with what it inherits."""

from __future__ import annotations

import functools
import gzip
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "slicer_api"
_METHODS = ("slots", "invokables", "decorated", "static", "methods")


@functools.cache
def manifest(name: str) -> dict:
    """One of the lists: widgets, qt or python."""
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


@functools.cache
def classes() -> dict[str, dict]:
    """Every class of Qt, CTK and Slicer, by name."""
    widgets = manifest("widgets")
    return {**manifest("qt")["classes"], **widgets["cppClasses"], **widgets["classes"]}


@functools.cache
def subclasses(name: str) -> tuple[str, ...]:
    """The classes that inherit from that one."""
    return tuple(other for other, entry in classes().items() if name in entry.get("superclasses", ()))


@dataclass
class Members:
    """What an object of a class offers, inherited members included.

    writable: property -> whether it may be assigned. results: method -> the types that its overloads return. signals:
    name -> signatures. hidden: public in C++, but not in Python. since: member -> the first Slicer version with it.
    complete: whether the lists hold all of the class; where not, nothing can be said of a missing name.
    """

    writable: dict[str, bool] = field(default_factory=dict)
    results: dict[str, set[str]] = field(default_factory=dict)
    signals: dict[str, set[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    since: dict[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def names(self) -> set[str]:
        """All names that Python finds."""
        return {*self.writable, *self.results, *self.signals, *self.others}

    def signatures(self) -> set[str]:
        """All signals as `connect` takes them, without spaces, const and &."""
        return {plain(signature) for found in self.signals.values() for signature in found}


@functools.cache
def members(name: str) -> Members:
    """What an object of that class offers."""
    found = Members(others={"delete", "className", "inherits", "help"})
    for ancestor in [name, *classes().get(name, {}).get("superclasses", ())]:
        entry = classes().get(ancestor)
        if entry is None or "note" in entry:
            found.complete = False
            continue
        for key, value in entry.get("properties", {}).items():
            found.writable.setdefault(key, value.get("writable", False))
        for kind in _METHODS:
            for key, signatures in entry.get(kind, {}).items():
                found.results.setdefault(key, set()).update(_result(signature) for signature in signatures)
        for key, signatures in entry.get("signals", {}).items():
            found.signals.setdefault(key, set()).update(signatures)
        for key, values in entry.get("enums", {}).items():
            found.others |= {key, *values}
        found.others |= set(entry.get("uiChildren", ()))
        found.hidden |= {*entry.get("notExposed", ()), *entry.get("nonPublicSlots", ())}
        for key, version in entry.get("memberSince", {}).items():
            found.since.setdefault(key.split("(")[0], version)
    if "objectName" in found.writable:
        found.writable["name"] = True  # PythonQt's other name for it
    return found


def plain(signature: str) -> str:
    """A signal's signature as Qt compares it: `2clicked( const bool & )` -> `clicked(bool)`."""
    return re.sub(r"\bconst\b|\s+|&", "", signature.lstrip("012"))


def _result(signature: str) -> str:
    """The class that a signature says it returns, without const, * and &."""
    return signature.rpartition("-> ")[2].replace("const ", "").rstrip("*& ")
