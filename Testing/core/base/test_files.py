"""Files are written whole or not at all, whatever ends the writer, and nothing is left lying about."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time

import pytest

from MedDDPMCore.base import files
from MedDDPMCore.base.errors import MedDDPMError, ResourceError
from MedDDPMCore.base.files import make_folder, new_folder, part_of, replacing, together, write_bytes, write_json

posix = pytest.mark.skipif(os.name == "nt", reason="of POSIX systems")
unprivileged = pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def in_process(code, *arguments, wait=True):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    if wait:
        assert process.wait(60) == 0
    return process


def test_a_new_file_appears_whole_under_its_name_alone(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, 2]}
    assert names(tmp_path) == ["a.json"]


def test_nothing_is_seen_under_the_name_before_the_end(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == tmp_path and part.name.startswith(".") and part.name.endswith(".part")
    assert path.read_text() == "new"


@pytest.mark.parametrize("failure", [ValueError, OSError, KeyboardInterrupt, GeneratorExit])
def test_after_any_exception_the_old_file_stands_and_no_part_is_left(tmp_path, failure):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises((failure, ResourceError)), replacing(path) as part:
        part.write_text("half")
        raise failure
    assert path.read_text() == "old" and names(tmp_path) == ["a"]


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_rights_are_those_of_the_umask_even_where_a_writer_narrows_them(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_bytes(tmp_path / "plain", b"")
        with replacing(tmp_path / "narrowed") as part:
            part.chmod(0o600)
        with new_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    for name in ("plain", "narrowed"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask


def test_a_file_system_that_knows_no_rights_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(*_arguments, **_named):
        raise PermissionError("not here")

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(type(tmp_path), "chmod", refuse)
    before = files._give_rights
    monkeypatch.setattr(files, "_give_rights", lambda part, mode: before(part, mode ^ 0o100))
    write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "disk" / "real")
    write_bytes(tmp_path / "a", b"through")
    assert (tmp_path / "a").is_symlink() and (tmp_path / "disk" / "real").read_bytes() == b"through"


@posix
def test_a_device_a_pipe_and_a_folder_are_refused_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "folder", "null"):
        with pytest.raises(ResourceError, match="not a file that can be written"):
            write_bytes(tmp_path / name, b"x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert names(tmp_path) == ["folder", "null", "pipe"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/a", "there is no folder"),
        ("file/a", "a file is where a folder should be"),
        ("x" * 5000, "does not take such a name"),
        ("a\0b", "does not take such a name"),
    ],
)
def test_a_name_that_cannot_be_is_an_error_that_says_so(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    for write in (lambda path: write_bytes(path, b""), lambda path: new_folder(path).__enter__()):
        with pytest.raises(ResourceError, match=said) as caught:
            write(tmp_path / name)
        assert caught.value.hint and len(str(caught.value)) < 1000
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(("name", "said"), [("file", "a file is where"), ("file/a", "a file is where")])
def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=said):
        make_folder(tmp_path / name)


def test_names_with_half_characters_can_be_written_or_are_refused_with_a_message_that_can_be_printed(tmp_path):
    try:
        write_bytes(tmp_path / "a\udcff", b"x")
    except ResourceError as error:
        str(error).encode("utf-8")
    with pytest.raises(ResourceError) as caught:
        write_bytes(tmp_path / "no\udcff" / "a", b"x")
    str(caught.value).encode("utf-8")


def test_a_name_as_long_as_the_system_takes_can_be_written(tmp_path):
    write_bytes(tmp_path / ("ä" * 127), b"x")
    assert len(names(tmp_path)) == 1


@unprivileged
def test_a_folder_without_the_right_to_write_is_an_error_that_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="no right"):
        write_bytes(tmp_path / "a", b"")


@posix
def test_on_a_full_disk_the_old_file_stands(tmp_path):
    code = """
        import resource, signal, sys
        from MedDDPMCore.base.errors import ResourceError
        from MedDDPMCore.base.files import replacing, write_bytes
        write_bytes(sys.argv[1], b"old")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with replacing(sys.argv[1], hint="The last one is kept.") as part:
                part.write_bytes(bytes(2000))
        except ResourceError as error:
            assert "the disk is full" in error.message and error.hint.endswith("The last one is kept."), error
        else:
            raise SystemExit("nothing was raised")
    """
    in_process(code, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old" and names(tmp_path) == ["a"]


KILLED = """
    import sys, time
    from MedDDPMCore.base.files import new_folder, replacing, together
    with replacing(sys.argv[1] + "/a") as file, new_folder(sys.argv[1] + "/b") as folder:
        file.write_text("half")
        (folder / "c").write_text("half")
        with together(sys.argv[1], "last") as group:
            (group / "d").write_text("half")
            print("writing", flush=True)
            time.sleep(600)
