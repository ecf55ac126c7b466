"""What keeps a worker on another machine from being reached is said with what to do; waiting in a queue is shown."""

from __future__ import annotations

import os
import shutil
import time

import psutil
import pytest
from conversation import Conversation
from loopback import keys, queue_in

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sshd is started as POSIX systems do")


def spoken(worker: Conversation, request: dict) -> dict:
    worker.say(request)
    error = worker.hear("error", "ready", "done")
    assert error["event"] == "error" and error["code"] in ("connection", "resources"), error
    return error


def test_a_key_that_is_refused_is_said_with_what_to_do(talk, far, tmp_path):
    far.configure(IdentityFile=str(keys(tmp_path / "other_key")))
    try:
        error = spoken(talk(), {"request": "hello", "id": "h"})
    finally:
        far.configure()
    assert "did not accept a key" in error["message"] and "ssh-copy-id far" in error["hint"] and error["id"] == "h"


def test_a_host_key_that_is_not_known_is_never_accepted(talk, far, tmp_path):
    far.configure(UserKnownHostsFile=str(tmp_path / "none"))
    try:
        error = spoken(talk(), {"request": "hello"})
    finally:
        far.configure()
    assert "identity of far is not known" in error["message"] and "fingerprint" in error["hint"]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "change, words", [({"HostName": "no-such-computer.invalid"}, "is not known"), ({"Port": "1"}, "not be reached")]
)
def test_a_computer_that_is_not_there_is_said(talk, far, change, words):
    far.configure(**change)
    try:
        assert words in spoken(talk(), {"request": "hello"})["message"]
    finally:
        far.configure()


def test_a_computer_without_medddpm_is_said_with_the_command_that_installs_it(talk):
    error = spoken(talk("--remote-command", "/no/such/medddpm"), {"request": "hello"})
    assert (
        "not installed on far" in error["message"] and "ssh far '" in error["hint"] and "pip install" in error["hint"]
    )


@pytest.mark.parametrize(
    "answer",
    [
        'echo \'{"event": "open", "carry": 1, "protocol": 99, "version": "9.0"}\'; cat >/dev/null #',
        "echo \"medddpm: error: argument COMMAND: invalid choice: 'worker'\" >&2; exit 2 #",
    ],
)
def test_another_version_of_the_protocol_is_said(talk, answer):
    error = spoken(talk("--remote-command", answer), {"request": "hello"})
    assert "another version" in error["message"] and "Install this version" in error["hint"]


def test_a_missing_ssh_is_said_with_how_to_install_it(talk, tmp_path):
    error = spoken(talk(here={"PATH": str(tmp_path)}), {"request": "hello"})
    assert "ssh is not installed" in error["message"] and "openssh-client" in error["hint"]


def test_no_space_there_is_said_and_the_next_request_is_answered(talk, far, models, request_of):
    worker = talk("--remote-command", far.program(models / "there", before="ulimit -f 1;"))
    error = spoken(worker, request_of("a"))
    assert error["code"] == "resources" and "On far" in error["message"] and "disk is full" in error["message"]
    worker.say({"request": "hello"})
    assert worker.hear("ready", "error")["event"] == "ready"


def test_words_of_a_login_script_do_not_disturb(talk, far, models):
    worker = talk("--remote-command", far.program(models / "there", before="echo Welcome; echo '[1, 2]';"))
    worker.say({"request": "hello"})
    assert worker.hear("ready", "error")["event"] == "ready"


@pytest.fixture
def queue(tmp_path):
    return queue_in(tmp_path)


def test_waiting_in_a_queue_is_shown_until_there_is_room(talk, request_of, queue):
    worker = talk("--launch", f"{queue} env A=b")
    worker.say({"request": "hello", "id": "h"})
    while "job 7 queued" not in worker.hear("waiting", "ready", "error")["text"]:
        pass
    (queue.parent / "free").touch()
    assert worker.hear("ready", "error")["event"] == "ready"
    worker.say(request_of("a"))
    assert worker.hear("done", "error")["event"] == "done"


@pytest.mark.parametrize("way", ["cancel", "kill"])
def test_waiting_in_a_queue_can_be_cancelled_and_leaves_the_queue(talk, request_of, queue, way):
    worker = talk("--launch", str(queue))
    worker.say(request_of("a"))
    while "job 7 queued" not in worker.hear("progress", "error")["phase"]:
        pass
    if way == "cancel":
        worker.say({"request": "cancel", "id": "a"})
        assert worker.hear("cancelled", "done")["id"] == "a"
    else:
        worker.end()
    pid, end = int((queue.parent / "pid").read_text()), time.monotonic() + 60
    while psutil.pid_exists(pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_queue_that_refuses_is_quoted(talk, tmp_path):
    script = tmp_path / "srun"
    script.write_text('#!/bin/sh\necho "srun: error: invalid partition specified: gpus" >&2\nexit 1\n')
    script.chmod(0o755)
    error = spoken(talk("--launch", str(script)), {"request": "hello"})
    assert "queue of far refused: invalid partition specified: gpus" in error["message"]


@pytest.mark.parametrize("shell", ["sh", "bash", "csh", "tcsh", "fish"])
def test_any_login_shell_starts_medddpm_where_it_was_installed_for_the_user(tmp_path, monkeypatch, shell):
    from MedDDPMCore.worker.ssh import Host, start

    if (login_shell := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    ssh, program = tmp_path / "ssh", tmp_path / "home" / ".medddpm" / "venv" / "bin" / "medddpm"
    program.parent.mkdir(parents=True)
    ssh.write_text(f'#!/bin/sh\nfor command; do :; done\nexec {login_shell} -c "$command"\n')  # as sshd does there
    program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    for path in (ssh, program):
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with start(Host("far", launch="srun --comment 'two words'")) as process:
        output, errors = process.communicate()
    assert output.decode().splitlines() == ["worker", "--carried", "--launch", "srun --comment 'two words'"], errors


@pytest.mark.parametrize("name", ["-oProxyCommand=touch /tmp/x", "two words", ""])
def test_a_host_that_ssh_could_take_for_an_option_is_refused(name):
    from MedDDPMCore.worker.channel import LineError
    from MedDDPMCore.worker.ssh import Host

    with pytest.raises(LineError, match="not the name of a computer"):
        Host(name)
