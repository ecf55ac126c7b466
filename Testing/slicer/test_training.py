"""Training in the background: its log, its plot, stop and resume, and the commands that are run."""

import json
import os
import sys
import time

import project  # noqa: F401
import pytest

pytest.importorskip("slicer")
import slicer
from MedDDPMSlicerLib.mrml import loss_plot
from MedDDPMSlicerLib.processes import packed, training
from subprocess_transport import SubprocessTransport

from MedDDPMCore.base.errors import MedDDPMError

TRAINER = """
import json, os, sys, threading, time
def stop():
    os.read(0, 1)
    open("stage-0.pt", "w").close()
    os._exit(130)
threading.Thread(target=stop, daemon=True).start()
with open("stage-0.jsonl", "a", buffering=1) as log:
    for step in range(1, int(sys.argv[1]) + 1):
        log.write(json.dumps({"stage": 0, "step": step, "loss": 1 / step}) + "\\n")
        time.sleep(0.01)
print("done")
print("out of memory", file=sys.stderr)
sys.exit(int(sys.argv[2]))
"""


class Trained:
    def __init__(self, folder, steps, code):
        self.problems, self.entries = [], []
        self.transport = SubprocessTransport([sys.executable, "-c", TRAINER, str(steps), str(code)])
        self.process = training.TrainingProcess(self.transport, sys.executable, str(folder), self.problems.append)
        self.process.train([["train"]], folder)

    def wait(self, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            self.transport.poll()
            self.entries += self.process.poll()
            time.sleep(0.01)


def test_the_log_is_followed_to_the_end(tmp_path):
    trained = Trained(tmp_path, 20, 0)
    trained.wait(lambda: trained.problems)
    assert trained.problems == [""] and not trained.process.is_running
    assert [entry["step"] for entry in trained.entries + trained.process.poll()] == list(range(1, 21))
    assert trained.process.last["loss"] == 0.05


def test_stop_saves_and_is_no_failure_and_then_it_can_be_resumed(tmp_path):
    trained = Trained(tmp_path, 10_000, 0)
    trained.wait(lambda: trained.entries)
    trained.process.stop()
    assert trained.process.is_stopping
    trained.wait(lambda: trained.problems)
    assert trained.problems == [""] and packed.has_checkpoint(tmp_path)


def test_a_failure_ends_with_its_last_words(tmp_path):
    trained = Trained(tmp_path, 1, 1)
    trained.wait(lambda: trained.problems)
    assert trained.problems == ["exit code 1. out of memory"]


def test_close_saves_a_checkpoint_and_says_nothing(tmp_path):
    trained = Trained(tmp_path, 10_000, 0)
    trained.wait(lambda: trained.entries)
    trained.process.close()
    assert trained.problems == [] and not trained.process.is_running and packed.has_checkpoint(tmp_path)


def test_images_are_packed_first_unless_they_are(tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    todo = training.commands(data, run, 50, 4, "")
    assert [command[0] for command in todo] == ["prepare", "train"]
    assert todo[1][2] == todo[0][2] == str(run / "dataset")
    written = json.loads((run / training.CONFIGURATION).read_text(encoding="utf-8"))
    assert {(stage["steps"], stage["batch_size"]) for stage in written["training"]} == {(50, 4)}
    (data / "dataset.json").write_text("{}", encoding="utf-8")
    todo = training.commands(data, run, 50, 4, "default")
    assert todo == [["train", str(run / training.CONFIGURATION), str(data), str(run), "--start-from", "default"]]


class Images:
    """A folder of images, a run folder, and what a click on Train would run; `pack` does what `prepare` does."""

    def __init__(self, folder):
        self.data, self.run = folder / "data", folder / "run"
        self.data.mkdir()
        for name in "ab":
            self.write(name)

    def write(self, name, content="voxels"):
        (self.data / f"{name}.nii.gz").write_text(content, encoding="utf-8")

    def pack(self, cases="ab"):
        write = {"cases": [{"id": name} for name in cases]}
        for name in packed._SET:
            (self.run / "dataset" / name).write_text(json.dumps(write), encoding="utf-8")

    def begin(self):
        """What a training leaves before its first checkpoint."""
        for name in packed._BEGINNING:
            (self.run / name).write_text("{}", encoding="utf-8")

    def begun(self):
        return [name for name in packed._BEGINNING if (self.run / name).exists()]

    def save(self):
        (self.run / "stage-0.pt").touch()

    def click(self, data=None):
        return [command[0] for command in training.commands(data or self.data, self.run, 50, 4, "")]

    def add(self):
        self.write("c")

    def replace(self):
        self.write("b", "other voxels")

    def touch(self):
        os.utime(self.data / "b.nii.gz", (1, 1))

    def remove(self):
        (self.data / "b.nii.gz").unlink()


@pytest.fixture
def images(tmp_path):
    images = Images(tmp_path)
    assert images.click() == ["prepare", "train"]
    images.pack()
    return images


def test_images_that_were_packed_are_not_packed_again(images):
    assert images.click() == ["train"]
    (images.data / "notes.txt").touch()
    (images.data / ".DS_Store").touch()
    images.save()
    images.data = images.data.rename(images.data.with_name("moved"))
    assert images.click() == ["train"]


@pytest.mark.parametrize("change", [Images.add, Images.replace, Images.touch, Images.remove])
def test_other_images_are_packed_anew_before_the_first_checkpoint_and_refused_after_it(images, change):
    images.begin()
    kept = images.run / "dataset" / "mine.txt"
    kept.touch()
    change(images)
    assert images.click() == ["prepare", "train"]
    assert images.begun() == [] and list(kept.parent.iterdir()) == [kept]
    images.pack()
    assert images.click() == ["train"]
    images.begin()
    images.save()
    images.write("d")
    with pytest.raises(MedDDPMError, match="was begun with other images. Choose a new output folder."):
        images.click()
    assert images.begun() and (kept.parent / "dataset.json").exists()


def test_images_that_were_changed_while_they_were_packed_are_packed_anew(images):
    (images.run / "dataset" / "dataset.json").unlink()
    assert images.click() == ["prepare", "train"]
    images.write("a", "other voxels")
    images.pack()
    assert images.click() == ["prepare", "train"]


def test_a_set_that_was_not_packed_here_is_neither_used_nor_removed(tmp_path):
    images = Images(tmp_path)
    (images.run / "dataset").mkdir(parents=True)
    images.pack()
    with pytest.raises(MedDDPMError, match="was not packed here. Choose that folder as the images"):
        images.click()
    assert images.click(images.run / "dataset") == ["train"] and (images.run / "dataset" / "images.npy").exists()


def test_a_log_that_is_being_written_is_read_line_by_line(tmp_path):
    path = tmp_path / "log.jsonl"
    assert loss_plot.read_log(path) == ([], 0)
    path.write_bytes(b'{"step": 1, "loss": 2.0}\nrubbish\n[1]\n{"step": 2, "lo')
    entries, offset = loss_plot.read_log(path)
    assert entries == [{"step": 1, "loss": 2.0}]
    with open(path, "ab") as file:
        file.write(b'ss": 1.0}\n')
    assert loss_plot.read_log(path, offset)[0] == [{"step": 2, "loss": 1.0}]


def test_the_loss_becomes_a_plot(host):
    plot = loss_plot.LossPlot(slicer.mrmlScene, "run")
    plot.add(
        [
            {"step": 1, "loss": 2.0},
            {"step": 2, "loss": 1.5, "validation_loss": 1.7},
            {"loss": 3},
            {"step": 3, "loss": 1},
        ]
    )
    table = plot.table.GetTable()
    rows = [[table.GetValue(row, column).ToDouble() for column in range(3)] for row in range(table.GetNumberOfRows())]
    assert rows[1] == [2, 1.5, 1.7] and rows[2] == [3, 1, 1.7] and len(rows) == 3
    plot.show(slicer.app.applicationLogic())
    assert slicer.app.applicationLogic().GetSelectionNode().GetActivePlotChartID() == plot.chart.GetID()
    slicer.mrmlScene.Clear(False)
    assert not plot.is_in_scene