"""


def killed_while_writing(folder):
    process = in_process(KILLED, folder, wait=False)
    assert process.stdout.readline() == "writing\n"
    process.kill()
    process.wait()


def test_what_a_killed_process_left_is_swept_when_another_writes_there(tmp_path):
    killed_while_writing(tmp_path)
    assert len(names(tmp_path)) == 3
    in_process("import sys; from MedDDPMCore.base.files import *; write_bytes(sys.argv[1], b'')", tmp_path / "new")
    assert names(tmp_path) == ["new"]


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    process = in_process(KILLED, tmp_path, wait=False)
    try:
        assert process.stdout.readline() == "writing\n"
        files.sweep(tmp_path)
        with replacing(tmp_path / "mine") as part:
            files.sweep(tmp_path)
            assert part.exists() and len(names(tmp_path)) == 4
    finally:
        process.kill()
        process.wait()


def test_a_part_of_an_earlier_process_of_the_same_number_is_swept(tmp_path):
    mine = part_of(tmp_path / "a")
    earlier = mine.with_name(mine.name.replace(files._RUN, "0" * 8))
    for part in (mine, earlier):
        part.write_text("")
    files.sweep(tmp_path)
    assert names(tmp_path) == [mine.name]


def test_a_part_of_another_computer_is_swept_once_a_day_has_passed(tmp_path):
    mine = part_of(tmp_path / "a")
    part = mine.with_name(mine.name.replace(files._here(), "0" * 8))
    part.mkdir()
    (part / "still at work").write_text("")
    two_days_ago = time.time() - 48 * 3600
    os.utime(part, (two_days_ago, two_days_ago))
    files.sweep(tmp_path)
    assert part.exists()
    os.utime(part / "still at work", (two_days_ago, two_days_ago))
    files.sweep(tmp_path)
    assert not part.exists()


def test_only_parts_are_swept(tmp_path):
    others = [".a.part", "a.part", ".hidden", ".a.12345678-1-12345678-0.part.json", "b"]
    for name in others:
        (tmp_path / name).write_text("")
    files.sweep(tmp_path)
    assert names(tmp_path) == sorted(others)


def test_a_folder_appears_whole_and_never_over_another(tmp_path):
    with new_folder(tmp_path / "a") as part:
        (part / "inner").mkdir()
        (part / "inner" / "b").write_text("b")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "inner" / "b").read_text() == "b"
    with pytest.raises(ResourceError, match="there already"), new_folder(tmp_path / "a"):
        pass
    with pytest.raises(ResourceError, match="there already"), new_folder(tmp_path / "c") as part:
        (tmp_path / "c").mkdir()
    assert names(tmp_path) == ["a", "c"]


def test_files_that_belong_together_come_with_the_last_one_last(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a", "record"):
        (out / name).write_text("old")
    seen = []

    def watched(part, target):
        seen.append((target.name, (out / "record").exists()))
        replace(part, target)

    replace = files._replace
    monkeypatch.setattr(files, "_replace", watched)
    with together(out, "record") as part:
        (part / "record").write_text("new")
        (part / "b").mkdir()
        (part / "b" / "c").write_text("new")
        (part / "a").write_text("new")
        assert (out / "record").read_text() == "old"
    assert seen == [("a", False), ("c", False), ("record", False)]
    assert {path.read_text() for path in out.rglob("*") if path.is_file()} == {"new"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MedDDPMError("no")])
def test_when_one_of_several_fails_all_old_ones_stand(tmp_path, failure):
    (tmp_path / "record").write_text("old")
    with pytest.raises((KeyboardInterrupt, MedDDPMError)), together(tmp_path, "record") as part:
        (part / "record").write_text("new")
        raise failure
    assert (tmp_path / "record").read_text() == "old" and names(tmp_path) == ["record"]


def test_files_without_the_last_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="record was not written"), together(tmp_path, "record") as part:
        (part / "a").write_text("new")
    assert names(tmp_path) == []


def test_processes_at_the_same_files_leave_those_of_one_of_them(tmp_path):
    code = """
        import random, sys, time
        from MedDDPMCore.base import files
        at_once = files._replace
        def slowly(part, target):
            time.sleep(random.random() / 100)
            at_once(part, target)
        files._replace = slowly
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(8):
            with files.together(sys.argv[1], f"{number}/record") as part:
                (part / str(number)).mkdir()
                for name in ("a", "b", "c", "d", "record"):
                    (part / str(number) / name).write_text(sys.argv[2])
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*arguments, word], **pipes) for word in ("one", "two")]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(names(tmp_path)) == 8
    for folder in tmp_path.iterdir():
        assert len({path.read_text() for path in folder.iterdir()}) == 1


