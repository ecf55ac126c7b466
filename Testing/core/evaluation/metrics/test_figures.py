"""Figures are written by one command each, and what cannot be drawn is said."""

from __future__ import annotations

import sys

import numpy as np
import phantoms
import pytest

from MedDDPMCore.cli import main
from MedDDPMCore.evaluation.metrics import figures
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def files(tmp_path):
    """An image and its mask, and a mask without a tumour."""
    pytest.importorskip("matplotlib")
    geometry = phantoms.box((6, 6, 8), (180, 220, 200))
    mask = phantoms.head(geometry)
    image = np.where(mask.array > 0, 400 + 300 * (mask.array == 2), 0).astype(np.int16)
    Volume(image, geometry).write(tmp_path / "image.nii")
    mask.write(tmp_path / "mask.nii")
    Volume((mask.array > 0).astype(np.uint8), geometry).write(tmp_path / "healthy.nii")
    return tmp_path


def picture(path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "OUT", "image.nii", "image.nii", "--names", "real", "synthetic"],
        ["tumors", "OUT", "--masks", "mask.nii", "--images", "image.nii"],
        ["samples", "OUT", "--masks", "mask.nii", "--images", "image.nii", "image.nii", "image.nii"],
        ["masks", "OUT", "--masks", "mask.nii", "healthy.nii", "--images", "image.nii", "image.nii"],
    ],
)
def test_each_figure_is_one_command(files, arguments, monkeypatch):
    monkeypatch.chdir(files)
    assert main(["figures", *("out.png" if a == "OUT" else a for a in arguments)]) == 0
    drawn = picture(files / "out.png")
    assert min(drawn.shape[:2]) > 200
    outlined = (drawn[..., 0] > 0.9) & (drawn[..., 1] < 0.5)
    assert outlined.any() == (arguments[0] != "compare")
    assert not list(files.glob(".*"))


def test_a_large_tumour_fits_into_the_zoom_and_names_with_dots_and_volumes_are_told(files, monkeypatch):
    geometry = phantoms.box((3, 3, 3), (180, 220, 200))
    for name, radius in (("scale0.5", 8.0), ("scale2.0", 45.0)):
        phantoms.head(geometry, radius=radius).write(files / f"{name}.nii")
    rows = []
    monkeypatch.setattr(figures, "draw", lambda _, panels: rows.extend(panels))
    masks = [files / "scale0.5.nii", files / "scale2.0.nii"]
    figures.tumors(files / "out.png", [files / "image.nii"] * 2, masks, 2)
    assert [row[0].title.splitlines()[0] for row in rows] == ["image", "image"]
    millilitres = [float(row[0].title.split()[-2]) for row in rows]
    assert millilitres[1] > 20 * millilitres[0] > 0
    for row in rows:
        outlined = row[2].lesion
        assert outlined.any() and not (outlined[[0, -1]].any() or outlined[:, [0, -1]].any())
        assert row[2].picture.shape == rows[0][2].picture.shape
    rows.clear()
    figures.manipulated(files / "out.png", [*masks, files / "healthy.nii"], [files / "image.nii"] * 3, 2)
    titles = [panel.title.splitlines() for panel in rows[0]]
    assert [title[0] for title in titles] == ["scale0.5", "scale2.0", "healthy"] and titles[2][1] == "no tumour"


def test_what_cannot_be_drawn_is_said(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    for arguments, message in (
        (["tumors", "out.png", "--masks", "healthy.nii", "--images", "image.nii"], "no voxel of label 2"),
        (["masks", "out.png", "--masks", "mask.nii", "mask.nii", "--images", "image.nii"], "2 masks were given for 1"),
        (["compare", "out.png", "none.nii"], "none.nii"),
        (["compare", "mask.nii", "image.nii"], "is not written over"),
        (["compare", "out.nii", "image.nii"], "is not named as a PNG"),
    ):
        assert main(["figures", *arguments]) == 1
        assert message in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert main(["figures", "compare", "out.png", "image.nii"]) == 1
    assert "pip install matplotlib" in capsys.readouterr().err
    assert not (files / "out.png").exists()
