"""A worker process as a program meets it, and the lines that go to and fro."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Conversation:
    """A worker with these arguments. errors: where its standard error goes. environment: what differs from here."""

    def __init__(self, models: Path, *arguments: str, errors=subprocess.DEVNULL, **environment: str):
        variables = {"MEDDDPM_MODELS": str(models), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "MedDDPMCore.worker", *arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **variables}, text=True, bufsize=1,
        )  # fmt: skip
        self.passed: list[dict] = []

    def say(self, line) -> None:
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
        self.process.stdin.flush()

    def hear(self, *wanted: str) -> dict:
        """The next event of one of these names; what comes before it is kept in `passed`."""
        self.passed = []
        while True:
            line = self.process.stdout.readline()
            assert line, "the worker ended"
            event = json.loads(line)
            if event["event"] in wanted:
                return event
            self.passed.append(event)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what was not taken any more
                stream.close()
