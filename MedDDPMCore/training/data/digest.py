"""Which images a run trains on: the SHA-256 of a packed set's cases and arrays, so that a change of them is noticed.

Gigabytes are not read again on every start: a hash is known as long as its array's size and time of change are those
that it was noted with, by the set's writer or by an earlier start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TypeGuard

import numpy as np

from ...base.errors import TrainingError
from ...base.files import write_json
from ...base.parallel import rank_and_world
from ...base.reading import read_json
from .dataset import PackedDataset, noted

KEPT_FILE = "data.json"
"""In a run folder: the notes of its starts, all with one set."""


def set_digest(data: PackedDataset, run: Path) -> dict[str, str]:
    """The hashes of a set by what they are of: "cases" (with grid, labels and all else that is said of them), "images",
    "labels", "brain". Notes are kept in the run folder from its first start on; TrainingError where that was with
    another set: atlas and band statistics, which come before any checkpoint, are of that one."""
    cases = [dataclasses.asdict(case) for case in data.cases]
    about = [data.grid.to_dict(), data.labels_scheme.to_dict(), data.modalities, data.intensity, cases]
    digest = {"cases": hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()}
    before = _notes(run / KEPT_FILE)
    notes = {"cases": {"sha256": digest["cases"]}}
    for name, array in (("images", data.images), ("labels", data.labels), ("brain", data.brain)):
        path = Path(str(getattr(array, "filename", "")))
        now = noted(path, "")
        known = [note["sha256"] for note in (before.get(name), data.notes.get(name)) if _is_of(note, now)]
        digest[name] = known[0] if known else _sha256(array)
        notes[name] = {**now, "sha256": digest[name]}
    begun = {name: note["sha256"] for name, note in before.items() if isinstance(note, dict) and "sha256" in note}
    require_same(begun, digest, "this run began with")
    if notes != before and rank_and_world()[0] == 0:
        write_json(run / KEPT_FILE, notes)
    return digest


def require_same(before: object, now: dict[str, str], what: str) -> None:
    """TrainingError where a set is not the one that `what` says. before: its hashes; checkpoints of the first versions
    have None."""
    changed = [name for name in now if isinstance(before, dict) and before.get(name, now[name]) != now[name]]
    if changed:
        raise TrainingError(
            f"The packed set is not the one that {what}: changed are its {', '.join(changed)}.",
            "Restore it, or name a new run folder; --start-from with the run's model goes on from its weights.",
        )


def _notes(path: Path) -> dict:
    with contextlib.suppress(OSError, ValueError):
        notes = read_json(path)
        return notes if isinstance(notes, dict) else {}
    return {}


def _is_of(note: object, now: dict) -> TypeGuard[dict]:
    return (
        isinstance(note, dict)
        and isinstance(note.get("sha256"), str)
        and all(note.get(key) == now[key] for key in ("size", "changed_ns"))
    )


def _sha256(array: np.ndarray) -> str:
    digest = hashlib.sha256()
    for case in array:
        digest.update(case.tobytes())
    return digest.hexdigest()