def test_killed_at_any_moment_the_last_file_never_speaks_of_others(tmp_path):
    code = """
        import sys
        from MedDDPMCore.base.files import together
        for number in range(100000):
            with together(sys.argv[1], "record") as part:
                for name in ("a", "b", "record"):
                    (part / name).write_text(str(number))
            print(number, flush=True)
    """
    for round_ in range(6):
        process = in_process(code, tmp_path, wait=False)
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.003 * round_)
        process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        process.wait()
        process.stdout.close()
        if (tmp_path / "record").exists():
            assert len({(tmp_path / name).read_text() for name in ("a", "b", "record")}) == 1


def test_a_target_that_another_program_reads_is_tried_again(tmp_path, monkeypatch):
    tries = []

    def busy_twice(part, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "in use")
        replace(part, target)

    replace = os.replace
    monkeypatch.setattr(files, "_REPLACE_TRIES", 5)
    monkeypatch.setattr(files, "_REPLACE_PAUSE", 0)
    monkeypatch.setattr(os, "replace", busy_twice)
    write_bytes(tmp_path / "a", b"at last")
    assert len(tries) == 3 and (tmp_path / "a").read_bytes() == b"at last"
    monkeypatch.setattr(files, "_REPLACE_TRIES", 1)
    tries.clear()
    with pytest.raises(ResourceError, match="no right"):
        write_bytes(tmp_path / "a", b"never")
    assert (tmp_path / "a").read_bytes() == b"at last" and names(tmp_path) == ["a"]


def test_a_record_that_another_program_reads_is_removed_when_it_lets_go(tmp_path, monkeypatch):
    tries = []

    def busy_twice(path, missing_ok=False):
        if path.name == "record":
            tries.append(path)
            if len(tries) < 3:
                raise PermissionError(13, "in use")
        unlink(path, missing_ok)

    unlink = type(tmp_path).unlink
    monkeypatch.setattr(files, "_REPLACE_TRIES", 5)
    monkeypatch.setattr(files, "_REPLACE_PAUSE", 0)
    (tmp_path / "record").write_bytes(b"old")
    monkeypatch.setattr(type(tmp_path), "unlink", busy_twice)
    with together(tmp_path, "record") as part:
        (part / "record").write_bytes(b"new")
    assert len(tries) == 3 and (tmp_path / "record").read_bytes() == b"new"


def test_the_writer_is_imported_without_torch():
    heavy = "{'torch', 'numpy', 'filelock', 'psutil'}"
    in_process(f"import sys, MedDDPMCore.base.files; assert not {heavy} & set(sys.modules)")
