"""A worker on another machine: sshd on loopback, models here and there, and conversations over it."""

from __future__ import annotations

import os

import pytest
from conversation import Conversation
from loopback import Loopback
from phantoms import box, head
from small_models import write_model


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    loopback = Loopback(tmp_path_factory.mktemp("far"))
    yield loopback
    loopback.stop()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The other machine's models: "small"; and here "small" and "mine"."""
    folder = tmp_path_factory.mktemp("models")
    for path, name in (("there/small", "small"), ("here/small", "small"), ("here/mine", "mine")):
        write_model(folder / path, name=name)
    return folder


@pytest.fixture(scope="module")
def talk(far, models):
    """Starts workers: talk(options …, here={variables}); they are ended at the end."""
    begun = []

    def start(*options: str, here: dict | None = None) -> Conversation:
        environment = {"PATH": f"{far.bin}:{os.environ['PATH']}", **(here or {})}
        program = [] if "--remote-command" in options else ["--remote-command", far.program(models / "there")]
        begun.append(Conversation(models / "here", "--on", "far", *program, *options, **environment))
        return begun[-1]

    yield start
    for conversation in begun:
        conversation.end()


@pytest.fixture(scope="module")
def worker(talk):
    """One that stays, as in a window."""
    return talk()


@pytest.fixture
def request_of(tmp_path):
    mask = tmp_path / "my mask.nii.gz"
    head(box((6, 6, 6), (190, 230, 220))).write(mask)

    def make(identity: str, **changes) -> dict:
        return {
            "request": "synthesize", "id": identity, "mask": str(mask), "output": str(tmp_path / "out"),
            "model": "small", "device": "cpu", "seed": 3, **changes,
        }  # fmt: skip

    return make
