"""The command line in the background, against real processes, without Qt."""

import sys
import time

import project
import pytest
from MedDDPMSlicerLib.processes.command_process import CommandProcess
from subprocess_transport import SubprocessTransport

PROGRAM = """
import os, sys, threading, time
def stop():
    os.read(0, 1)
    print("stopped in good order", flush=True)
    os._exit(130)
threading.Thread(target=stop, daemon=True).start()
print("one\\n\\ntwo", flush=True)
sys.stderr.write(sys.argv[1])
sys.stderr.flush()
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


class Session:
    """A process, what it says, and how it ended."""

    def __init__(self, words="", seconds=0, code=0, commands=1, program=PROGRAM):
        self.lines, self.ends = [], []
        self.transport = SubprocessTransport([sys.executable, "-c", program, words, str(seconds), str(code)])
        self.process = CommandProcess(self.transport, sys.executable, ".", self.lines.append, self.ends.append)
        self.process.start(*[["command"]] * commands)

    def wait(self, condition, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            self.transport.poll()
            time.sleep(0.01)


def test_commands_run_one_after_the_other_and_their_lines_are_heard():
    session = Session(commands=2)
    session.wait(lambda: session.ends)
    assert session.lines == ["one", "two"] * 2 and session.ends == [""]
    assert not session.process.is_running


@pytest.mark.parametrize(
    "words, problem",
    [
        ("Traceback\nmedddpm: The mask is empty. Paint one.\nsomething else\n", "The mask is empty. Paint one."),
        ("Traceback\nKilled by a library\n", "exit code 3. Killed by a library"),
        ("", "exit code 3."),
        ("medddpm: warning: The mask is large.\n", "exit code 3."),
        ("medddpm: The disk is full.\nmedddpm: RuntimeWarning: overflow\n", "The disk is full."),
    ],
)
def test_a_failure_is_told_in_the_commands_own_words_and_nothing_follows(words, problem):
    session = Session(words, code=3, commands=2)
    session.wait(lambda: session.ends)
    assert session.ends == [problem] and session.lines == ["one", "two"]


def test_asked_to_stop_it_ends_in_good_order_and_that_is_no_failure():
    session = Session(seconds=600, commands=2)
    session.wait(lambda: session.lines == ["one", "two"])
    session.process.stop()
    assert session.process.is_stopping
    session.wait(lambda: session.ends)
    assert session.ends == [""] and session.lines[-1] == "stopped in good order"


def test_one_that_does_not_stop_is_killed(monkeypatch):
    monkeypatch.setattr("MedDDPMSlicerLib.processes.command_process.STOP_GRACE_MS", 50)
    session = Session(program="import time; print('deaf', flush=True); time.sleep(600)")
    session.wait(lambda: session.lines)
    session.process.stop()
    session.wait(lambda: session.ends)
    assert session.ends == ["it had to be killed: what was not yet saved is lost."] and not session.process.is_running
    session.process.start(["command"])
    session.transport.kill()
    assert session.ends[1:] == ["it crashed or was killed."]


def test_a_stop_that_fails_is_told_in_the_commands_own_words():
    failing = 'sys.stderr.write("medddpm: The disk is full.\\n"); sys.stderr.flush(); os._exit(1)'
    session = Session(seconds=600, program=PROGRAM.replace("os._exit(130)", failing))
    session.wait(lambda: session.lines == ["one", "two"])
    session.process.stop()
    session.wait(lambda: session.ends)
    assert session.ends == ["The disk is full."] and not session.process.is_stopping


def test_a_command_that_is_stopped_before_it_has_begun_is_no_failure():
    ends, transport = [], SubprocessTransport()
    process = CommandProcess(transport, sys.executable, str(project.CORE_FOLDER), lambda _line: None, ends.append)
    process.start(["models"])
    process.stop()
    transport.wait(60_000)
    assert ends == [""]


def test_close_lets_it_end_in_good_order_without_a_word(tmp_path):
    kept = tmp_path / "kept"
    session = Session(
        seconds=600,
        program=PROGRAM.replace('print("stopped', f"time.sleep(0.3); open({str(kept)!r}, 'w'); print(\"stopped"),
    )
    session.wait(lambda: session.lines)
    session.process.close()
    assert session.ends == [] and not session.process.is_running and kept.exists()


def test_close_kills_one_that_does_not_end(monkeypatch):
    monkeypatch.setattr("MedDDPMSlicerLib.processes.command_process.CLOSE_GRACE_MS", 50)
    session = Session(program="import time; print('deaf', flush=True); time.sleep(600)")
    session.wait(lambda: session.lines)
    session.process.close()
    assert session.ends == [] and not session.process.is_running
