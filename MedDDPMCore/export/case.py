"""One case of a data set on disk: its files, and the record that is written last and so says that it is whole."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..base.files import sha256_of, write_json

PROVENANCE = "provenance"
"""The folder with a JSON record a case."""
_READERS = 16


@dataclass(frozen=True)
class ExportedCase:
    """A case that is whole: its id, its record as plain data, and the SHA-256 of the record's file.

    The record is what `synthesis.output.provenance` says of the image, and: case, mask (an id that all cases of one
    mask share), modalities, labels (name -> ml) and files (relative path -> SHA-256).
    """

    id: str
    record: dict
    sha256: str

    @property
    def files(self) -> dict[str, str]:
        return self.record["files"]


def record_name(case_id: str) -> str:
    """Where a case's record lies in the data set."""
    return f"{PROVENANCE}/{case_id}.json"


def read_case(out: Path, case_id: str) -> ExportedCase | None:
    """The case of that id, or None where its record or one of its files is not there."""
    try:
        data = (out / record_name(case_id)).read_bytes()
        record = json.loads(data)
        whole = record["case"] == case_id and all((out / name).is_file() for name in record["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return ExportedCase(case_id, record, hashlib.sha256(data).hexdigest()) if whole else None


def whole_cases(out: Path) -> list[ExportedCase]:
    """All cases that are whole, by id. On a cluster's file system each file is a wait, so threads wait for many."""
    names = sorted(path.stem for path in (out / PROVENANCE).glob("*.json"))
    with ThreadPoolExecutor(_READERS) as pool:
        return [case for case in pool.map(lambda name: read_case(out, name), names) if case is not None]


def place(part: Path, name: str) -> Path:
    """Where to write the file of a new case that is to have this path (relative, with /) in the data set."""
    path = part / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_record(part: Path, case_id: str, record: dict) -> None:
    """Writes the record of a new case with the hashes of its files, which all lie in the folder `part` by now."""
    paths = sorted(path for path in part.rglob("*") if path.is_file())
    files = {path.relative_to(part).as_posix(): sha256_of(path) for path in paths}
    record = {"case": case_id, **record, "files": files}
    write_json(place(part, record_name(case_id)), record, durable=False)
