"""What a client may send, or stop doing, without a worker going deaf, staying for ever or leaving anything behind."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from conversation import ROOT, Conversation
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.worker.lines import ProtocolError, lines_of, parsed
from MedDDPMCore.worker.server import Worker

PATIENCE = 120


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "small")
    return folder


@pytest.fixture
def talk(models, tmp_path):
    """Starts a worker whose temporary files lie in tmp_path/temporary."""
    (tmp_path / "temporary").mkdir()
    begun = []

    def start(**environment) -> Conversation:
        begun.append(Conversation(models, TMPDIR=str(tmp_path / "temporary"), **environment))
        return begun[-1]

    yield start
    for conversation in begun:
        conversation.process.kill()
        conversation.process.wait()


@pytest.fixture
def long_request(tmp_path):
    mask = tmp_path / "mask.nii.gz"
    head(box((6, 6, 6), (190, 230, 220))).write(mask)
    return {
        "request": "synthesize", "id": "long", "mask": str(mask), "output": str(tmp_path / "out"), "model": "small",
        "device": "cpu", "steps": 50, "samples": 1000,
    }  # fmt: skip


def until_a_preview_is_there(conversation: Conversation) -> Path:
    while not (preview := conversation.hear("progress", "error").get("preview")):
        pass
    return Path(preview)


def left_in(folder: Path) -> list[Path]:
    """What of this program is left among temporary files; torch keeps a cache of its own there."""
    return list(folder.glob("medddpm*"))


def left_of_work(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith((".", "preview"))] if folder.exists() else []


@pytest.mark.parametrize(
    "line",
    [
        '{"request": "hello", "id": 1' + "0" * 5000 + "}",
        '{"request": "hello", "seed": NaN}',
        '{"request": "hello", "seed": 1e999}',
        '{"request": "hello", "id": [1]}',
        '{"request": "hello", "id": {}}',
        '{"request": "hello", "id": 1.5}',
        "\udc80\udcff\x00",
    ],
)
def test_what_is_no_request_is_named_as_such(line):
    with pytest.raises(ProtocolError):
        parsed(line)


def test_lines_come_whole_and_one_without_an_end_is_cut_off():
    stream = io.BytesIO(b"one\n" + b"x" * (5 << 20) + b"\n\xff\xfe\nlast")
    lines = list(lines_of(stream))
    assert [line[:4] for line in lines] == ["one\n", "a li", "\ufffd\ufffd\n", "last"] and len(lines[1]) < 500


def test_a_worker_hears_on_after_anything_and_keeps_no_cancel_of_what_nobody_asked_for():
    said = io.StringIO()
    lines = ['{"request": "cancel", "id": "%d"}' % number for number in range(1000)]  # noqa: UP031
    lines += ['{"request": "cancel", "id": "*"}', "9" * 5000, "\udcff", '{"request": "no such", "id": "last"}']
    worker = Worker(lines, said)
    worker.serve()
    assert not worker.cancelled and not worker.asked
    assert '"last"' in said.getvalue() and said.getvalue().count("protocol") == 3


def test_more_requests_than_can_ever_be_done_are_refused_and_a_cancel_is_still_heard():
    waiting, go_on = threading.Event(), threading.Event()

    class Slow(Worker):
        def _hello(self, request):
            waiting.set()
            go_on.wait(PATIENCE)

    def lines():
        yield '{"request": "hello", "id": "first"}'
        waiting.wait(PATIENCE)
        yield from ['{"request": "hello", "id": "more"}'] * 1500
        yield '{"request": "cancel", "id": "more"}'
        assert worker.cancelled == {"more"}
        go_on.set()

    said = io.StringIO()
    worker = Slow(lines(), said)
    worker.serve()
    assert said.getvalue().count('"busy"') == 501 and not worker.cancelled


@pytest.mark.posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_in_order_and_nothing_is_left(talk, long_request, tmp_path, number):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored for what runs behind it
    conversation = talk()
    signal.signal(signal.SIGINT, before)
    conversation.say(long_request)
    preview = until_a_preview_is_there(conversation)
    assert preview.is_relative_to(tmp_path / "temporary")
    conversation.process.send_signal(number)
    conversation.process.stdout.read()
    assert conversation.process.wait(PATIENCE) == 130
    assert not left_in(tmp_path / "temporary") and not left_of_work(tmp_path / "out")


@pytest.mark.posix
def test_what_a_killed_worker_left_is_removed_by_the_next(talk, long_request, tmp_path):
    killed = talk()
    killed.say(long_request)
    until_a_preview_is_there(killed)
    killed.process.kill()
    killed.process.wait()
    following = talk()
    following.say({**long_request, "steps": 3, "samples": 1, "id": "short"})
    assert following.hear("done", "error")["event"] == "done"
    following.process.stdin.close()
    assert following.process.wait(PATIENCE) == 0
    assert not left_in(tmp_path / "temporary") and not left_of_work(tmp_path / "out")


@pytest.mark.posix
def test_a_worker_that_nobody_listens_to_ends_and_says_why(models, long_request):
    with tempfile.TemporaryFile() as errors:
        conversation = Conversation(models, errors=errors)
        conversation.process.stdout.close()
        conversation.say(long_request)
        assert conversation.process.wait(PATIENCE) == 1
        errors.seek(0)
        words = errors.read().decode()
    assert "nobody takes the events" in words and "Traceback" not in words


@pytest.mark.linux
def test_a_worker_whose_events_fill_a_disk_ends_and_says_why(models):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "MedDDPMCore.worker"], input=b'{"request": "hello"}\n' * 3, stdout=full,
            stderr=subprocess.PIPE, cwd=ROOT, env={**os.environ, "MEDDDPM_MODELS": str(models)}, timeout=PATIENCE,
        )  # fmt: skip
    assert done.returncode == 1 and b"nobody takes the events" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.posix
def test_a_pipe_a_device_and_a_folder_are_no_masks_and_are_named_at_once(talk, long_request, tmp_path):
    os.mkfifo(tmp_path / "pipe.nii.gz")
    (tmp_path / "folder.nii").mkdir()
    conversation = talk()
    for path in (tmp_path / "pipe.nii.gz", "/dev/zero", tmp_path / "folder.nii", "/dev/stdin"):
        conversation.say({**long_request, "mask": str(path)})
        error = conversation.hear("error", "done")
        assert error["code"] == "volume" and str(path) in error["message"]


def test_a_request_is_cancelled_while_its_mask_is_read(monkeypatch, long_request, models):
    reading, go_on = threading.Event(), threading.Event()

    def slow(*_arguments, **_options):
        reading.set()
        go_on.wait(PATIENCE)

    monkeypatch.setattr("MedDDPMCore.volumes.volume.Volume.read", slow)
    said = io.StringIO()

    def lines():
        import json

        yield json.dumps(long_request)
        reading.wait(PATIENCE)
        yield '{"request": "cancel", "id": "long"}'
        end = time.monotonic() + PATIENCE
        while "cancelled" not in said.getvalue() and time.monotonic() < end:
            time.sleep(0.01)

    Worker(lines(), said).serve()
    go_on.set()
    assert '"event": "cancelled", "id": "long"' in said.getvalue()
