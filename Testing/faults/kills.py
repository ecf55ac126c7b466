"""Kills at random moments of everything that writes: what stays is whole, and what goes on comes to the same end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .forked import Forked, command

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_COMMANDS = 0.75
"""Of the time; the rest is the worker's."""
_WHILE_WRITING = 0.5
"""Of the kills so many wait until something is being written."""


@dataclass
class Work:
    """What is killed. outputs: what of the folder must come out the same, by name, whatever happened on the way."""

    name: str
    arguments: list
    out: Path
    outputs: Callable[[Path], dict[str, str]]


def kills(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """So many kills of each command (None: until that time.monotonic()); what came of each."""
    folder.mkdir(parents=True)
    works = prepared(folder)
    first_until = time.monotonic() + _COMMANDS * (until - time.monotonic())
    whole = {}
    for work in works:
        code = Forked(command(*work.arguments, work.out), folder / "log").wait()
        if code != 0:
            raise RuntimeError(f"{work.name} does not work: {(folder / 'log').read_text()[-2000:]}")
        whole[work.name] = work.outputs(work.out)
        shutil.rmtree(work.out)
    seconds: dict[str, float] = {}
    number = 0
    while (each is None and time.monotonic() < first_until) or (each is not None and number < each * len(works)):
        work = works[number % len(works)]
        draw = random.Random(f"{seed} {number}")
        for again in range(2):
            if not again or draw.random() < 0.4:  # and once more, while it goes on
                usual, wrong = _killed(work, draw, folder / "log", seconds.get(work.name, 1.0))
                seconds[work.name] = usual
                yield f"kill: {work.name}", "tried"
                yield from ((f"kill: {work.name}", fault) for fault in [*wrong, *torn(work.out)])
        yield from ((f"kill: {work.name}", fault) for fault in _wrong_at_end(work, folder / "log", whole[work.name]))
        shutil.rmtree(work.out, ignore_errors=True)
        number += 1
    from .worker_kills import worker_kills

    yield from worker_kills(folder, seed, each, until)


def _killed(work: Work, draw: random.Random, log: Path, usual: float) -> tuple[float, list[str]]:
    """Starts the work and kills it at a random moment; about how long it would have taken, and what was wrong."""
    log.unlink(missing_ok=True)
    started = time.monotonic()
    process = Forked(command(*work.arguments, work.out), log)
    if draw.random() < _WHILE_WRITING:
        skipped = draw.randrange(6)
        seen: set[Path] = set()
        while process.poll() is None and len(seen) <= skipped:
            with contextlib.suppress(FileNotFoundError):  # they come and go
                seen |= set(work.out.rglob("*.part"))
    else:
        end = started + draw.random() * 1.2 * usual
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.001)
    process.send(draw.choice(SIGNALS))
    process.wait()
    wrong = [f"speaks of a fault: {process.words[-300:]!r}"] if process.is_faulty else []
    return max(usual, time.monotonic() - started), wrong


def torn(out: Path) -> list[str]:
    """What must never be seen in a folder, even just after a kill."""
    from MedDDPMCore.training.stages.checkpoint import load_checkpoint

    wrong = []
    for path in sorted(out.rglob("*")) if out.exists() else []:
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(out).parts):
            continue
        try:
            if path.suffix == ".json":
                record = json.loads(path.read_text())
                image = path.with_name(f"{path.stem}.nii.gz")
                if isinstance(record, dict) and "image_sha256" in record:
                    found = hashlib.sha256(image.read_bytes()).hexdigest() if image.exists() else ""
                    wrong += ["a record that disagrees"] * (found != record["image_sha256"])
            elif path.suffix == ".pt":
                load_checkpoint(path)
            elif path.suffix == ".gz":
                import gzip

                gzip.decompress(path.read_bytes())
        except Exception as error:
            wrong.append(f"a torn {path.suffix} file ({type(error).__name__})")
    return wrong


def _wrong_at_end(work: Work, log: Path, whole: dict[str, str]) -> list[str]:
    """Lets the work go on to its end."""
    log.unlink(missing_ok=True)
    process = Forked(command(*work.arguments, work.out), log)
    code = process.wait()
    if code != 0 or process.is_faulty:
        return [f"does not go on (exit code {code}: {process.words[-150:]!r})"]
    found = work.outputs(work.out)
    wrong = [f"ends otherwise: {name}" for name in whole if found.get(name) != whole[name]]
    return wrong[:1] + [f"left over: {name}" for name in left_over(work.out)] + torn(work.out)


def left_over(out: Path) -> list[str]:
    """Kinds of files that no finished work leaves."""
    names = [path.name for path in out.rglob("*")]
    kinds = (".part", ".medddpm-lock")
    return sorted({kind for kind in kinds for name in names if name.endswith(kind)}) + [
        "preview" for name in names if name.startswith("preview")
    ]


def prepared(folder: Path) -> list[Work]:
    """The commands, with small inputs that are the same on every run."""
    from small_models import write_model
    from small_training import config_values, write_data

    from MedDDPMCore.volumes.volume import Volume

    from .targets import small_head

    mask = small_head()
    masks = folder / "masks"
    masks.mkdir()
    for number in range(3):
        array = mask.array.copy()
        array[number + 5, 6, 6] = 2
        Volume(array, mask.geometry).write(masks / f"m{number}.nii.gz")
    noise = np.random.default_rng(0).uniform(0, 5, mask.array.shape)
    Volume((mask.array * 50 + noise).astype(np.float32), mask.geometry).write(folder / "mri.nii.gz")
    model = write_model(folder / "model")
    data = write_data(folder / "data")
    config = config_values(steps=10)
    (folder / "config.json").write_text(json.dumps(config))
    made = ["--model", model, "--device", "cpu", "--steps", "2", "--samples", "2"]
    often = ["--device", "cpu", "--checkpoint-seconds", "0", "--validate-every", "4", "--sample-every", "5"]
    edit = ["edit", folder / "mri.nii.gz", masks / "m0.nii.gz", "--source", masks / "m1.nii.gz"]
    return [
        Work("train", ["train", *often, "--threads", "1", folder / "config.json", data], folder / "run", _trained),
        Work("synthesize", ["synthesize", *made, masks], folder / "images", _images),
        Work("dataset", ["dataset", "--layout", "nnunet", *made, masks], folder / "set", _images),
        Work("edit", [*edit, *made], folder / "edited", _images),
    ]


def _trained(run: Path) -> dict[str, str]:
    from MedDDPMCore.training.stages.checkpoint import load_checkpoint

    state = load_checkpoint(run / "stage-0.pt")
    entries = [json.loads(line) for line in (run / "stage-0.jsonl").read_text().splitlines()]
    weights = b"".join(value.numpy().tobytes() for value in state["ema"].values())
    return {
        "weights": hashlib.sha256(weights).hexdigest(),
        "steps": str([entry["step"] for entry in entries]),
        "losses": str([entry["loss"] for entry in entries]),
        "model": hashlib.sha256((run / "model" / "weights.safetensors").read_bytes()).hexdigest(),
    }


def _images(out: Path) -> dict[str, str]:
    found = {}
    for path in sorted(out.rglob("*.nii.gz")):
        found[os.path.relpath(path, out)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
