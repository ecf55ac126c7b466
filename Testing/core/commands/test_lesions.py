"""`medddpm lesion …` and `medddpm edit`, as a user calls them."""

import csv

import numpy as np
import pytest
from phantoms import box, centre_of_mass, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / "mask.nii.gz"
    volume = head(box((4, 4, 5), (170, 210, 190)))
    z, y, x = np.argwhere(volume.array == 2).max(axis=0)
    volume.array[z - 2, y - 2, x : x + 4] = 2  # a spike, for smoothing to take off
    volume.write(path)
    return path


@pytest.mark.parametrize("command", [["lesion", "remove"], ["head-mask"], ["deface"]], ids=" ".join)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_made(tmp_path, capsys, command):
    (tmp_path / "there.nii").touch()
    for name, told in (("new.mhd", "cannot be written as that kind"), ("there.nii", "is there already")):
        assert main([*command, str(tmp_path / "nowhere.nii"), str(tmp_path / name)]) == 1
        said = capsys.readouterr().err
        assert told in said and "nowhere" not in said


def test_a_lesion_is_moved_by_numbers_as_slicer_shows_them(mask, tmp_path, capsys):
    out = tmp_path / "new.nii.gz"
    assert main(["lesion", "move", str(mask), str(out), "--by=30,-5,8"]) == 0
    moved = centre_of_mass(Volume.read(out, labels=True), 2) - centre_of_mass(Volume.read(mask, labels=True), 2)
    np.testing.assert_allclose(moved, (-30, 5, 8), atol=2.5)
    assert "cut off" in capsys.readouterr().err


@pytest.mark.parametrize(
    "tool",
    [
        ["scale", "--factor", "1.5"], ["rotate", "--degrees", "10,0,30"], ["mirror"], ["mirror", "--geometric"],
        ["grow", "--mm", "4"], ["smooth", "--mm", "6"], ["remove"], ["duplicate", "--count", "2"],
        ["place", "--ml", "3"], ["place", "--at=30,-10,20"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_tool_writes_a_mask_with_the_same_head(mask, tmp_path, tool):
    out = tmp_path / "new.nii.gz"
    assert main(["lesion", tool[0], str(mask), str(out), *tool[1:]]) == 0
    before, after = (Volume.read(path, labels=True) for path in (mask, out))
    assert np.array_equal(before.array > 0, after.array > 0)
    assert not np.array_equal(before.array, after.array)


def test_no_tool_writes_over_a_mask_least_of_all_its_own(mask, capsys):
    before = mask.read_bytes()
    assert main(["lesion", "grow", str(mask), str(mask), "--mm", "4"]) == 1
    assert "already" in capsys.readouterr().err and mask.read_bytes() == before


def test_a_sweep_writes_masks_and_a_table_and_passes_over_shifts_out_of_the_head(mask, tmp_path, capsys):
    out = tmp_path / "masks"
    command = ["lesion", "sweep", str(mask), str(out), "--scales", "0.5,2", "--step", "50,0,0", "--steps", "3"]
    assert main(command) == 0
    with open(out / "sweep.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["mask"] for row in rows} == {path.name for path in out.glob("*.nii.gz")}
    assert len(rows) == 4 and "left out" in capsys.readouterr().err


def test_a_shape_is_listed_saved_and_placed(mask, tmp_path, capsys):
    library = str(tmp_path / "library")
    assert main(["lesion", "list", str(mask)]) == 0
    ml = float((Volume.read(mask).array == 2).sum()) * 0.08
    assert capsys.readouterr().out.startswith(f"1: {ml:.2f} ml at R ")
    assert main(["lesion", "save", str(mask), "round", "--library", library]) == 0
    out = tmp_path / "two.nii.gz"
    command = ["lesion", "place", str(mask), str(out), "--shape", "round", "--library", library, "--at=30,10,20"]
    assert main(command) == 0
    assert (Volume.read(out).array == 2).sum() == 2 * (Volume.read(mask).array == 2).sum()
    assert main(["lesion", "save", str(mask), "round", "--library", library]) == 1


def test_words_where_numbers_belong_are_refused_and_nothing_is_written(mask, tmp_path, capsys):
    out = tmp_path / "new.nii.gz"
    assert main(["lesion", "move", str(mask), str(out), "--by=1,two,3"]) == 1
    assert "not 3 numbers" in capsys.readouterr().err and not out.exists()


def test_an_edit_of_a_synthetic_image_is_not_written_over_that_image(mask, tmp_path, capsys):
    made = tmp_path / "made.nii.gz"
    labels = Volume.read(mask, labels=True)
    Volume(labels.array.astype(np.int16) * 200, labels.geometry).write(made, {"SYNTHETIC": "T1"})
    before = made.read_bytes()
    options = ["--model", str(write_model(tmp_path / "small")), "--steps", "1", "--device", "cpu"]
    assert main(["edit", str(made), str(mask), str(made), *options]) == 1
    assert "is an input" in capsys.readouterr().err and made.read_bytes() == before


def test_an_mri_is_edited_from_the_difference_of_two_masks(mask, tmp_path, capsys):
    model = write_model(tmp_path / "small")
    labels = Volume.read(mask, labels=True)
    mri = Volume(labels.array.astype(np.int16) * 200, labels.geometry)
    mri.write(tmp_path / "scan.nii.gz")
    assert main(["lesion", "remove", str(mask), str(tmp_path / "healthy.nii.gz")]) == 0
    capsys.readouterr()
    command = ["edit", str(tmp_path / "scan.nii.gz"), str(tmp_path / "healthy.nii.gz"), str(tmp_path / "out")]
    options = ["--source", str(mask), "--model", str(model), "--steps", "2", "--device", "cpu"]
    assert main([*command, *options]) == 0
    image = Volume.read(capsys.readouterr().out.strip())
    changed = image.array != mri.array
    assert image.array.dtype == np.int16 and changed[labels.array == 2].mean() > 0.5
    assert changed.sum() < 0.2 * (labels.array > 0).sum()
    assert main([*command, *options, "--margin", "3"]) == 1
    assert "margin_mm 8.0, not 3.0" in capsys.readouterr().err and len(list((tmp_path / "out").iterdir())) == 3
    assert main([*command, *options, "--samples", "2"]) == 0, "as after a run that was killed between the two"
    said = capsys.readouterr()
    assert "seed0.nii.gz is there already" in said.err and said.out.strip().endswith("seed1.nii.gz")
    assert main([*command[:3], str(tmp_path / "new"), "--model", str(model)]) == 1
    assert "nothing to edit" in capsys.readouterr().err
