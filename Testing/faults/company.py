"""Two and four processes at once on one folder: one works, who may not is told who does, and nothing is lost."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from .forked import Forked, command
from .kills import Work, _images, left_over, prepared, torn


def company(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """So many times each command (None: until that time.monotonic()); what came of each."""
    folder.mkdir(parents=True)
    works = [*prepared(folder), *_more(folder)]
    whole: dict[str, dict[str, str]] = {}
    number = 0
    while (each is None and (number < len(works) or time.monotonic() < until)) or number < (each or 0) * len(works):
        work = works[number % len(works)]
        if work.name not in whole:
            Forked(command(*work.arguments, work.out), folder / "log").wait()
            whole[work.name] = work.outputs(work.out)
            _remove(work.out)
        draw = random.Random(f"{seed} company {number}")
        wrong = _together(work, folder, draw, whole[work.name])
        yield from ((f"company: {work.name}", kind) for kind in ["tried", *wrong])
        _remove(work.out)
        number += 1


def _remove(out: Path) -> None:
    if out.is_file():
        out.unlink()
    shutil.rmtree(out, ignore_errors=True)


def _more(folder: Path) -> list[Work]:
    """Commands that write and are not worth killing again and again."""
    scans = folder / "scans"
    scans.mkdir()
    for number in range(3):
        shutil.copy(folder / "mri.nii.gz", scans / f"s{number}_T1.nii.gz")
        shutil.copy(folder / "masks" / f"m{number}.nii.gz", scans / f"s{number}_mask.nii.gz")
    prepare = ["prepare", "--image-suffix", "_T1", "--config", folder / "config.json", "--hold-out", "2", scans]
    return [
        Work("prepare", prepare, folder / "packed", _arrays),
        Work("deface", ["deface", folder / "mri.nii.gz"], folder / "defaced.nii.gz", lambda out: _images(out.parent)),
    ]


def _arrays(out: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().hex() for path in sorted(out.glob("*.npy"))}


def _together(work: Work, folder: Path, draw: random.Random, whole: dict[str, str]) -> list[str]:
    processes = []
    for number in range(draw.choice((2, 4))):
        log = folder / f"log-{number}"
        log.unlink(missing_ok=True)
        processes.append(Forked(command(*work.arguments, work.out), log))
        time.sleep(draw.random() * 0.05)
    wrong = []
    for process in processes:
        code = process.wait()
        known = (
            "another process",
            "is there already",
            "holds a training set already",
            "is not empty",
            "not written over",
        )
        if process.is_faulty or (code != 0 and not any(words in process.words for words in known)):
            wrong.append(f"exit code {code}: {process.words[-200:]!r}")
    wrong += ["nobody did it"] * all(process.code != 0 for process in processes)
    found = work.outputs(work.out)
    wrong += [f"ends otherwise: {name}" for name in whole if found.get(name) != whole[name]][:1]
    return wrong + torn(work.out) + [f"left over: {kind}" for kind in left_over(work.out)]
