"""What commands tell programs: with --json, standard output is one JSON document."""

import json
from pathlib import Path

import numpy as np
import pytest
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A mask, a folder of masks of which one is an image, and an MRI; the small model is the default one."""
    write_model(tmp_path / "models" / "default", name="default")
    monkeypatch.setenv("MEDDDPM_MODELS", str(tmp_path / "models"))
    mask = head(box((6, 6, 6), (190, 230, 220)))
    mri = np.choose(mask.array, (5, 300, 500)) + np.random.default_rng(0).normal(0, 8, mask.array.shape)
    (tmp_path / "masks").mkdir()
    mask.write(tmp_path / "mask.nii.gz")
    mask.write(tmp_path / "masks" / "a.nii.gz")
    for name in ("mri.nii.gz", "masks/b.nii.gz"):
        Volume(mri.astype(np.int16), mask.geometry).write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


QUICK = ["--steps", "1", "--device", "cpu", "--json"]


def told(capsys, *arguments: str) -> tuple[int, dict]:
    code = main([*arguments])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", [["synthesize", "mask.nii.gz"], ["edit", "mri.nii.gz", "mask.nii.gz"]])
def test_images_are_told_with_their_files_and_what_their_records_say(command, folder, capsys):
    code, values = told(capsys, *command, "out", "--samples", "2", *QUICK)
    assert code == 0 and [image["seed"] for image in values["images"]] == [0, 1]
    for image in values["images"]:
        assert all(Path(image[key]).is_file() for key in ("path", "record", "picture"))
        assert image["model"] == "default" and image["modality"] == "T1" and image["device"] == "cpu"


def test_masks_that_are_left_out_are_told_with_the_reason(folder, capsys):
    code, values = told(capsys, "synthesize", "masks", "out", *QUICK)
    assert code == 1 and len(values["images"]) == 1
    assert list(values["failed"]) == ["masks/b.nii.gz"]
    assert [said for said in values["messages"] if said["mask"] == "masks/b.nii.gz"]
    code, values = told(capsys, "dataset", "masks", "set", "--layout", "nnunet", *QUICK)
    assert code == 1 and len(values["made"]) == values["cases"] == 1
    assert list(values["failed"]) == ["masks/b.nii.gz"] and values["folder"] == "set"


def test_checks_are_told_without_making_anything(folder, capsys):
    code, values = told(capsys, "synthesize", "masks", "out", "--check", *QUICK)
    good, bad = values["masks"]
    assert code == 1 and good["labels"]["head"] > 0 and "does not know" in bad["error"] and not Path("out").exists()
    code, values = told(capsys, "edit", "mri.nii.gz", "mask.nii.gz", "out", "--dry-run", *QUICK)
    assert code == 0 and set(values) == {"warnings", "notes"} and not Path("out").exists()


def test_metrics_are_told_and_what_is_no_number_is_null(folder, capsys):
    for name in ("real", "made"):
        (folder / name).mkdir()
        for number in range(2):
            (folder / name / f"{number}.nii.gz").write_bytes((folder / "mri.nii.gz").read_bytes())
    code, values = told(capsys, "evaluate", "real", "made", "report", "--device", "cpu", "--json")
    assert told(capsys, "evaluate", "real", "made", "report", "--device", "cpu", "--json") == (code, values)
    assert code == 0 and all(Path(path).is_file() for path in values["files"])
    matched = next(row for row in values["metrics"] if row["metric"] == "MSE of matched images")
    assert matched["interval"]["value"] == 0 and matched["floor"] is None


def test_a_report_is_not_written_among_a_users_files(folder, capsys):
    Path("mine").mkdir()
    Path("mine", "report.md").write_text("my own report")
    code, values = told(capsys, "evaluate", "real", "made", "mine", "--device", "cpu", "--json")
    assert code == 1 and "mine is not empty" in values["error"]["message"]
    assert Path("mine", "report.md").read_text() == "my own report" and len(list(Path("mine").iterdir())) == 1


def test_what_goes_wrong_is_told_too(folder, capsys):
    code, values = told(capsys, "synthesize", "nothing.nii.gz", "out", *QUICK)
    assert code == 1 and "nothing.nii.gz" in values["error"]["message"] and values["error"]["code"] == "volume"
