"""Full disks, little memory, odd places and many masks: what cannot be done is said, and what can be done is."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from .forked import Forked, addresses, command
from .kills import Work, left_over, prepared, torn
from .targets import small_head

_DISK = (0, 100, 1000, 4000, 20_000, 60_000, 200_000)
_MEMORY = (8, 30, 80, 200, 400)
"""MB of addresses beyond those of a process that has loaded everything."""
_FOR_THOUSAND = 600
"""Seconds of this room that are enough for a thousand masks; of less there are a hundred."""


def scarce(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """So many times each kind (None: until that time.monotonic()); what came of each."""
    folder.mkdir(parents=True)
    works = prepared(folder)
    masks = 12 if each is not None else 1000 if until - time.monotonic() > _FOR_THOUSAND else 100
    yield from (("disk full (a file system of its own)", kind) for kind in _full_disks(folder, works))
    yield from (("odd places, files and devices", kind) for kind in _odd_places(folder, works, each))
    number = 0
    while (each is None and time.monotonic() < until) or number < (each or 0) * len(works):
        work, draw = works[number % len(works)], random.Random(f"{seed} scarce {number}")
        limits = {resource.RLIMIT_FSIZE: draw.choice(_DISK)}
        yield from (("disk full (files of limited size)", kind) for kind in _with(work, folder, limits, "disk"))
        limits = {resource.RLIMIT_AS: addresses() + (draw.choice(_MEMORY) << 20)}
        yield from (("memory capped", kind) for kind in _with(work, folder, limits, "memory"))
        number += 1
    yield from ((f"{masks} masks, some of them damaged", kind) for kind in _many_masks(folder, masks))


def _with(
    work: Work, folder: Path, limits: dict[int, int], word: str, relieve: Callable[[], object] = lambda: None
) -> list[str]:
    """A run with little, then, after relieve(), one with enough in the same folder. word: what an error must name."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    process = Forked(command(*work.arguments, work.out), log, limits)
    code = process.wait()
    told = process.words
    wrong = ["tried"]
    log_is_cut = resource.RLIMIT_FSIZE in limits and len(told) >= limits[resource.RLIMIT_FSIZE]
    if code not in (0, 1) or process.is_faulty or (code == 1 and word not in told and not log_is_cut):
        wrong.append(f"{work.name}, {word}: exit code {code}: {told[-300:]!r}")
    wrong += [f"{work.name}: {kind}" for kind in torn(work.out)]
    log.unlink(missing_ok=True)
    relieve()
    again = Forked(command(*work.arguments, work.out), log)
    if again.wait() != 0 or again.is_faulty:
        wrong.append(f"{work.name} does not go on: {again.words[-200:]!r}")
    wrong += [f"{work.name} left over: {kind}" for kind in left_over(work.out)] + torn(work.out)
    shutil.rmtree(work.out, ignore_errors=True)
    return wrong


def _full_disks(folder: Path, works: list[Work]) -> Iterator[str]:
    """Each command on a disk that has room for some of what it writes; then on one that has room for all."""
    disk = folder / "disk"
    disk.mkdir()
    for work in works:
        for kilobytes in (4, 40, 200):
            if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk]).returncode:
                return  # only root may
            grown = partial(subprocess.run, ["mount", "-o", "remount,size=1g", disk], check=True)
            try:
                yield from _with(replace(work, out=disk / "out"), folder, {}, "disk", grown)
            finally:
                subprocess.run(["umount", disk], check=True)


def _odd_places(folder: Path, works: list[Work], each: int | None) -> Iterator[str]:
    """Inputs and outputs that are no files, nowhere, or have names that no system takes."""
    (folder / "a file").touch()
    (folder / "nowhere").symlink_to(folder / "gone" / "deeper")
    os.mkfifo(folder / "pipe.nii.gz")
    os.mkfifo(folder / "pipe.json")
    outs = [
        folder / "a file",
        folder / "nowhere",
        "/proc/x",
        "x" * 5000,
        folder / ("y" * 300),
        "/dev/null/x",
        "a\udcffb",
    ]
    log = folder / "log"
    tries = [command(*work.arguments, out) for work in works for out in outs]
    model = ["--model", folder / "model", "--steps", "1"]
    mask = folder / "masks" / "m0.nii.gz"
    for odd in (folder / "pipe.nii.gz", "/dev/zero", "/dev/stdin", folder, "x" * 5000, "\udcff", folder / "nowhere"):
        tries.append(command("synthesize", *model, odd, folder / "odd"))
        tries.append(command("edit", *model, "--source", odd, folder / "mri.nii.gz", mask, folder / "odd"))
    for odd in (folder / "pipe.json", "/dev/zero", folder, "x" * 5000, "\udcff"):
        tries.append(command("train", odd, folder / "data", folder / "odd"))
        tries.append(command("synthesize", "--model", odd, mask, folder / "odd"))
        tries.append(command("study", odd, folder / "odd"))
    for device in ("meta", "cuda:99", "xla", "privateuseone", "cpu:7", "\udcff", ""):
        tries.append(command("synthesize", *model, "--device", device, mask, folder / f"device-{len(device)}"))
        tries.append(command("train", "--device", device, folder / "config.json", folder / "data", folder / "odd"))
    cwd = os.getcwd()
    os.chdir(folder)
    for number, work in list(enumerate(tries))[:: 1 if each is None else 3]:
        log.unlink(missing_ok=True)
        process = Forked(work, log)
        code = process.wait(120)
        if code not in (0, 1, 2) or process.is_faulty:
            yield f"try {number}: exit code {code}: {process.words[-250:]!r}"
        yield "tried"
    os.chdir(cwd)


def _many_masks(folder: Path, count: int) -> Iterator[str]:
    """Masks of which every hundredth, and at least two, is damaged: all others are made."""
    many = folder / "many"
    many.mkdir()
    small_head().write(many / "one.nii.gz")
    content = (many / "one.nii.gz").read_bytes()
    (many / "one.nii.gz").unlink()
    bad = set(range(3, count, 100)) | {0, 7}
    for number in range(count):
        (many / f"m{number:04d}.nii.gz").write_bytes(content[: len(content) // 2] if number in bad else content)
    arguments = ["synthesize", "--model", folder / "model", "--device", "cpu", "--steps", "1", many, folder / "made"]
    process = Forked(command(*arguments), folder / "log-many")
    code = process.wait(3600)
    made = len(list((folder / "made").glob("*.nii.gz")))
    if made != count - len(bad) or code != 1 or process.is_faulty:
        yield f"{made} of {count - len(bad)} made, exit code {code}: {process.words[-200:]!r}"
    yield from ["refused"] * len(bad) + ["tried"] * made
