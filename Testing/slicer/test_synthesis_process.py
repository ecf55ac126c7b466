"""The worker's owner against a real process that speaks the protocol, without Qt."""

import os
import signal
import sys
import time

import project
import pytest
from MedDDPMSlicerLib.processes.synthesis_process import LineReader, SynthesisProcess
from subprocess_transport import SubprocessTransport

FAKE = str(project.FAKE_WORKER)


class Session:
    """A process, the events it gave, and ways to wait for them."""

    def __init__(self, command=None):
        self.events = []
        self.transport = SubprocessTransport(command or [sys.executable, "-u", FAKE])
        self.process = SynthesisProcess(
            self.transport, self.events.append, sys.executable, str(project.FAKE_WORKER.parent)
        )

    def wait(self, name, seconds=10.0, count=1):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.transport.poll()
            found = [event for event in self.events if event["event"] == name]
            if len(found) >= count:
                return found[-1]
            time.sleep(0.005)
        raise AssertionError(f"no {name} in {seconds} s; got {self.names()}; log {list(self.process.log)}")

    def names(self):
        return [event["event"] for event in self.events]


@pytest.fixture
def session():
    session = Session()
    yield session
    session.process.kill()
    session.transport.poll()


def test_a_run_gives_progress_then_done_and_the_worker_stays_warm(session):
    session.process.ask("synthesize", model="quick")
    assert session.process.is_busy
    assert session.wait("done")["warm"] is False
    assert session.names() == ["ready"] + ["progress"] * 5 + ["done"]
    first = session.transport.pid
    session.process.ask("synthesize", model="quick")
    assert session.wait("done", count=2)["warm"] is True
    assert session.transport.pid == first and not session.process.is_busy


def test_released_memory_is_loaded_again(session):
    session.process.ask("synthesize", model="quick")
    session.wait("done")
    session.process.release()
    session.wait("released")
    session.process.ask("synthesize", model="quick")
    assert session.wait("done", count=2)["warm"] is False


def test_cancel_is_obeyed_and_the_worker_lives(session):
    session.process.ask("synthesize", model="slow")
    session.wait("progress", count=3)
    started = time.monotonic()
    session.process.cancel()
    session.wait("cancelled")
    assert time.monotonic() - started < 1.0
    assert session.process.is_running and not session.process.is_busy
    session.process.ask("synthesize", model="quick")
    session.wait("done")


def test_a_worker_that_does_not_obey_is_killed_within_two_seconds(session):
    session.process.ask("synthesize", model="deaf")
    session.wait("progress")
    started = time.monotonic()
    session.process.cancel()
    session.wait("cancelled")
    assert time.monotonic() - started < 2.0
    session.wait("stopped")
    assert not session.process.is_running
    session.process.ask("synthesize", model="quick")
    session.wait("done")


def test_a_run_that_was_not_sent_yet_is_cancelled_at_once(session):
    session.process.ask("synthesize", model="quick")
    session.process.cancel()
    assert session.names() == ["cancelled"]
    session.wait("ready")
    time.sleep(0.1)
    session.transport.poll()
    assert "done" not in session.names()


def test_a_killed_worker_is_reported_once_and_the_next_run_works(session):
    session.process.ask("synthesize", model="slow")
    session.wait("progress")
    os.kill(session.transport.pid, signal.SIGKILL)
    error = session.wait("error")
    assert error["code"] == "worker" and "ended unexpectedly" in error["message"] and error["hint"]
    session.wait("stopped")
    session.process.ask("synthesize", model="quick")
    session.wait("done")
    assert session.names().count("error") == 1


def test_a_worker_that_dies_leaves_its_last_words_in_the_log(session):
    session.process.ask("synthesize", model="dies")
    assert "exit code 9" in session.wait("error")["message"]
    assert "out of luck" in session.process.log


def test_rubbish_on_stdout_is_noted_and_harmless(session):
    session.process.ask("synthesize", model="noisy")
    session.wait("done")
    assert session.names().count("progress") == 5
    assert any("Hello from a library" in line for line in session.process.log)


