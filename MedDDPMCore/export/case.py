"""One case of a data set on disk: its files, and the record that is written last and so says that it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..base.files import write_text

PROVENANCE = "provenance"
"""The folder with a JSON record a case."""
STAGING = ".part"
"""Where a case's files are made before they take their places."""


@dataclass(frozen=True)
class Case:
    """A case that is whole: its id, and its record as plain data.

    The record is what `synthesis.output.provenance` says of the image, and: case, mask (an id that all cases of one
    mask share), modalities, labels (name -> ml) and files (relative path -> SHA-256).
    """

    id: str
    record: dict

    @property
    def files(self) -> dict[str, str]:
        return self.record["files"]


def read_case(out: Path, case_id: str) -> Case | None:
    """The case of that id, or None where its record or one of its files is not there."""
    try:
        record = json.loads((out / PROVENANCE / f"{case_id}.json").read_text(encoding="utf-8"))
        whole = record["case"] == case_id and all((out / name).is_file() for name in record["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Case(case_id, record) if whole else None


def whole_cases(out: Path) -> list[Case]:
    """All cases that are whole, by id."""
    found = (read_case(out, path.stem) for path in sorted((out / PROVENANCE).glob("*.json")))
    return [case for case in found if case is not None]


class Staging:
    """A folder within the data set in which a case's files are made; `commit` puts them in place, the record last.

    A process that is killed leaves files here at most, or files without a record, which do not count and are made
    again.
    """

    def __init__(self, out: Path, case_id: str):
        self.out, self.case_id, self.folder = out, case_id, out / STAGING / case_id
        self._names: list[str] = []

    def __enter__(self) -> Staging:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_error) -> None:
        self.clear()

    def clear(self) -> None:
        """Removes what lies here: also what a process left that was killed right after `commit`."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process is at a case
            self.folder.parent.rmdir()

    def path(self, name: str) -> Path:
        """Where to write the file that is to have this path (relative, with /) in the data set."""
        self._names.append(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, record: dict) -> Case:
        """Moves the files to their places and writes the record with their hashes."""
        files = {name: sha256(self.folder / name) for name in self._names}
        for name in self._names:
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.folder / name, self.out / name)
        record = {"case": self.case_id, **record, "files": files}
        (self.out / PROVENANCE).mkdir(exist_ok=True)
        write_text(self.out / PROVENANCE / f"{self.case_id}.json", json.dumps(record, indent=1))
        return Case(self.case_id, record)


def sha256(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
