"""Damaged files through every door: what comes of each is an answer, or a refusal that names the file."""

from __future__ import annotations

import mmap
import os
import random
import resource
import struct
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from .forked import Forked, addresses
from .targets import Target, all_targets, silence

SECONDS = 10
"""Of the processor for one input; more is a hang."""
_WALL = 180
"""Seconds without any use of the processor: it waits for something that never comes."""
_MEMORY = 1 << 30
"""Bytes by which memory may grow for one small file."""
_ADDRESSES = 4 << 30
_STATE = struct.Struct("qq")


def fuzz(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """So many inputs a target (None: rounds of 50 until that time.monotonic()); what came of each."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = all_targets(folder)
    first = 0
    while True:
        count = 50 if each is None else each
        for target in targets:
            for kind in _outcomes(target, folder, seed, first, count, until):
                yield f"fuzz: {target.name}", kind
        first += count
        if each is not None or time.monotonic() > until:
            return


def _outcomes(target: Target, folder: Path, seed: int, first: int, count: int, until: float) -> Iterator[str]:
    """What came of each input: accepted, refused, or a fault."""
    done = first
    while done < first + count:
        shared = mmap.mmap(-1, _STATE.size)
        shared[:] = _STATE.pack(done, 0)
        log = folder / "outcomes"
        log.unlink(missing_ok=True)
        child = Forked(lambda: _work(target, seed, done, first + count, shared, until), log)  # noqa: B023
        ended = _watched(child, shared)
        outcomes = [line for line in child.words.splitlines() if line.startswith("= ")]
        yield from (line[2:] for line in outcomes)
        done += len(outcomes)
        for path, content in zip(target.files, target.originals, strict=True):
            path.write_bytes(content)
        if ended != "":
            yield f"{ended} at input {done}"
            done += 1
        elif child.code or not outcomes:
            if child.code:
                yield f"crash (exit code {child.code}) at input {done}: {child.words[-200:]!r}"
                done += 1
            else:
                return  # its time is over
        if time.monotonic() > until:
            return


def _watched(child: Forked, shared: mmap.mmap) -> str:
    """Waits for the end; "hang" where one input took too long."""
    import psutil

    last, since, used = -1, time.monotonic(), 0.0
    while child.poll() is None:
        time.sleep(0.02)
        number, _ = _STATE.unpack(shared[:])
        try:
            times = psutil.Process(child.pid).cpu_times()
        except psutil.Error:
            continue
        now = times.user + times.system
        if number != last:
            last, since, used = number, time.monotonic(), now
        elif now - used > SECONDS or time.monotonic() - since > _WALL:
            child.send(9)
            child.wait()
            return "hang"
    return ""


def _work(target: Target, seed: int, first: int, last: int, shared: mmap.mmap, until: float) -> int:
    silence()
    resource.setrlimit(resource.RLIMIT_AS, (addresses() + _ADDRESSES, resource.RLIM_INFINITY))
    empty = target.files[0].parent.parent / f"cwd-{os.getpid()}"
    empty.mkdir()
    os.chdir(empty)
    for path in target.files if first == 0 else ():
        target.opened(path)  # what is damaged is good before
    for number in range(first, last):
        if time.monotonic() > until:
            break
        shared[:] = _STATE.pack(number, 0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        outcome = _one(target, random.Random(f"{seed} {target.name} {number}"))
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        if grown > _MEMORY:
            outcome = f"memory ({grown >> 20} MB) at input {number}, {outcome}"
        if os.listdir(empty):
            outcome = f"wrote outside: {os.listdir(empty)} at input {number}"
        print("=", outcome.replace("\n", " "), flush=True)
    os.chdir("/")
    empty.rmdir()
    return 0


def _one(target: Target, draw: random.Random) -> str:
    from MedDDPMCore.base.errors import MedDDPMError

    at = draw.randrange(len(target.files))
    path, content = target.files[at], target.originals[at]
    path.write_bytes(target.damage(content, draw))
    try:
        target.opened(path)
        return "accepted"
    except MedDDPMError as error:
        short = "memory" in error.message
        return f"memory asked for: {error.message[-80:]}" if short else "refused"
    except BaseException as error:
        where = [f for f in traceback.extract_tb(error.__traceback__) if "MedDDPMCore" in f.filename]
        place = f"{Path(where[-1].filename).name}:{where[-1].lineno}" if where else "?"
        return f"traceback {type(error).__name__} in {place} ({str(error)[:60]!r})"
    finally:
        path.write_bytes(content)