def test_lines_may_arrive_in_pieces(session):
    session.process.ask("synthesize", model="split")
    session.wait("done")
    assert session.names().count("progress") == 5


def test_an_error_of_the_request_ends_it(session):
    session.process.ask("synthesize", model="fails")
    error = session.wait("error")
    assert (error["code"], error["message"], error["hint"]) == ("labels", "The head is missing.", "Paint one.")
    assert not session.process.is_busy and session.process.is_running


def test_two_requests_at_once_are_refused(session):
    session.process.ask("synthesize", model="slow")
    with pytest.raises(RuntimeError, match="busy"):
        session.process.ask("synthesize", model="quick")


def test_another_protocol_is_refused_with_advice():
    session = Session([sys.executable, "-u", FAKE, "2"])
    session.process.ask("synthesize", model="quick")
    error = session.wait("error")
    assert "version 2" in error["message"] and "Restart" in error["hint"]
    session.wait("stopped")


def test_a_program_that_is_not_there_is_an_error_not_a_crash():
    session = Session(["/nowhere/python"])
    session.process.ask("synthesize", model="quick")
    assert "could not be started" in session.wait("error")["message"]


def test_a_missing_package_is_named():
    session = Session([sys.executable, "-c", "import torch_that_is_missing"])
    session.process.ask("synthesize", model="quick")
    error = session.wait("error")
    assert "torch_that_is_missing" in error["message"] and "Setup" in error["hint"]


@pytest.mark.parametrize(
    "host, launch, words",
    [
        ("user @host", "", "is not the name of a computer. Write user@host"),
        ("host", "srun --comment 'x", "cannot be read: No closing quotation"),
    ],
)
def test_a_worker_that_cannot_begin_says_why_with_a_request_and_without(host, launch, words):
    session = Session()
    session.transport = SubprocessTransport()
    session.process = SynthesisProcess(
        session.transport, session.events.append, sys.executable, str(project.CORE_FOLDER)
    )
    session.process.compute_on(host, launch)
    for begin, has_request in (
        (lambda: session.process.ask("synthesize", model="quick"), True),
        (session.process.start, False),
    ):
        session.events.clear()
        begin()
        session.wait("stopped", seconds=60)
        [error] = [event for event in session.events if event["event"] == "error"]
        assert words in error["message"] and error["hint"] == "" and (error["id"] is not None) == has_request


LATER_WORDLESS = """
import pathlib, sys
mark = pathlib.Path(sys.argv[1])
if not mark.exists():
    mark.touch()
    sys.exit("medddpm: The temporary folder cannot be written.\\nNo module named x")
sys.stderr.write("medddpm: warning: The clock is slow.\\n")
sys.exit(3)
"""


def test_what_an_earlier_worker_said_is_not_quoted_of_a_later_one(tmp_path):
    session = Session([sys.executable, "-c", LATER_WORDLESS, str(tmp_path / "mark")])
    session.process.start()
    session.wait("stopped")
    session.process.start()
    session.wait("stopped", count=2)
    first, second = (event for event in session.events if event["event"] == "error")
    assert "package x is missing" in first["message"] and "ended unexpectedly (exit code 3)" in second["message"]


def test_a_worker_that_was_refused_is_told_of_once():
    session = Session([sys.executable, "-u", FAKE, "2"])
    session.process.start()
    session.wait("stopped")
    assert session.names() == ["error", "stopped"] and "version 2" in session.events[0]["message"]


def test_kill_ends_the_process_says_nothing_more_and_the_next_run_works():
    session = Session()
    session.process.ask("synthesize", model="slow")
    session.wait("progress")
    before = list(session.names())
    pid = session.transport.pid
    session.process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    time.sleep(0.05)
    session.transport.poll()
    assert session.names() == before and not session.process.is_busy
    session.process.ask("synthesize", model="quick")
    session.wait("done")
    session.process.kill()


def test_a_line_that_never_ends_is_given_up():
    reader = LineReader()
    assert reader.feed(b"a" * 900_000) == []
    assert len(reader.feed(b"a" * 200_000)[0]) == 200
    assert reader.feed(b"b\r\nc") == ["b"]
    assert reader.feed("ü\n".encode()) == ["cü"]
