"""The Train box and the import of published weights, by clicks, with the real command line in a process of its own."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import project
import pytest

pytest.importorskip("slicer")
import phantom
import SimpleITK
import slicer
import slicer.util
import tiny_models
from window import PATIENCE, open_window, packages_are_there  # noqa: F401

SHAPE = (44, 48, 40)
STEPS = 2000  # more than are made before Stop is pressed


@pytest.fixture
def images(tmp_path):
    """Four heads of differing texture with their masks, on a 5 mm grid."""
    folder = tmp_path / "images"
    folder.mkdir()
    head, random = phantom.head_array(SHAPE), np.random.default_rng(0)
    mask = np.maximum(head, 2 * phantom.tumor_array(SHAPE))
    for number in range(4):
        texture = head * random.normal(500, 60, SHAPE)
        for name, array in ((f"head{number}", texture.astype(np.float32)), (f"head{number}_mask", mask)):
            image = SimpleITK.GetImageFromArray(array)
            image.SetSpacing((5.0, 5.0, 5.0))
            SimpleITK.WriteImage(image, str(folder / f"{name}.nii.gz"))
    return folder


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of two small stages in place of the bundled one."""
    from MedDDPMSlicerLib.processes import training

    model = copy.deepcopy(tiny_models.MODELS[0])
    detail = {**copy.deepcopy(model["stages"][0]), "domain": {"kind": "haar_detail", "channels": 1, "factor": 1}}
    model["stages"].append(detail)
    stage = {"steps": 1, "batch_size": 1, "warmup": 2, "precision": "float32"}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"seed": 3, "model": model, "training": [stage, dict(stage)]}), encoding="utf-8")
    monkeypatch.setattr(training, "recipe", lambda: path)


@pytest.fixture
def remembered():
    """The list of imported models as it was, afterwards."""
    import qt

    from MedDDPMSlicer import IMPORTED_MODELS_KEY

    yield
    qt.QSettings().remove(IMPORTED_MODELS_KEY)


def points(window):
    """The loss curve's steps and losses."""
    table = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLTableNode").GetTable()
    return [[table.GetValue(row, column).ToDouble() for column in (0, 1)] for row in range(table.GetNumberOfRows())]


def test_training_is_started_stopped_and_resumed_by_clicks(window, images, recipe, remembered, tmp_path):
    box, run = window.train, tmp_path / "run"
    window.widget.panels["train"].widget.collapsed = False
    assert not box.trainButton.enabled and not box.useModelButton.enabled
    window.host.dialogs.answer(str(images), str(run))
    window.click(box.dataButton)
    window.click(box.runButton)
    box.trainStepsSpinBox.value, box.batchSpinBox.value = STEPS, 1
    window.host.process_events()
    assert box.trainButton.text == "Train" and not box.stopButton.enabled
    window.click(box.trainButton)
    window.wait(lambda: "loss" in box.trainStatus.text or not window.widget.panels["train"].process.is_running)
    assert box.stopButton.enabled, box.trainStatus.text
    window.click(box.stopButton)
    window.wait(lambda: not window.widget.panels["train"].process.is_running)
    made = len(points(window))
    assert 0 < made < STEPS and "The training ended." in box.trainStatus.text
    assert (run / "stage-0.pt").is_file() and box.trainButton.text == "Resume"

    box.trainStepsSpinBox.value = made + 5
    window.host.process_events()
    window.click(box.trainButton)
    window.wait(lambda: not window.widget.panels["train"].process.is_running)
    logs = [(run / f"stage-{stage}.jsonl").read_text(encoding="utf-8").splitlines() for stage in (0, 1)]
    assert [json.loads(line)["step"] for line in logs[0]] == list(range(1, made + 6))
    shown = points(window)
    assert [step for step, _ in shown] == list(range(1, 2 * (made + 5) + 1))
    assert [loss for _, loss in shown] == [json.loads(line)["loss"] for log in logs for line in log]
    assert box.trainProgress.value == 100
    newest = max(run.glob("samples/*.png"), key=lambda path: path.stat().st_mtime)
    assert newest.name.startswith("stage-1") and not box.sampleLabel.pixmap.isNull()
    window.click(box.plotButton)
    chart = slicer.app.applicationLogic().GetSelectionNode().GetActivePlotChartID()
    assert slicer.mrmlScene.GetNodeByID(chart).GetName() == "run loss"
    window.screenshot("30-training")

    before = window.parameters.model
    window.click(box.useModelButton)
    assert window.parameters.model == str(run / "model") and "is chosen" in box.trainStatus.text
    window.parameters.model = before
    window.host.dialogs.answer(str(run / "model"))
    window.widget.panels["advanced"].widget.collapsed = False
    window.host.process_events()
    window.click(window.advanced.importButton)
    assert window.parameters.model == str(run / "model")


def test_images_that_are_added_after_an_aborted_start_are_trained_on(window, images, recipe, tmp_path):
    box, run, process = window.train, tmp_path / "run", window.widget.panels["train"].process
    window.parameters.trainingData, window.parameters.trainingRun = str(images), str(run)
    window.parameters.trainingSteps, window.parameters.trainingBatch = STEPS, 1
    window.widget.panels["train"].widget.collapsed = False
    window.host.process_events()
    window.click(box.trainButton)
    window.wait(lambda: "loss" in box.trainStatus.text or not process.is_running)
    process._transport.kill()
    assert "crashed or was killed" in box.trainStatus.text and not (run / "stage-0.pt").exists()
    for ending in (".nii.gz", "_mask.nii.gz"):
        shutil.copy(images / f"head3{ending}", images / f"head4{ending}")
    window.click(box.trainButton)
    window.wait(lambda: "loss" in box.trainStatus.text or not process.is_running)
    window.click(box.stopButton)
    window.wait(lambda: not process.is_running)
    assert "The training ended." in box.trainStatus.text and (run / "stage-0.pt").is_file()
    described = json.loads((run / "dataset" / "dataset.json").read_text(encoding="utf-8"))
    assert [case["id"] for case in described["cases"]] == [f"head{number}" for number in range(5)]
    (images / "head4.nii.gz").unlink()
    window.click(box.trainButton)
    assert "begun with other images. Choose a new output folder." in box.trainStatus.text and not process.is_running


