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

NOTED = """
import os, runpy, sys, time, types
import MedDDPMCore.cli as cli
from MedDDPMCore.base import standard_input
standard_input.os = types.SimpleNamespace(name=sys.argv[1])
read = os.read
loaded = []
def noted(descriptor, count):
    loaded.append("numpy" in sys.modules)
    return read(descriptor, count)
os.read = noted
def main():
    while not loaded:
        time.sleep(0.01)
    print(*loaded)
cli.main = main
runpy.run_module("MedDDPMCore.child", run_name="__main__")
"""
"""A child on a system of that name that says whether numpy was loaded when it first read."""


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


@pytest.mark.parametrize("system, loaded", [("nt", "True"), ("posix", "False")])
def test_on_windows_numpy_is_loaded_before_standard_input_is_read(system, loaded):
    with subprocess.Popen(
        [sys.executable, "-c", NOTED, system], cwd=Path(__file__).resolve().parents[2], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.read() == f"{loaded}\n"
    assert process.returncode == 0
