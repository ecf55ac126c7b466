"""The command line as a child: told to stop by its standard input, it ends as after Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import runpy, time
import MedDDPMCore.cli as cli
def main():
    try:
        print("begun", flush=True)
        while True:
            time.sleep(0.01)
    except KeyboardInterrupt:
        print("saved", flush=True)
        return 130
cli.main = main
runpy.run_module("MedDDPMCore.child", run_name="__main__")
"""


@pytest.fixture
def child():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell has it for what runs behind it
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.wait()


def test_a_word_on_standard_input_stops_it_in_good_order(child):
    assert child.communicate("stop\n", timeout=60)[0] == "saved\n" and child.returncode == 130


def test_it_does_not_outlive_the_program_that_started_it(child):
    child.stdin.close()
    assert child.wait(60) == 130 and child.stdout.read() == "saved\n"


def test_its_words_and_exit_code_are_those_of_the_command_line():
    with subprocess.Popen(
        [sys.executable, "-m", "MedDDPMCore.child", "synthesize", "/no/such/mask.nii.gz", "out"],
        cwd=Path(__file__).resolve().parents[2], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        words = process.stderr.read()
    assert process.returncode == 1 and words.startswith("medddpm: ") and "mask.nii.gz" in words
