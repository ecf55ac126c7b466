"""Preparing and training from the command line: what is lost is said and does not pass for success."""

import numpy as np
import pytest
from phantoms import box, head
from small_models import write_model

from MedDDPMCore.cli import main
from MedDDPMCore.volumes.volume import Volume


@pytest.fixture
def images(tmp_path):
    """Two MRI, and one whose content is elsewhere."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_model(tmp_path / "model")
    mask = head(box((6, 6, 6), (190, 230, 220)))
    for name in ("a", "b"):
        mri = np.choose(mask.array, (5, 300, 500)) + np.random.default_rng(ord(name)).normal(0, 8, mask.array.shape)
        Volume(mri.astype(np.int16), mask.geometry).write(folder / f"{name}.nii.gz")
    (folder / "c.nii.gz").symlink_to("../.git/annex/objects/x/y/MD5E-s1--z.nii.gz/MD5E-s1--z.nii.gz")
    return folder


def test_a_case_that_is_lost_ends_prepare_with_an_error_unless_that_was_asked_for(images, tmp_path, capsys):
    arguments = ["prepare", str(images), str(tmp_path / "set"), "--model", str(tmp_path / "model")]
    assert main(arguments) == 1
    printed = capsys.readouterr().out
    assert "2 cases packed" in printed and "c: " in printed and "datalad get" in printed
    arguments[2] += "-2"
    assert main([*arguments, "--skip-failed"]) == 0
    assert "datalad get" in capsys.readouterr().out
    (images / "c.nii.gz").unlink()
    arguments[2] += "-3"
    assert main(arguments) == 0
