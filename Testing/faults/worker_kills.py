"""Kills of a worker at every state of its protocol, also by what its client does: it ends, and leaves nothing."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .forked import Forked

STATES = ("start", "ready", "asked", "reading", "loading", "preview", "writing", "done", "cancelling")
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, "input ends", "nobody listens", "shutdown")


class Client:
    """A worker in a fork, with pipes."""

    def __init__(self, log: Path):
        requests, self.say_to = os.pipe()
        self.hear_from, events = os.pipe()
        log.unlink(missing_ok=True)
        self.process = Forked(_serve, log, stdin=requests, stdout=events)
        os.close(requests)
        os.close(events)
        self.rest = b""

    def say(self, request: dict) -> None:
        os.write(self.say_to, json.dumps(request).encode() + b"\n")

    def hear(self, wanted, seconds: float = 120) -> dict | None:
        """The first event for which wanted(event) holds; None where none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                event = json.loads(line)
                if wanted(event):
                    return event
            if select.select([self.hear_from], [], [], 0.2)[0]:
                data = os.read(self.hear_from, 65536)
                if not data:
                    return None
                self.rest += data
        return None

    def close(self) -> None:
        for handle in (self.say_to, self.hear_from):
            if handle >= 0:
                os.close(handle)
        self.process.wait(60)


def _serve() -> int:
    import argparse

    from MedDDPMCore.worker import start

    parser = argparse.ArgumentParser()
    start.add_arguments(parser)
    tempfile.tempdir = None
    return start.run(parser.parse_args([]))


def worker_kills(folder: Path, seed: int, each: int | None, until: float) -> Iterator[tuple[str, str]]:
    """Each end in random states; what came of each."""
    temporary = folder / "temporary"
    temporary.mkdir()
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temporary)
    number = 0
    while number < len(ENDS) * (each or 1) or (each is None and time.monotonic() < until):
        draw = random.Random(f"{seed} worker {number}")
        wrong = _ended(folder, temporary, draw, ENDS[number % len(ENDS)])
        yield from (("kill: worker", kind) for kind in ["tried", *wrong])
        number += 1
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before


def _ended(folder: Path, temporary: Path, draw: random.Random, end) -> list[str]:
    from .kills import left_over, torn

    out, state = folder / "asked", draw.choice(STATES)
    request = {
        "request": "synthesize", "id": "a", "mask": str(folder / "masks" / "m0.nii.gz"), "output": str(out),
        "model": str(folder / "model"), "device": "cpu", "steps": 3, "samples": 3, "seed": 1,
    }  # fmt: skip
    client = Client(folder / "log")
    _brought_to(client, state, request, draw)
    if isinstance(end, signal.Signals):
        client.process.send(end)
    elif end == "shutdown":
        client.say({"request": "shutdown"})
    else:
        handle = "say_to" if end == "input ends" else "hear_from"
        os.close(getattr(client, handle))
        setattr(client, handle, -1)
        if end == "nobody listens":
            client.say({"request": "hello", "id": "last"})
    code = client.process.wait(120)
    client.close()
    where = f"after {end if isinstance(end, str) else end.name} while {state}"
    wrong = [f"does not end {where}"] if code is None else []
    wrong += [f"speaks of a fault {where}: {client.process.words[-150:]!r}"] if client.process.is_faulty else []
    if end != signal.SIGKILL:
        wrong += [f"left {path.name[:16]} {where}" for path in temporary.glob("medddpm*")]
    wrong += [f"{kind} {where}" for kind in torn(out)]
    following = Client(folder / "log")
    following.say({**request, "samples": 1, "seed": 9})
    answer = following.hear(lambda event: event["event"] in ("done", "error"))
    following.say({"request": "shutdown"})
    following.process.wait(120)
    following.close()
    wrong += [] if answer and answer["event"] == "done" else [f"the next worker says {answer} {where}"]
    wrong += [f"left for good: {path.name[:16]} {where}" for path in temporary.glob("medddpm*")]
    return wrong + [f"left over: {name} {where}" for name in left_over(out)]


def _brought_to(client: Client, state: str, request: dict, draw: random.Random) -> None:
    if state == "start":
        time.sleep(draw.random() * 0.2)
        return
    client.say({"request": "hello", "id": "h"})
    client.hear(lambda event: event["event"] == "ready")
    if state == "ready":
        return
    client.say(request)
    if state == "asked":
        time.sleep(draw.random() * 0.3)
    elif state in ("reading", "loading"):
        client.hear(lambda event: state in event.get("phase", "") or event["event"] == "done")
    elif state == "done":
        client.hear(lambda event: event["event"] == "done")
    else:
        wanted = {"preview": lambda e: e.get("preview"), "writing": lambda e: e.get("step") == 3}
        client.hear(lambda event: event["event"] == "done" or wanted.get(state, wanted["preview"])(event))
        if state == "cancelling":
            client.say({"request": "cancel", "id": "a"})
