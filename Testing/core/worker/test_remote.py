"""A worker on another machine, over a real sshd on loopback: events and paths of a worker here, nothing left there."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import psutil
import pytest
from conversation import Conversation
from loopback import Cable, Loopback
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.base.files import sha256_of
from MedDDPMCore.volumes.volume import Volume

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sshd is started as POSIX systems do")


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
    far.wait_until_clean(running=True)  # what was sent there goes after the answer
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


def test_a_cable_drawn_in_mid_run_is_said_and_nothing_is_left_there(models, talk, request_of, tmp_path):
    with Cable() as cable:
        own = Loopback(tmp_path / "own", cable.address, cable.within)
        try:
            here = {"PATH": f"{own.bin}:{os.environ['PATH']}"}
            worker = talk("--remote-command", own.program(models / "there"), here=here)
            worker.say(request_of("long", samples=500))
            while worker.hear("progress", "error")["sample"] < 3:
                pass
            cable.put("down")
            error = worker.hear("error", "done")
            assert error["event"] == "error" and error["code"] == "connection" and "lost" in error["message"]
            assert len(whole(tmp_path / "out")) >= 2
            cable.put("up")
            worker.say(request_of("again", output=str(tmp_path / "again")))
            assert worker.hear("done", "error")["event"] == "done"
            worker.say({"request": "shutdown"})
            assert worker.process.wait(60) == 0
            own.wait_until_clean()
        finally:
            own.stop()


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
