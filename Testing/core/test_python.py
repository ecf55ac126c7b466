"""The doors of Python: the page about them runs, and what is written through them is what the command line writes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from phantoms import box, head
from skimage.io import imread
from small_models import write_model

import MedDDPMCore
from MedDDPMCore.base.errors import VolumeError
from MedDDPMCore.volumes.volume import Volume

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "Documentation" / "python.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which the page's Python ran, with a small untrained model as the default one."""
    folder = tmp_path_factory.mktemp("python")
    write_model(folder / "models" / "default", name="default")
    mask = head(box((4, 4, 4), (176, 216, 196)))
    mask.write(folder / "one_tumor.nii.gz")
    generator = np.random.default_rng(0)
    for number, name in enumerate(
        ["mri.nii.gz", *(f"{name}/{k}.nii.gz" for name in ("real", "generated") for k in range(2))]
    ):
        image = np.choose(mask.array, (5, 300, 500 + 10 * number)) + generator.normal(0, 8, mask.array.shape)
        (folder / name).parent.mkdir(exist_ok=True)
        Volume(image.astype(np.int16), mask.geometry).write(folder / name)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    python(folder, "-c", code)
    return folder


def python(folder, *arguments):
    """Runs Python in a process of its own: images agree bit for bit where as many threads compute them."""
    places = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "MEDDDPM_MODELS": str(folder / "models")}
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, env=places, stdout=subprocess.DEVNULL)


def test_the_pages_python_makes_the_files_that_it_names(made):
    for seed in range(2):
        for ending in (".nii.gz", ".json", ".png"):
            assert (made / "synthetic" / f"one_tumor_synthetic_T1_seed{seed}{ending}").is_file()
    assert {path.suffix for path in (made / "edits").iterdir()} == {".gz", ".json", ".png"}
    assert "# " in (made / "report" / "report.md").read_text(encoding="utf-8")
    assert json.loads((made / "edits" / "mri_edited_synthetic_seed0.json").read_text())["mass_effect"] == 0.5


def test_files_written_from_python_are_those_of_the_command_line(made, tmp_path):
    medddpm, common = ["-m", "MedDDPMCore.cli"], ["--steps", "10", "--device", "cpu"]
    python(made, *medddpm, "synthesize", "one_tumor.nii.gz", str(tmp_path / "s"), *common)
    python(
        made, *medddpm, "edit", "mri.nii.gz", "one_tumor.nii.gz", str(tmp_path / "e"), "--mass-effect", "0.5", *common
    )
    for ours, theirs in (("synthetic", "s"), ("edits", "e")):
        for path in (tmp_path / theirs).iterdir():
            other = made / ours / path.name
            if path.suffix == ".gz":
                one, two = nibabel.load(path), nibabel.load(other)
                assert np.array_equal(one.dataobj, two.dataobj) and one.header == two.header
                assert b"SYNTHETIC" in one.header["descrip"].item()
            elif path.suffix == ".png":
                assert np.array_equal(imread(path), imread(other))
            else:
                one, two = (json.loads(p.read_text()) for p in (path, other))
                assert {**one, "date": 0, "image_sha256": 0} == {**two, "date": 0, "image_sha256": 0}


def test_a_result_never_replaces_a_file_that_was_not_made_so(made, tmp_path):
    model = MedDDPMCore.load_model(made / "models" / "default", "cpu", "float32")
    mask = Volume.read(made / "one_tumor.nii.gz", labels=True)
    [result] = model.synthesize(mask, steps=1)
    own = tmp_path / "scan.nii.gz"
    own.write_bytes(b"mine")
    with pytest.raises(VolumeError, match="not written over"):
        result.write(own)
    assert own.read_bytes() == b"mine" and list(tmp_path.iterdir()) == [own]
    [path] = result.write(tmp_path / "new.nii.gz")
    assert path == tmp_path / "new.nii.gz" and result.write(path) == [path]
