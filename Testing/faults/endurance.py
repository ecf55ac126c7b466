"""Much of everything: a day of requests to one worker, hundreds of samples, a mask of 700 voxels along each axis."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .forked import Forked, command
from .kills import left_over, prepared, torn
from .targets import small_head
from .worker_kills import Client

_QUICK = {"requests": 40, "samples": 12, "side": 96}
_LONG = {"requests": 2000, "samples": 500, "side": 700}
"""A day's worth: one request in 43 seconds."""
_GROWTH = 64 << 20
"""Bytes that a worker may hold more at the day's end than after its first quarter: allocators keep some."""


def endurance(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """Each once, in small where `each` is given, whatever time it takes; what came of it."""
    folder.mkdir(parents=True)
    prepared(folder)
    size = _LONG if each is None else _QUICK
    yield from ((f"{size['requests']} requests to one worker", kind) for kind in _day(folder, size["requests"]))
    yield from ((f"{size['samples']} samples of one mask", kind) for kind in _samples(folder, size["samples"]))
    yield from ((f"a mask of {size['side']}^3 voxels", kind) for kind in _large(folder, size["side"]))


def _day(folder: Path, count: int) -> Iterator[str]:
    """Images, refusals, cancels and lines that are none, in turns: each is answered, and nothing piles up."""
    client = Client(folder / "log-day")
    out, good = folder / "day", str(folder / "masks" / "m0.nii.gz")
    held = []
    for number in range(count):
        own, kind = f"r{number}", number % 4
        request = {
            "request": "synthesize", "id": own, "mask": good if kind else str(folder / "gone.nii.gz"), "seed": number,
            "output": str(out / own), "model": str(folder / "model"), "device": "cpu", "steps": 2,
        }  # fmt: skip
        if kind == 1:
            client.say({"request": f"nonsense {number}", "id": f"n{number}"})
        client.say(request)
        if kind == 2:
            client.say({"request": "cancel", "id": own})
        answer = client.hear(lambda e, own=own: e.get("id") == own and e["event"] in ("done", "error", "cancelled"))
        wanted = {0: ("error",), 2: ("cancelled", "done")}.get(kind, ("done",))
        yield "tried" if answer and answer["event"] in wanted else f"request {number} was answered by {answer}"
        if answer is None:
            break
        shutil.rmtree(out, ignore_errors=True)
        held.append(_held(client.process.pid))
    for name, early, late in zip(("bytes", "threads", "open files"), held[count // 4], held[-1], strict=True):
        if late - early > (_GROWTH if name == "bytes" else 0):
            yield f"{early} {name} after a quarter of the day, {late} at its end"
    print(f"worker: {held[0]}, {held[count // 4]}, {held[-1]} (bytes, threads, files)", file=sys.stderr)
    client.say({"request": "shutdown"})
    if client.process.wait(120) != 0 or client.process.is_faulty:
        yield f"ends badly: {client.process.words[-200:]!r}"
    client.close()


def _held(pid: int) -> tuple[int, int, int]:
    """Bytes of memory, threads and open files of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) << 10, int(status["Threads"]), len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _samples(folder: Path, count: int) -> Iterator[str]:
    """All different, and the hundredth needs no more memory than the first."""
    peaks = []
    for number in (count // 10, count):
        out = folder / f"samples-{number}"
        arguments = ["--model", folder / "model", "--device", "cpu", "--steps", "1", "--samples", number]
        process = Forked(command("synthesize", *arguments, folder / "masks" / "m0.nii.gz", out), folder / "log-samples")
        code = process.wait(3600)
        images = {hashlib.sha256(path.read_bytes()).digest() for path in out.glob("*.nii.gz")}
        if code != 0 or process.is_faulty or len(images) != number:
            yield f"{len(images)} of {number} images, exit code {code}: {process.words[-200:]!r}"
        yield from [*torn(out), *left_over(out)]
        peaks.append(process.peak)
        yield from ["tried"] * number
        shutil.rmtree(out)
    if peaks[1] - peaks[0] > _GROWTH:
        yield f"a peak of {peaks[0]} bytes for {count // 10} samples, of {peaks[1]} for {count}"


def _large(folder: Path, side: int) -> Iterator[str]:
    """A head in voxels of 0.3 mm, to its image on the same grid."""
    from MedDDPMCore.volumes.geometry import Geometry
    from MedDDPMCore.volumes.volume import Volume

    array = small_head().array
    for axis in range(3):
        picked = np.arange(side) * array.shape[axis] // side
        array = np.take(array, picked, axis=axis)
    spacing = 210.0 / side
    Volume(array, Geometry((side,) * 3, (spacing,) * 3, (0.0, 0.0, 0.0), np.eye(3))).write(folder / "large.nii.gz")
    del array
    started = time.monotonic()
    arguments = ["synthesize", "--model", folder / "model", "--device", "cpu", "--steps", "2"]
    process = Forked(command(*arguments, folder / "large.nii.gz", folder / "large"), folder / "log-large")
    code = process.wait(3600)
    print(f"large: {time.monotonic() - started:.0f} s, {process.peak >> 20} MB", file=sys.stderr)
    made = list((folder / "large").glob("*.nii.gz"))
    if code != 0 or process.is_faulty or len(made) != 1:
        yield f"exit code {code}: {process.words[-300:]!r}"
    elif Volume.read(made[0]).array.shape != (side,) * 3:
        yield "an image of another shape"
    yield from ["tried", *torn(folder / "large"), *left_over(folder / "large")]
