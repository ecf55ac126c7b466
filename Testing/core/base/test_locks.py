"""One process at a time writes into a folder; the second is told who has it, and a lock dies with its process."""

import errno
import json
import os
import subprocess
import sys

import pytest

from MedDDPMCore.base.errors import BusyError, ResourceError
from MedDDPMCore.base.files import only_writer, sweep
from MedDDPMCore.base.locks import let_go, take

LOCK = ".folder.medddpm-lock"
HOLD = """
import sys
from MedDDPMCore.base.files import only_writer
with only_writer(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_told_who_has_the_folder(tmp_path, holder):
    with pytest.raises(BusyError) as caught, only_writer(tmp_path):
        pass
    assert f"number {holder.pid} of " in caught.value.message and "since 20" in caught.value.message
    assert str(tmp_path) in caught.value.message and caught.value.hint


def test_a_lock_ends_with_its_process_even_when_it_is_killed(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert os.listdir(tmp_path) == [LOCK]
    with only_writer(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path) == []


def test_a_lock_that_a_killed_process_left_is_swept_and_a_held_one_is_not(tmp_path, holder):
    sweep(tmp_path)
    assert os.listdir(tmp_path) == [LOCK]
    holder.kill()
    holder.wait()
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_lock_ends_with_its_block_in_good_order_or_not(tmp_path, holder):
    holder.communicate("")
    for _ in range(2):
        with pytest.raises(KeyError), only_writer(tmp_path):
            raise KeyError
    assert os.listdir(tmp_path) == []


def test_another_thread_or_place_of_the_same_process_is_refused_too(tmp_path):
    with only_writer(tmp_path), pytest.raises(BusyError, match=f"number {os.getpid()} "), only_writer(tmp_path):
        pass


@pytest.mark.usefixtures("holder")
def test_a_holder_who_cannot_be_read_is_another_process(tmp_path):
    for text in ("", "[]", '{"pid": 1}', "\0"):
        (tmp_path / LOCK).write_text(text)
        with pytest.raises(BusyError, match="by another process[.]"), only_writer(tmp_path):
            pass


def test_of_four_processes_at_once_one_gets_the_folder(tmp_path):
    code = """
import sys
from MedDDPMCore.base.errors import BusyError
from MedDDPMCore.base.files import only_writer
sys.stdin.readline()
try:
    with only_writer(sys.argv[1]):
        print("held", flush=True)
        sys.stdin.read()
except BusyError:
    print("busy", flush=True)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "new")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.stdout.readline().strip() for process in processes]
    for process in processes:
        process.communicate()
    assert sorted(said) == ["busy", "busy", "busy", "held"]


def test_a_place_that_is_no_folder_is_the_users_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError), only_writer(tmp_path / "file"):
        pass


def test_a_lock_is_never_held_twice_while_it_is_taken_and_removed_all_the_time(tmp_path):
    code = """
import os, sys
from MedDDPMCore.base.locks import in_turn
from pathlib import Path
print("ready", flush=True)
sys.stdin.readline()
for _ in range(300):
    with in_turn(Path(sys.argv[1]) / "lock"):
        os.mkdir(sys.argv[1] + "/held")
        os.rmdir(sys.argv[1] + "/held")
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(120) for process in processes] == [0] * 4
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="of POSIX systems")
def test_a_user_without_a_name_can_hold_a_folder(tmp_path, monkeypatch):
    import getpass

    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with only_writer(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["user"] == str(os.getuid())


@pytest.mark.posix
@pytest.mark.parametrize("number", [45, 77, 78, 102])
def test_files_are_written_to_macos_shares_that_know_no_locks_and_no_lock_stays(tmp_path, number):
    code = """
import errno, fcntl, sys
errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP = 45, 77, 78, 102
def flock(*_arguments):
    raise OSError(int(sys.argv[2]), "Operation not supported")
fcntl.flock = flock
from MedDDPMCore.base.files import only_writer, together
with only_writer(sys.argv[1]), together(sys.argv[1], "record.json") as part:
    (part / "record.json").write_text("{}")
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), str(number)], capture_output=True, text=True)
    assert os.listdir(tmp_path) == ["record.json"], done.stderr


@pytest.mark.posix
def test_a_lock_is_not_taken_surely_where_the_file_system_knows_none(tmp_path, monkeypatch):
    def flock(*_arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    assert take(tmp_path / "lock", surely=True) is None
    handle = take(tmp_path / "lock")
    let_go(tmp_path / "lock", handle)
    assert os.listdir(tmp_path) == []
