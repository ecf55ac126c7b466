"""A worker on another machine, over a real sshd on loopback: events and paths of a worker here, nothing left there."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
import time
from pathlib import Path

import psutil
import pytest
from conversation import Conversation
from loopback import Loopback, keys
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.volumes.volume import Volume

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sshd is started as POSIX systems do")


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


def whole(folder: Path) -> list[Path]:
    """The images of a folder that holds nothing but images and the records that vouch for them."""
    images = sorted(folder.glob("*.nii.gz"))
    for image in images:
        record = json.loads((folder / image.name.replace(".nii.gz", ".json")).read_text())
        assert record["image_sha256"] == sha256_of(image)
    assert len(list(folder.iterdir())) == 2 * len(images)
    return images


def until_step(worker: Conversation, step: int) -> None:
    while worker.hear("progress", "error")["step"] < step:
        pass


def test_ready_tells_of_the_other_machine(worker):
    worker.say({"request": "hello", "id": "h"})
    ready = worker.hear("ready", "error")
    assert ready["event"] == "ready" and ready["host"] == "far" and ready["id"] == "h" and ready["protocol"] == 1
    assert ready["devices"][-1]["id"] == "cpu"
    names = {model["name"]: model["folder"] for model in ready["models"]}
    assert names["small"] is None and "mine" not in names
    assert ready["pid"] == worker.process.pid


def test_an_image_is_the_one_that_is_made_here_and_nothing_is_left_there(worker, request_of, far, models, tmp_path):
    worker.say(request_of("a"))
    done = worker.hear("done", "error")
    assert done["event"] == "done" and done["id"] == "a", done
    [made] = whole(tmp_path / "out")
    assert done["files"][0]["path"] == str(made) and Path(done["files"][0]["sidecar"]).exists()
    previews = [event["preview"] for event in worker.passed if event["preview"]]
    assert previews and str(far.there) not in "".join(previews)
    steps = [event["step"] for event in worker.passed if event["total"]]
    assert max(steps) == 4
    assert not [path for folder in far.left_there() for path in folder.rglob("*") if path.is_file()]
    local = Conversation(models / "here")
    local.say(request_of("b", output=str(tmp_path / "local")))
    assert local.hear("done", "error")["event"] == "done"
    local.end()
    assert (Volume.read(made).array == Volume.read(tmp_path / "local" / made.name).array).all()


def test_only_the_user_can_read_what_is_there(worker, request_of, far):
    worker.say(request_of("a", steps=50, samples=50))
    until_step(worker, 1)
    folder = next(path for path in far.left_there() if path.is_dir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    worker.say({"request": "cancel", "id": "a"})
    worker.hear("cancelled")


def test_a_second_request_finds_the_model_loaded(worker, request_of, models):
    worker.say(request_of("first"))
    worker.hear("done")
    weights = models / "there" / "small" / "weights.safetensors"
    hidden = weights.rename(weights.with_suffix(".hidden"))
    try:
        worker.say(request_of("second"))
        assert worker.hear("done", "error")["event"] == "done"
        worker.say({"request": "release", "id": "r"})
        assert worker.hear("released")["id"] == "r"
        worker.say(request_of("third"))
        error = worker.hear("done", "error")
        assert error["event"] == "error" and error["code"] == "model" and "On far" in error["message"]
    finally:
        hidden.rename(weights)


def test_a_model_that_is_only_here_is_sent_once(worker, request_of, far):
    phases = []
    for identity in ("one", "two"):
        worker.say(request_of(identity, model="mine"))
        done = worker.hear("done", "error")
        assert done["event"] == "done" and done["model"] == "mine", done
        [folder] = (far.there / ".medddpm" / "received").iterdir()
        phases.append(folder.stat().st_mtime_ns)
    assert phases[0] == phases[1]
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]


def test_another_model_of_the_same_name_there_is_used_with_a_warning(talk, request_of, models, tmp_path):
    write_model(tmp_path / "other" / "small", kinds=("haar",))
    worker = talk(here={"MEDDDPM_MODELS": str(tmp_path / "other")})
    worker.say(request_of("a"))
    done = worker.hear("done", "error")
    assert "not the one of this computer" in done["warnings"][0]
    record = json.loads(Path(done["files"][0]["sidecar"]).read_text())
    assert record["model_sha256"] == json.loads((models / "there/small/model.json").read_text())["weights_sha256"]
    worker.end()


def test_a_cancel_is_answered_and_the_next_request_works(worker, request_of, tmp_path):
    worker.say(request_of("long", steps=50, samples=200, output=str(tmp_path / "cancelled")))
    until_step(worker, 2)
    worker.say({"request": "cancel", "id": "long"})
    assert worker.hear("cancelled", "done")["id"] == "long"
    worker.say(request_of("next"))
    done = worker.hear("done", "error")
    assert done["event"] == "done" and done["id"] == "next"
    assert len(whole(tmp_path / "out")) == 1


@pytest.mark.parametrize("broken", ["header", "labels", "absent", "folder"])
def test_what_is_wrong_with_a_mask_is_said_with_its_path_here(worker, request_of, far, tmp_path, broken):
    path = tmp_path / "bad.nii.gz"
    if broken == "header":
        path.write_bytes(b"no image at all")
    elif broken == "labels":
        image = head(box((6, 6, 6), (190, 230, 220)))
        Volume(image.array * 7, image.geometry).write(path)
    elif broken == "folder":
        path.mkdir()
    worker.say(request_of("bad", mask=str(path)))
    error = worker.hear("done", "error")
    assert error["event"] == "error" and error["code"] in ("volume", "labels"), error
    if broken != "labels":
        assert str(path) in error["message"]
    assert str(far.there) not in json.dumps(error)
    worker.say(request_of("good"))
    assert worker.hear("done", "error")["event"] == "done"


def test_a_volume_of_several_files_arrives_whole(worker, request_of, tmp_path):
    import SimpleITK

    mask = Path(request_of("")["mask"])
    image = SimpleITK.ReadImage(str(mask))
    SimpleITK.WriteImage(image, str(tmp_path / "parts.mhd"))
    worker.say(request_of("a", mask=str(tmp_path / "parts.mhd")))
    assert worker.hear("done", "error")["event"] == "done"
    worker.say(request_of("b"))
    assert worker.hear("done", "error")["event"] == "done"
    first, second = (Volume.read(path).array for path in whole(tmp_path / "out"))
    assert (first == second).all()


def test_an_edit_brings_four_files_there_and_the_image_back(worker, request_of, tmp_path):
    mask = Path(request_of("")["mask"])
    worker.say(request_of("a"))
    mri = worker.hear("done")["files"][0]["path"]
    worker.say(request_of("e", request="edit", mri=mri, source=str(mask), edit_mask=str(mask), margin_mm=4))
    done = worker.hear("done", "error")
    assert done["event"] == "done", done
    assert Path(done["files"][0]["path"]).parent == tmp_path / "out"


@pytest.mark.parametrize("cut", ["ssh", "sshd"])
def test_a_connection_lost_in_mid_run_keeps_what_is_finished_and_is_made_anew(talk, request_of, far, tmp_path, cut):
    worker = talk()
    worker.say(request_of("long", samples=500))
    while worker.hear("progress", "error")["sample"] < 3:
        pass
    client = [child for child in psutil.Process(worker.process.pid).children() if child.name() == "ssh"]
    [port] = [end.laddr.port for end in client[0].net_connections()]
    session = [
        pid for pid in far.sessions() if port in [end.raddr.port for end in psutil.Process(pid).net_connections()]
    ]
    os.kill(client[0].pid if cut == "ssh" else session[0], signal.SIGKILL)
    error = worker.hear("error", "done")
    assert error["event"] == "error" and error["code"] == "connection" and error["id"] == "long"
    assert "lost" in error["message"] and str(tmp_path / "out") in error["message"]
    assert len(whole(tmp_path / "out")) >= 2
    worker.say(request_of("again", output=str(tmp_path / "again")))
    assert worker.hear("done", "error")["event"] == "done"
    worker.say({"request": "shutdown"})
    assert worker.process.wait(60) == 0


@pytest.mark.parametrize("end", ["killed", "shut down", "input ended"])
def test_nothing_is_left_there_when_the_worker_here_ends(far, models, talk, request_of, tmp_path, end):
    own = Loopback(tmp_path / "own")
    try:
        worker = talk(
            "--remote-command", own.program(models / "there"), here={"PATH": f"{own.bin}:{os.environ['PATH']}"}
        )
        worker.say(request_of("long", steps=50, samples=200))
        until_step(worker, 2)
        assert own.left_there()
        if end == "killed":
            worker.process.kill()
        elif end == "shut down":
            worker.say({"request": "shutdown"})
        else:
            worker.process.stdin.close()
        worker.process.wait(60)
        own.wait_until_clean()
    finally:
        own.stop()


def test_what_a_killed_worker_left_there_is_removed_at_the_next_start(models, talk, request_of, tmp_path):
    own = Loopback(tmp_path / "own")
    try:
        here = {"PATH": f"{own.bin}:{os.environ['PATH']}"}
        worker = talk("--remote-command", own.program(models / "there"), here=here)
        worker.say(request_of("long", steps=50, samples=200))
        until_step(worker, 2)
        [far_worker] = [
            process for process in psutil.Process(own.process.pid).children(recursive=True)
            if "python" in process.name() and "--carried" in process.cmdline()
        ]  # fmt: skip
        far_worker.kill()
        assert worker.hear("error")["code"] == "connection"
        left = own.left_there()
        assert len(left) == 2  # the folder and its lock
        worker.say(request_of("again"))
        assert worker.hear("done", "error")["event"] == "done"
        assert not {*left} & {*own.left_there()}
    finally:
        own.stop()


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


QUEUE = """#!/bin/sh
echo $$ > {folder}/pid
echo "srun: job 7 queued and waiting for resources" >&2
while [ ! -e {folder}/free ]; do sleep 0.05; done
exec "$@"
"""


@pytest.fixture
def queue(tmp_path):
    """A command that waits as srun does until the file "free" is in its folder."""
    script = tmp_path / "srun"
    script.write_text(QUEUE.format(folder=shlex.quote(str(tmp_path))))
    script.chmod(0o755)
    return script


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


@pytest.mark.parametrize("name", ["-oProxyCommand=touch /tmp/x", "two words", ""])
def test_a_host_that_ssh_could_take_for_an_option_is_refused(name):
    from MedDDPMCore.worker.channel import LineError
    from MedDDPMCore.worker.ssh import Host

    with pytest.raises(LineError, match="not the name of a computer"):
        Host(name)
