"""`medddpm synthesize` and `head-mask` with what a clinician has: an MRI, and a tumour mask alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from phantoms import box, centre_of_mass, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.commands import command
from MedDDPMCore.volumes import brats
from MedDDPMCore.volumes.volume import Volume

ROOM = box((6, 6, 6), (190, 230, 220))


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """A folder with mri.nii.gz, a T1 of a phantom, and tumor.nii.gz, 0 and 1."""
    write_model(tmp_path / "models" / "small")
    monkeypatch.setenv("MEDDDPM_MODELS", str(tmp_path / "models"))
    phantom = head(ROOM)
    noise = np.random.default_rng(0).normal(0, 5, phantom.array.shape)
    Volume((np.choose(phantom.array, (0, 300, 450)) + noise).astype(np.float32), ROOM).write(tmp_path / "mri.nii.gz")
    Volume((phantom.array == 2).astype(np.uint8), ROOM).write(tmp_path / "tumor.nii.gz")
    return tmp_path


def test_an_mri_and_its_tumour_mask_become_an_image_in_one_command(patient, capsys):
    command_line = ["synthesize", str(patient / "tumor.nii.gz"), str(patient / "out.nii.gz"), "--model", "small"]
    assert main([*command_line, "--device", "cpu"]) == 1
    assert "Is label 1 the tumour" in capsys.readouterr().err and not (patient / "out.nii.gz").exists()
    assert main([*command_line, "--device", "cpu", "--mri", str(patient / "mri.nii.gz")]) == 0
    assert "made from the MRI" in capsys.readouterr().err
    made = Volume.read(patient / "out.nii.gz")
    assert made.geometry.matches(ROOM)
    assert json.loads((patient / "out.json").read_text())["synthetic"] is True


def test_check_examines_the_head_as_the_run_would_and_what_the_user_says_overrules_it(patient, capsys):
    check = ["synthesize", str(patient / "tumor.nii.gz"), str(patient / "out"), "--model", "small", "--check"]
    assert main(check) == 1
    assert "too small" in capsys.readouterr().out
    assert main([*check, "--mri", str(patient / "mri.nii.gz")]) == 0
    assert "tumor 7.3 ml" in capsys.readouterr().out
    assert main([*check, "--labels", "head=1"]) == 0
    assert "too small" in capsys.readouterr().out
    assert not (patient / "out").exists()


def test_an_mri_of_one_patient_is_not_taken_for_several_masks(patient, capsys):
    masks = patient / "masks"
    masks.mkdir()
    for name in ("a", "b"):
        head(ROOM).write(masks / f"{name}.nii.gz")
    assert main(["synthesize", str(masks), str(patient / "out"), "--mri", str(patient / "mri.nii.gz")]) == 1
    assert "is the MRI of one patient, and there are 2 masks" in capsys.readouterr().err


@pytest.mark.parametrize("rule", ["folder", "table"])
def test_several_masks_each_get_the_head_of_their_own_patients_mri(patient, rule, capsys):
    for name in ("masks", "mris"):
        (patient / name).mkdir()
    (patient / "masks" / "p1_seg.nii.gz").write_bytes((patient / "tumor.nii.gz").read_bytes())
    head(ROOM).write(patient / "masks" / "p2_mask.nii.gz")
    (patient / "mris" / "p1_t1c.nii.gz").write_bytes((patient / "mri.nii.gz").read_bytes())
    (patient / "mris" / "p1_flair.nii.gz").touch()
    (patient / "mris.csv").write_text("mask,mri\nmasks/p1_seg.nii.gz,mris/p1_t1c.nii.gz\n")
    given = {"folder": ["mris", "--mri-suffix", "_t1c"], "table": ["mris.csv"]}[rule]
    check = [
        str(patient / "masks"),
        str(patient / "out"),
        "--check",
        "--model",
        "small",
        "--mri",
        str(patient / given[0]),
    ]
    for name in (["synthesize"], ["dataset", "--layout", "bids"]):
        assert main([*name, *check, *given[1:]]) == 0
        told = capsys.readouterr().out
        assert told.count("made from the MRI") == 1 and "p2_mask" in told
    if rule == "folder":
        assert main(["synthesize", *check]) == 1
        assert "Several MRIs" in capsys.readouterr().err


def test_a_data_set_takes_heads_from_mris_and_labels_what_it_shows(patient):
    options = ["--mri", str(patient / "mri.nii.gz"), "--model", "small", "--device", "cpu", "--steps", "1"]
    out = patient / "out"
    assert main(["dataset", str(patient / "tumor.nii.gz"), str(out), "--layout", "nnunet", *options]) == 0
    [label] = (out / "labelsTr").iterdir()
    own = Volume.read(label, labels=True)
    assert own.geometry.matches(ROOM) and np.array_equal(own.array == 2, head(ROOM).array == 2)


def test_brats_numbers_are_taken_as_the_year_says_and_a_cavity_is_no_tumour(patient):
    parts = head(ROOM, radius=16).array // 2 * 2
    for value, radius in ((1, 12), (3, 9), (4, 7)):
        parts[head(ROOM, radius=radius).array == 2] = value
    Volume(parts, ROOM).write(patient / "seg.nii.gz")
    for year, values in (("2024", (1, 2, 3)), ("2021", (1, 2, 4))):
        given = ["--tumor", str(patient / "seg.nii.gz"), "--brats-labels", year]
        assert main(["head-mask", str(patient / "mri.nii.gz"), str(patient / f"{year}.nii.gz"), *given]) == 0
        made = Volume.read(patient / f"{year}.nii.gz", labels=True)
        assert np.array_equal(made.array == 2, np.isin(parts, values))
        assert (made.array[parts > 0] > 0).all()


def test_lesion_tools_take_a_tumour_alone_with_its_mri_and_say_when_it_comes_to_lie_in_bone(patient, capsys):
    tumor, mri = str(patient / "tumor.nii.gz"), ["--mri", str(patient / "mri.nii.gz")]
    assert main(["lesion", "list", tumor]) == 1
    assert "--mri" in capsys.readouterr().err
    assert main(["lesion", "move", tumor, str(patient / "moved.nii.gz"), "--by", "-10,0,5", *mri]) == 0
    assert "outside the brain" not in capsys.readouterr().err
    moved = Volume.read(patient / "moved.nii.gz", labels=True)
    np.testing.assert_allclose(centre_of_mass(moved, 2), (30, 10, 20), atol=2)
    assert main(["lesion", "move", tumor, str(patient / "bone.nii.gz"), "--by", "0,0,55", *mri]) == 0
    assert "lies outside the brain" in capsys.readouterr().err


def test_the_choices_of_the_grammar_are_those_there_are():
    assert command.NUMBERINGS == brats.NUMBERINGS


def test_values_of_options_may_begin_with_a_dash(patient, capsys):
    assert main(["prepare", str(patient), str(patient / "set"), "--image-suffix", "-t1n"]) == 1
    assert "-t1n.nii.gz" in capsys.readouterr().err
    for wrong in (["synthesize", "a", "b", "-x"], ["synthesize", "a", "b", "--sampler", "none"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2
    assert "ddim" in capsys.readouterr().err
