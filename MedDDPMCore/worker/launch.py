"""A worker behind a command that may make it wait, such as Slurm's srun: started, and ended when nobody waits for it.

Without this a job whose user has gone would stay in the queue, as srun does not notice.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from typing import BinaryIO

from .channel import Channel
from .far import opening
from .silence import Silence

_GRACE_SECONDS = 10
_PIECE = 1 << 16


def relay(reader: BinaryIO, writer: BinaryIO, launch: str) -> int:
    """Carries bytes between this process and the worker that launch starts; returns that one's exit code."""
    Channel(reader, writer).send({**opening(), "launching": True})
    command = [*shlex.split(launch), sys.executable, "-u", "-m", "MedDDPMCore.worker", "--carried"]
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except OSError as error:
        print(f"srun: error: {command[0]} could not be started: {error.strerror}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: _end(child, 0))
    answered = threading.Event()
    silence = Silence(lambda: _end(child, 0))
    threading.Thread(target=_forward, args=(reader, child, answered, silence), daemon=True).start()
    assert child.stdout, "it is a pipe"
    try:
        while data := os.read(child.stdout.fileno(), _PIECE):
            answered.set()
            writer.write(data)
            writer.flush()
    except OSError:  # nobody listens any more
        _end(child, _GRACE_SECONDS)
    return child.wait()


def _forward(reader: BinaryIO, child: subprocess.Popen, answered: threading.Event, silence: Silence) -> None:
    assert child.stdin, "it is a pipe"
    while data := os.read(reader.fileno(), _PIECE):
        silence.heard()
        if answered.is_set():  # before, there are only signs of life, which nobody takes
            child.stdin.write(data)
            child.stdin.flush()
    _end(child, _GRACE_SECONDS if answered.is_set() else 0)


def _end(child: subprocess.Popen, grace: float) -> None:
    """Its input ends; after the grace it is asked to end, then killed."""
    assert child.stdin, "it is a pipe"
    child.stdin.close()
    for seconds, more in ((grace, child.terminate), (_GRACE_SECONDS, child.kill)):
        try:
            child.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            more()
