"""The worker as a GUI meets it: a real process, JSON lines in and out."""

import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from conversation import Conversation
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.models.bundle import load_bundle, save_bundle
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[3]

NOTED = """
import argparse, sys, types
from MedDDPMCore.base import standard_input
from MedDDPMCore.worker import start
standard_input.os = types.SimpleNamespace(name=sys.argv[1])
lines_of = start.lines_of
def noted(stream):
    print("numpy" in sys.modules, file=sys.stderr)
    yield from lines_of(stream)
start.lines_of = noted
parser = argparse.ArgumentParser()
start.add_arguments(parser)
sys.exit(start.run(parser.parse_args([])))
"""
"""A worker on a system of that name that says, when it first reads, whether numpy is loaded."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "small")
    return folder


@pytest.fixture(scope="module")
def worker(models):
    conversation = Conversation(models)
    yield conversation
    conversation.end()


@pytest.fixture
def request_of(tmp_path):
    mask = tmp_path / "mask.nii.gz"
    head(box((6, 6, 6), (190, 230, 220))).write(mask)

    def make(identity: str, **changes) -> dict:
        return {
            "request": "synthesize", "id": identity, "mask": str(mask), "output": str(tmp_path / "out"),
            "model": "small",
            "device": "cpu", "seed": 3, **changes,
        }  # fmt: skip

    return make


def test_hello_is_answered_with_versions_devices_and_models(worker):
    worker.say({"request": "hello"})
    ready = worker.hear("ready")
    assert ready["protocol"] == 1
    assert ready["devices"][-1]["id"] == "cpu"
    assert "small" in [model["name"] for model in ready["models"]]
    assert ready["versions"]["torch"]


def test_a_mask_becomes_a_file_on_its_own_geometry_with_progress_on_the_way(worker, request_of):
    worker.say(request_of("a"))
    done = worker.hear("done", "error")
    assert done["event"] == "done", done
    [made] = done["files"]
    assert made["seed"] == 3 and Path(made["sidecar"]).exists()
    mask, image = nibabel.load(request_of("a")["mask"]), nibabel.load(made["path"])
    assert image.shape == mask.shape
    np.testing.assert_allclose(image.affine, mask.affine, atol=1e-4)
    steps = [event["step"] for event in worker.passed if event["total"]]
    assert steps == sorted(steps) and steps[-1] == 4
    shares = [event["share"] for event in worker.passed if event["event"] == "progress"]
    assert shares == sorted(shares) and shares[-1] == 1 and worker.passed[-1]["seconds_left"] == 0
    assert any(event["preview"] for event in worker.passed)
    assert not list(Path(made["path"]).parent.glob("preview*"))


def test_a_tumour_mask_alone_is_asked_about_and_with_its_mri_becomes_an_image(worker, request_of, tmp_path):
    phantom = head(box((6, 6, 6), (190, 230, 220)))
    Volume((phantom.array == 2).astype(np.uint8), phantom.geometry).write(tmp_path / "tumor.nii.gz")
    Volume((phantom.array > 0) * np.float32(300), phantom.geometry).write(tmp_path / "mri.nii.gz")
    worker.say(request_of("alone", mask=str(tmp_path / "tumor.nii.gz")))
    error = worker.hear("done", "error")
    assert error["event"] == "error" and "Is label 1 the tumour" in error["hint"]
    worker.say(request_of("with MRI", mask=str(tmp_path / "tumor.nii.gz"), mri=str(tmp_path / "mri.nii.gz")))
    done = worker.hear("done", "error")
    assert done["event"] == "done" and any("made from the MRI" in note for note in done["notes"])


def test_the_second_request_does_not_load_the_model_again(worker, request_of, models):
    worker.say(request_of("first"))
    worker.hear("done")
    weights = models / "small" / "weights.safetensors"
    hidden = weights.rename(weights.with_suffix(".hidden"))
    try:
        worker.say(request_of("second"))
        assert worker.hear("done", "error")["event"] == "done"
        worker.say({"request": "release"})
        worker.hear("released")
        worker.say(request_of("third"))
        assert worker.hear("done", "error")["event"] == "error"
    finally:
        hidden.rename(weights)


def test_a_model_that_was_trained_anew_in_its_folder_is_loaded_anew(worker, request_of, models):
    write_model(models / "mine", name="mine")
    made = []
    for identity in ("before", "after"):
        worker.say(request_of(identity, model="mine"))
        made.append(Volume.read(worker.hear("done")["files"][0]["path"]).array)
        spec, networks = load_bundle(models / "mine")
        states = [{name: value / 2 for name, value in network.state_dict().items()} for network in networks]
        save_bundle(models / "mine", spec, states)
    assert not np.array_equal(*made)


def test_two_runs_with_one_seed_are_equal(worker, request_of):
    images = []
    for identity in ("one", "two"):
        worker.say(request_of(identity))
        images.append(Volume.read(worker.hear("done")["files"][0]["path"]).array)
    assert np.array_equal(*images)


def test_cancel_stops_a_long_run_within_two_seconds_and_the_next_run_works(worker, request_of):
    worker.say(request_of("long", steps=50, samples=200))
    while worker.hear("progress")["step"] < 2:
        pass
    started = time.monotonic()
    worker.say({"request": "cancel", "id": "long"})
    assert worker.hear("cancelled", "done")["event"] == "cancelled"
    assert time.monotonic() - started < 2
    worker.say(request_of("next"))
    assert worker.hear("done", "error")["event"] == "done"


def test_cancelling_something_else_changes_nothing(worker, request_of):
    worker.say({"request": "cancel", "id": "of another window"})
    worker.say(request_of("mine"))
    assert worker.hear("done", "error", "cancelled")["event"] == "done"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "null",
        '"hello"',
        "{}",
        '{"request": 7}',
        "\x00\xff",
        "[" * 5000,
        '{"request": "dance"}',
        "x" * 100_000,
    ],
)
def test_lines_that_are_not_the_protocol_are_answered_and_survived(worker, line):
    worker.say(line)
    if line:
        assert worker.hear("error")["code"] == "protocol"
    worker.say({"request": "hello"})
    worker.hear("ready")


@pytest.mark.parametrize(
    "changes",
    [
        {"mask": None}, {"mask": 7}, {"output": ""}, {"seed": "x"}, {"seed": -1}, {"seed": True}, {"steps": 0},
        {"samples": 10**9},
        {"labels": ["head"]}, {"labels": {"head": "one"}}, {"model": 5},
    ],
)  # fmt: skip
def test_a_request_with_a_wrong_entry_is_refused_by_its_name(worker, request_of, changes):
    worker.say(request_of("bad", **changes))
    error = worker.hear("error", "done")
    assert (error["event"], error["code"], error["id"]) == ("error", "protocol", "bad")
    assert next(iter(changes)) in error["message"]


def test_a_wrong_mask_is_refused_with_a_hint_before_the_model_is_loaded(worker, request_of, tmp_path):
    mask = head(box((6, 6, 6), (190, 230, 220)))
    Volume((mask.array == 2).astype(np.uint8) * 2, mask.geometry).write(tmp_path / "no_head.nii.gz")
    worker.say(request_of("headless", mask=str(tmp_path / "no_head.nii.gz")))
    error = worker.hear("error", "done")
    assert error["code"] == "labels" and "head" in error["message"]
    worker.say(request_of("nowhere", mask=str(tmp_path / "nowhere.nii.gz")))
    assert worker.hear("error", "done")["code"] == "volume"


def test_an_unknown_model_or_device_is_refused_by_name(worker, request_of):
    worker.say(request_of("m", model="no-such-model"))
    assert "no-such-model" in worker.hear("error")["message"]
    worker.say(request_of("d", device="banana"))
    assert worker.hear("error")["code"] == "resources"


def test_shutdown_and_the_end_of_input_end_the_process(models):
    for last_words in ({"request": "shutdown"}, None):
        conversation = Conversation(models)
        if last_words:
            conversation.say(last_words)
        else:
            conversation.process.stdin.close()
        assert conversation.process.wait(timeout=30) == 0


def test_the_worker_of_a_gui_that_is_gone_stops_in_the_middle_of_its_work(models, request_of):
    conversation = Conversation(models)
    conversation.say(request_of("orphan", steps=50, samples=1000))
    while conversation.hear("progress")["step"] < 2:
        pass
    conversation.process.stdin.close()
    conversation.process.stdout.close()
    conversation.process.wait(timeout=30)


def test_an_edit_gives_the_patients_image_with_one_region_made_anew(worker, tmp_path):
    geometry = box((6, 6, 6), (190, 230, 220))
    mask = head(geometry)
    mask.write(tmp_path / "new.nii.gz")
    healthy = Volume((mask.array > 0).astype(np.uint8), geometry)
    healthy.write(tmp_path / "old.nii.gz")
    mri = Volume(healthy.array.astype(np.int16) * 300, geometry)
    mri.write(tmp_path / "scan.nii.gz")
    paths = {"mri": "scan.nii.gz", "mask": "new.nii.gz", "source": "old.nii.gz", "output": "out"}
    worker.say({"request": "edit", "id": "edit", "model": "small", "device": "cpu", "samples": 2,
                **{key: str(tmp_path / name) for key, name in paths.items()}})  # fmt: skip
    done = worker.hear("done", "error")
    assert done["event"] == "done" and [f["seed"] for f in done["files"]] == [0, 1]
    steps = [event for event in worker.passed if event["event"] == "progress" and event["step"]]
    assert steps[-1]["step"] == steps[-1]["total"] and any(event["preview"] for event in steps)
    image = Volume.read(done["files"][1]["path"])
    changed = image.array != mri.array
    assert 0 < changed.sum() < 0.2 * healthy.array.sum()
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".gz", ".gz", ".json", ".json"]


def test_an_edit_without_an_mri_or_with_a_word_for_a_number_is_refused_by_name(worker, request_of):
    worker.say({**request_of("no mri"), "request": "edit"})
    error = worker.hear("error", "done")
    assert error["code"] == "protocol" and "'mri'" in error["message"]
    worker.say({**request_of("word", mri="scan.nii.gz", margin_mm="wide"), "request": "edit"})
    error = worker.hear("error", "done")
    assert error["code"] == "protocol" and "margin_mm" in error["message"]


def test_what_the_mask_reader_warns_of_is_told_with_the_result(worker, request_of, tmp_path):
    moved = nibabel.load(tmp_path / "mask.nii.gz")
    affine = moved.affine.copy()
    affine[0, 3] += 30
    moved.set_qform(affine, 1)
    nibabel.save(moved, tmp_path / "mask.nii.gz")
    worker.say(request_of("forms", steps=1))
    event = worker.hear("done", "error")
    assert event["event"] == "done", event
    assert any("sform and the qform" in warning and "30 mm" in warning for warning in event["warnings"])


@pytest.mark.parametrize("system, loaded", [("nt", "True"), ("posix", "False")])
def test_on_windows_numpy_is_loaded_before_the_input_is_read(system, loaded):
    done = subprocess.run(
        [sys.executable, "-c", NOTED, system], cwd=ROOT, input='{"request": "shutdown"}\n', capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == (f"{loaded}\n", 0)