def test_an_image_that_cannot_be_packed_is_told_of_at_each_click_until_it_is_removed(window, images, recipe, tmp_path):
    box, run, process = window.train, tmp_path / "run", window.widget.panels["train"].process
    (images / "broken.nii.gz").write_bytes(b"no image")
    window.parameters.trainingData, window.parameters.trainingRun = str(images), str(run)
    window.parameters.trainingSteps, window.parameters.trainingBatch = 1, 1
    window.widget.panels["train"].widget.collapsed = False
    window.host.process_events()
    for _click in range(2):
        window.click(box.trainButton)
        window.wait(lambda: not process.is_running)
        assert "these images could not be packed: broken: " in box.trainStatus.text
        assert box.trainStatus.text.endswith("remove them from the folder, then press Train again.")
        assert "exit code" not in box.trainStatus.text and not (run / "stage-0.jsonl").exists()
    (images / "broken.nii.gz").unlink()
    window.click(box.trainButton)
    window.wait(lambda: not process.is_running)
    assert "The training ended." in box.trainStatus.text and (run / "model").is_dir()


def test_leaving_slicer_lets_a_training_save_its_checkpoint(window, images, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("MedDDPMSlicerLib.processes.command_process.CLOSE_GRACE_MS", int(1000 * PATIENCE))
    run, process = tmp_path / "run", window.widget.panels["train"].process
    window.parameters.trainingData, window.parameters.trainingRun = str(images), str(run)
    window.parameters.trainingSteps, window.parameters.trainingBatch = STEPS, 1
    window.widget.panels["train"].widget.collapsed = False
    window.host.process_events()
    window.click(window.train.trainButton)
    window.wait(lambda: "loss" in window.train.trainStatus.text or not process.is_running)
    assert process.is_running and not (run / "stage-0.pt").exists()
    window.host.quit()
    assert not process.is_running and (run / "stage-0.pt").is_file()


def test_a_training_that_cannot_start_says_why(window, tmp_path, recipe):
    (tmp_path / "empty").mkdir()
    window.parameters.trainingData, window.parameters.trainingRun = str(tmp_path / "empty"), str(tmp_path / "run")
    window.widget.panels["train"].widget.collapsed = False
    window.host.process_events()
    window.click(window.train.trainButton)
    window.wait(lambda: not window.widget.panels["train"].process.is_running)
    assert "holds no image" in window.train.trainStatus.text and window.train.trainButton.text == "Train"


def test_an_output_folder_that_cannot_be_made_is_said(window, tmp_path, recipe, images):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    window.parameters.trainingData, window.parameters.trainingRun = str(images), str(tmp_path / "file" / "run")
    window.widget.panels["train"].widget.collapsed = False
    window.host.process_events()
    window.click(window.train.trainButton)
    assert "could not be written" in window.train.trainStatus.text, window.train.trainStatus.text


CHECKPOINT = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from MedDDPMCore.networks.unet import UNet
network = UNet(3, 1, 32, channel_multipliers=(1, 2), res_blocks=1, attention_factors=(2,))
weights = {"denoise_fn." + name: value for name, value in network.state_dict().items()}
torch.save({"step": 7, "model": weights, "ema": weights}, sys.argv[2])
"""


def test_published_weights_become_a_model_that_is_chosen(window, tmp_path, remembered):
    import qt

    file = tmp_path / "model_128.pt"
    subprocess.run([sys.executable, "-c", CHECKPOINT, str(project.ROOT), str(file)], check=True)
    window.widget.panels["advanced"].widget.collapsed = False
    window.host.dialogs.answer(qt.QMessageBox.Ok, str(file))
    window.click(window.advanced.publishedButton)
    assert "terms" in window.host.dialogs.shown[0].text
    assert not window.advanced.publishedButton.enabled and window.advanced.publishedButton.text == "Converting…"
    window.wait(lambda: window.advanced.publishedButton.enabled)
    folder = Path(window.parameters.model)
    assert folder.name == "model_128" and (folder / "weights.safetensors").is_file()
    assert "published weights" in window.advanced.modelCombo.currentText
    assert "terms apply" in window.advanced.modelText.text
    assert not window.synthesize_button.enabled  # there is no segmentation yet
    assert [role.label for role in window.widget.roles] == ["head", "tumor"]


def test_a_file_that_is_no_checkpoint_is_refused_in_words(window, tmp_path):
    import qt

    file = tmp_path / "photo.pt"
    file.write_bytes(b"nothing of the kind")
    before = window.parameters.model
    window.widget.panels["advanced"].widget.collapsed = False
    window.host.dialogs.answer(qt.QMessageBox.Ok, str(file))
    window.click(window.advanced.publishedButton)
    window.wait(lambda: window.advanced.publishedButton.enabled)
    text = window.host.dialogs.shown[-1].text
    assert "were not imported" in text and "photo.pt" in text
    assert window.parameters.model == before
